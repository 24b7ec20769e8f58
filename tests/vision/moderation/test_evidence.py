"""From scores to confidences: 50 at the least score, never falling, and explicit only where all evidence agrees."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from openrek.vision.moderation.evidence import EXPLICIT, PICTURED, SUGGESTIVE, confidence, labels
from openrek.vision.moderation.networks import Styles

HARMLESS = Styles(drawing=0.0, hentai=0.0, neutral=1.0, porn=0.0, sexy=0.0)
PORN = Styles(drawing=0.0, hentai=0.2, neutral=0.0, porn=0.7, sexy=0.1)


def classes(**sums: float) -> NDArray[np.float32]:
    """Probabilities of ImageNet's classes in which those of labels have these sums."""
    made = np.zeros(1000, np.float32)
    for name, amount in sums.items():
        numbers = PICTURED[name.replace("_", " ")][0]
        made[list(numbers)] = amount / len(numbers)
    return made


@given(st.floats(-0.1, 1.1), st.floats(-0.1, 1.1), st.floats(0.05, 0.95))
def test_confidence_never_falls_and_is_50_at_the_least_score(one: float, other: float, least: float) -> None:
    low, high = sorted((one, other))
    assert 0 <= confidence(low, least) <= confidence(high, least) <= 100
    assert confidence(least, least) == pytest.approx(50, abs=1e-4)
    assert (confidence(one, least) >= 50) is (one >= least or confidence(one, least) == 50)


def test_ends() -> None:
    assert confidence(0, 0.3) == 0
    assert confidence(1, 0.3) == pytest.approx(99.9)
    assert confidence(0.65, 0.3) == pytest.approx(75)
    assert confidence(0.15, 0.3) == pytest.approx(25)


@pytest.mark.parametrize("name", PICTURED)
def test_a_sum_of_classes_is_a_label_from_its_least_on(name: str) -> None:
    least = PICTURED[name][1]
    for amount, told in ((least + 0.01, True), (least - 0.01, False), (0.0, None)):
        found = labels(0.0, HARMLESS, classes(**{name.replace(" ", "_"): amount}))
        assert (found[name] >= 50 if name in found else None) is told
        assert set(found) <= {name}


@pytest.mark.parametrize(
    ("unsafe", "styles", "swimwear", "explicit", "suggestive"),
    [
        (0.95, PORN, 0.0, True, False),
        (0.95, HARMLESS, 0.0, False, True),
        (0.7, PORN, 0.0, False, False),
        (0.95, PORN, 0.4, False, True),
        (0.1, Styles(0, 0, 0.4, 0, 0.6), 0.0, False, True),
        (0.1, HARMLESS, 0.0, False, False),
    ],
)
def test_explicit_needs_both_networks_and_no_swimwear(
    unsafe: float, styles: Styles, swimwear: float, explicit: bool, suggestive: bool
) -> None:
    found = labels(unsafe, styles, classes(Female_Swimwear_or_Underwear=swimwear))
    assert (found.get(EXPLICIT, 0) >= 50) is explicit
    assert (found.get(SUGGESTIVE, 0) >= 50) is suggestive


def test_what_is_hardly_sure_at_all_is_not_told() -> None:
    assert labels(0.01, HARMLESS, classes(Weapons=0.005)) == {}
