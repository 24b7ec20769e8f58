"""The file of heads is the one that this version was made for, and a damaged or foreign one is refused."""

from pathlib import Path

import numpy as np
import pytest

from openrek.vision.faces.attributes import ages, expressions
from openrek.vision.faces.attributes.blendshapes import NAMES, POINTS
from openrek.vision.faces.attributes.heads import FILE, INPUTS, heads
from openrek.vision.models.learnt_parts import Provenance, decode, encode
from openrek.vision.models.zoo import WeightsError

STILL = dict.fromkeys(NAMES, 0.0)


def test_the_part_says_where_it_comes_from() -> None:
    part = decode(FILE.read_bytes())

    assert part.names == tuple(INPUTS)
    assert "FairFace" in part.provenance.learnt_from
    assert "CC BY 4.0" in part.provenance.learnt_from
    assert FILE.stat().st_size < 150_000


def test_a_damaged_part_is_refused(tmp_path: Path) -> None:
    damaged = tmp_path / "heads.learnt"
    damaged.write_bytes(FILE.read_bytes()[:-1] + b"?")

    with pytest.raises(WeightsError, match="damaged"):
        heads(damaged)


def test_a_part_that_is_missing_or_another_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.learnt"
    other.write_bytes(encode(Provenance(*["word"] * 6), ("beard",), {"beard": np.ones(3)}))

    with pytest.raises(WeightsError, match="other heads"):
        heads(other)
    with pytest.raises(WeightsError, match="cannot be used"):
        heads(tmp_path / "none.learnt")


def test_blendshapes_are_named_and_numbered_once() -> None:
    assert len(set(NAMES)) == 52
    assert len(set(POINTS)) == 146
    assert max(POINTS) == 477


@pytest.mark.parametrize(("years", "low", "high"), [(-3, 0, 4), (0, 0, 4), (10, 4, 16), (40, 27, 53), (130, 74, 126)])
def test_age_ranges_grow_with_age(years: float, low: int, high: int) -> None:
    found = ages.age_range(years)

    assert (found.low, found.high) == (low, high)
    assert (type(found.low), type(found.high)) == (int, int)


def test_fear_needs_eyes_brows_and_mouth_and_no_smile() -> None:
    eyes = {"eyeWideLeft": 0.8, "eyeWideRight": 0.8}
    afraid = STILL | eyes | {"browInnerUp": 0.8, "mouthStretchLeft": 0.7, "mouthStretchRight": 0.7}

    assert expressions.fear(STILL) == 0
    assert expressions.fear(STILL | eyes) == 0
    assert expressions.fear(afraid) > 0.7
    assert expressions.fear(afraid | {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0}) == 0


def test_confusion_is_an_uneven_brow_or_a_knit_one() -> None:
    assert expressions.confusion(STILL) == 0
    assert expressions.confusion(STILL | {"browOuterUpLeft": 0.6}) == pytest.approx(0.6)
    knit = STILL | {"browDownLeft": 0.5, "browDownRight": 0.5, "browInnerUp": 0.5}
    assert expressions.confusion(knit) == pytest.approx(0.5)
