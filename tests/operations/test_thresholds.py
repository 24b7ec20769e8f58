"""The store is asked for the lowest cosine that a threshold admits: no match may be lost there."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from openrek.domain.faces import float32
from openrek.domain.models import SFACE


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


@given(similarity=st.floats(1.0, 99.9))
def test_what_is_asked_for_is_close_to_the_threshold(similarity: float) -> None:
    assert SFACE.similarity_pct(SFACE.lowest_cosine(similarity)) >= similarity - 0.01
