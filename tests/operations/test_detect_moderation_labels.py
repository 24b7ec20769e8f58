"""DetectModerationLabels."""

from typing import Any

import pytest

from openrek.domain.errors import InvalidParameter, ResourceNotFound
from openrek.operations.detect_moderation_labels import NOT_LOOKED_FOR
from tests.operations.parts.world import World


def moderated(world: World, words: str, **more: Any) -> dict[str, Any]:
    return world.do("DetectModerationLabels", Image={"Bytes": words.encode()}, **more)


def test_a_label_is_told_with_all_above_it_the_deepest_first(world: World) -> None:
    assert moderated(world, "pills")["ModerationLabels"] == [
        {"Confidence": 80.0, "Name": "Pills", "ParentName": "Products", "TaxonomyLevel": 3},
        {"Confidence": 80.0, "Name": "Products", "ParentName": "Drugs & Tobacco", "TaxonomyLevel": 2},
        {"Confidence": 80.0, "Name": "Drugs & Tobacco", "ParentName": "", "TaxonomyLevel": 1},
    ]


def test_a_clean_picture_has_no_labels_and_never_a_promise(world: World) -> None:
    response = moderated(world, "ann")
    assert response == {"ModerationLabels": [], "ModerationModelVersion": "7.0", "ContentTypes": []}
    assert response.remarks == (NOT_LOOKED_FOR,)  # type: ignore[attr-defined]
    assert len(NOT_LOOKED_FOR) < 512


@pytest.mark.parametrize(
    ("more", "names"),
    [
        ({}, ["Violence", "Weapons"]),
        ({"MinConfidence": 45}, ["Alcohol", "Alcoholic Beverages", "Violence", "Weapons"]),
        ({"MinConfidence": 55.1}, []),
        ({"MinConfidence": 0}, ["Alcohol", "Alcoholic Beverages", "Gambling", "Violence", "Weapons"]),
    ],
)
def test_what_is_less_sure_than_asked_is_left_out(world: World, more: dict[str, Any], names: list[str]) -> None:
    assert sorted(each["Name"] for each in moderated(world, "gun maybe", **more)["ModerationLabels"]) == names


def test_the_older_version_has_its_own_names_and_two_levels(world: World) -> None:
    world.moderation_version = "6.1"
    response = moderated(world, "pills")
    assert response == {
        "ModerationLabels": [
            {"Confidence": 80.0, "Name": "Pills", "ParentName": "Drugs"},
            {"Confidence": 80.0, "Name": "Drugs", "ParentName": ""},
        ],
        "ModerationModelVersion": "6.1",
    }
    assert response.remarks == (NOT_LOOKED_FOR,)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "more",
    [
        {"ProjectVersion": "arn:aws:rekognition:eu-west-1:123456789012:project/mine/version/v1/1"},
        {"HumanLoopConfig": {"HumanLoopName": "mine", "FlowDefinitionArn": "arn:aws:sagemaker:eu-west-1:1:flow/f"}},
    ],
    ids=lambda more: next(iter(more)),
)
def test_adapters_and_reviews_of_others_are_not_found_before_the_picture_is_read(
    world: World, more: dict[str, Any]
) -> None:
    with pytest.raises(ResourceNotFound):
        moderated(world, "pills", **more)
    assert world.moderator.reads == 0


def test_an_image_needs_a_source(world: World) -> None:
    with pytest.raises(InvalidParameter):
        world.do("DetectModerationLabels", Image={})
    assert world.moderator.reads == 0
