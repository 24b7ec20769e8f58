"""The store is asked for the lowest cosine that a threshold admits: no match may be lost there."""

import math

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from openrek.domain.faces import float32
from openrek.domain.models import SFACE, FaceModel


@given(cosine=st.floats(-1.0, 1.0))
@example(cosine=0.614)
@example(cosine=0.6146)
@example(cosine=0.7)
@example(cosine=1.0)
@example(cosine=-1.0)
def test_a_match_at_the_threshold_is_never_cut_off(cosine: float) -> None:
    similarity = SFACE.similarity_pct(cosine)
    assert SFACE.lowest_cosine(similarity) <= cosine
    higher = float(np.nextafter(np.float32(similarity), np.float32(200)))
    between = (similarity + higher) / 2
    if float32(between) == similarity and between <= 100:
        assert SFACE.lowest_cosine(between) <= cosine


@given(similarity=st.floats(0.0, 100.0))
@example(similarity=100.0)
@example(similarity=float(np.nextafter(np.float32(100), np.float32(0))))
def test_and_nothing_below_it_is_asked_for(similarity: float) -> None:
    lowest = SFACE.lowest_cosine(similarity)
    assert -1.0 <= lowest <= 1.0
    assert SFACE.similarity_pct(lowest) >= float32(similarity)
    if lowest > -1.0:
        assert SFACE.similarity_pct(float(np.nextafter(lowest, -1.0))) < float32(similarity)


def test_a_threshold_that_no_pair_reaches_lets_nothing_through() -> None:
    flat = FaceModel(version="1.0", name="flat", dimensions=4, slope=1.0, midpoint=0.0, clear_length=1.0)
    assert flat.similarity_pct(1.0) < 75
    assert flat.lowest_cosine(75.0) == math.inf
