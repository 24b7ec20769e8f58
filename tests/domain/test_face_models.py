"""The face models that are offered: each once, the newest first, found by their versions."""

import dataclasses
import math
from dataclasses import replace

import pytest

from openrek.domain.errors import InvalidParameter
from openrek.domain.models import SFACE, SFACE_7_1, FaceModels

OFFERED = FaceModels((SFACE_7_1, SFACE))


@pytest.mark.parametrize("models", [(), (SFACE, SFACE), (SFACE_7_1, SFACE, replace(SFACE, dimensions=512))])
def test_no_model_or_one_twice_is_refused(models: tuple[object, ...]) -> None:
    with pytest.raises(ValueError, match="each version once"):
        FaceModels(models)  # type: ignore[arg-type]


def test_models_are_found_by_their_versions() -> None:
    assert OFFERED.newest == SFACE_7_1
    assert OFFERED.get("7.0") == OFFERED.of("7.0") == SFACE
    assert OFFERED.get("7.1") == OFFERED.of("7.1") == SFACE_7_1
    assert OFFERED.get("7.2") is None
    with pytest.raises(InvalidParameter) as refused:
        OFFERED.of("7.2")
    assert refused.value.reason == (
        "The collection was made with face model 7.2, which this deployment does not carry."
    )


def test_a_model_never_changes_while_it_is_used() -> None:
    for value in (SFACE, OFFERED):
        with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
            value.__setattr__("version", "8")


def test_both_versions_have_one_curve_and_tell_children_from_the_same_cosine() -> None:
    assert (SFACE.version, SFACE_7_1.version) == ("7.0", "7.1")
    assert replace(SFACE_7_1, version="7.0", name=SFACE.name) == SFACE
    assert (SFACE.dimensions, SFACE.child_cosine, SFACE.clear_length) == (128, 0.40, 12.5)


def test_the_ends_of_the_curve() -> None:
    """Similarity 0 takes any cosine; one that no cosine reaches takes none."""
    assert SFACE.lowest_cosine(0) == -1.0
    assert SFACE.lowest_cosine(SFACE.similarity_pct(-1.0)) == -1.0
    flat = replace(SFACE, slope=1.0)
    assert flat.lowest_cosine(99) == math.inf
    assert flat.lowest_cosine(flat.similarity_pct(1.0)) <= 1.0
