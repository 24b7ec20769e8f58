"""Confidence is what a detector's score is worth: it never falls, and portraits are as sure as programs demand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrek.domain.faces import float32
from openrek.domain.quality import LIMITS
from openrek.vision.faces.confidence import confidence_pct
from openrek.vision.faces.reader import FaceReader


@given(st.floats(0, 1), st.floats(0, 1))
def test_confidence_never_falls_as_the_score_rises(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0 < confidence_pct(low) <= confidence_pct(high) < 100
    assert confidence_pct(one) == float32(confidence_pct(one))


@pytest.mark.parametrize(("score", "pct"), [(0.7, 55), (0.78, 89), (0.8, 91.5), (0.85, 97), (0.93, 99.95), (1, 99.999)])
def test_scores_are_worth_what_they_were_on_photos(score: float, pct: float) -> None:
    assert confidence_pct(score) == pytest.approx(pct, abs=0.05)


@pytest.mark.parametrize(("level", "score"), [("LOW", 0.75), ("MEDIUM", 0.82), ("HIGH", 0.88)])
def test_the_quality_filter_draws_its_lines_where_it_did_in_scores(level: str, score: float) -> None:
    limit = LIMITS[level].confidence
    assert confidence_pct(score - 0.001) < limit <= confidence_pct(score + 0.0001)


@pytest.mark.parametrize("name", ["obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg", "astronaut.png"])
def test_portraits_are_as_sure_as_programs_demand(reader: FaceReader, photos: dict[str, bytes], name: str) -> None:
    assert reader.read(photos[name]).faces[0].confidence > 99
