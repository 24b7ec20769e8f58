"""What Similarity means is a promise: docs/ACCURACY.md gives the curve, and callers keep thresholds."""

import math
import re
from dataclasses import replace
from pathlib import Path

import pytest

from openrek.domain.models import SFACE

ACCURACY = Path(__file__).parents[2] / "docs" / "ACCURACY.md"


@pytest.mark.parametrize(
    ("cosine", "similarity_pct"),
    [
        (-1.0, 5.656877e-20),
        (0.0, 0.000243880488),
        (0.2, 0.325598221),
        (0.3, 10.678593915),
        (0.359, 50.0),
        (0.3975, 79.995289806),
        (0.4, 81.396764396),
        (0.4866, 98.998494227),
        (0.5, 99.379391750),
        (0.6, 99.982939688),
        (0.8, 99.999987261),
        (1.0, 100.0),
    ],
)
def test_the_curve(cosine: float, similarity_pct: float) -> None:
    """Worked out in decimal arithmetic of 40 digits from the formula of the document."""
    assert SFACE.similarity_pct(cosine) == pytest.approx(similarity_pct, rel=1e-6)


def test_the_document_says_the_same() -> None:
    text = ACCURACY.read_text("utf-8")
    formula = re.search(r"Similarity = 100 / \(1 \+ exp\(-([\d.]+) \(cosine - ([\d.]+)\)\)\)", text)
    assert formula is not None
    assert (float(formula[1]), float(formula[2])) == (SFACE.slope, SFACE.midpoint)
    rows = re.findall(r"^\| (\d+)(?: \(default\))? \| (\.\d+) \|", text, re.MULTILINE)
    assert [similarity for similarity, _ in rows] == ["80", "90", "95", "99"]
    for similarity, cosine in rows:
        assert SFACE.lowest_cosine(float(similarity)) == pytest.approx(float(cosine), abs=5e-5)


def test_a_similarity_that_no_cosine_reaches_has_no_lowest_cosine() -> None:
    flat = replace(SFACE, slope=1.0, midpoint=0.0)
    assert flat.similarity_pct(1.0) == pytest.approx(73.10586)
    assert flat.lowest_cosine(74.0) == math.inf
    assert flat.lowest_cosine(flat.similarity_pct(1.0)) == pytest.approx(1.0)
    assert flat.lowest_cosine(flat.similarity_pct(-1.0)) == -1.0
    assert flat.lowest_cosine(20.0) == -1.0
