"""DetectProtectiveEquipment."""

from typing import Any

import pytest

from openrek.domain.errors import ImageTooLarge, InvalidImageFormat, InvalidParameter
from openrek.operations.translation.shapes import box_shape
from tests.operations.parts.pictures import BOX
from tests.operations.parts.world import World


def detect(world: World, words: str, least: float | None = None, *required: str) -> Any:
    more = {} if least is None else {"MinConfidence": least, "RequiredEquipmentTypes": list(required)}
    asked = {"SummarizationAttributes": more} if more else {}
    return world.do("DetectProtectiveEquipment", Image={"Bytes": words.encode()}, **asked)


def summary(world: World, words: str, least: float, *required: str) -> tuple[list[int], list[int], list[int]]:
    found = detect(world, words, least, *required)["Summary"]
    names = ("PersonsWithRequiredEquipment", "PersonsWithoutRequiredEquipment", "PersonsIndeterminate")
    assert set(found) == set(names)
    return found[names[0]], found[names[1]], found[names[2]]


def test_persons_have_ids_and_parts_in_order(world: World) -> None:
    done = detect(world, "chinned bare")
    assert [person["Id"] for person in done["Persons"]] == [0, 1]
    assert done["ProtectiveEquipmentModelVersion"] == "1.0"
    assert done["Persons"][0] == {
        "Id": 0,
        "BoundingBox": box_shape(BOX),
        "Confidence": 90.0,
        "BodyParts": [
            {
                "Name": "FACE",
                "Confidence": 95.0,
                "EquipmentDetections": [
                    {
                        "Type": "FACE_COVER",
                        "BoundingBox": box_shape(BOX),
                        "Confidence": 85.0,
                        "CoversBodyPart": {"Confidence": 80.0, "Value": False},
                    }
                ],
            },
            {"Name": "LEFT_HAND", "Confidence": 60.0, "EquipmentDetections": []},
            {"Name": "HEAD", "Confidence": 95.0, "EquipmentDetections": []},
        ],
    }
    assert "Summary" not in done
    assert world.pictures.sides_px == (64, 4096)


def test_who_wears_what_is_required(world: World) -> None:
    people = "masked chinned bare maybe blurred vague turned"
    assert summary(world, people, 80, "FACE_COVER") == ([0], [1, 2], [3, 4, 5, 6])
    assert summary(world, people, 90, "FACE_COVER") == ([], [2], [0, 1, 3, 4, 5, 6])
    assert summary(world, people, 50, "FACE_COVER") == ([0, 3], [1, 2, 4, 5], [6])
    assert summary(world, "masked bare", 80, "FACE_COVER", "HEAD_COVER") == ([], [0, 1], [])
    assert summary(world, "", 80, "FACE_COVER") == ([], [], [])


def test_less_than_50_acts_as_50(world: World) -> None:
    people = "masked chinned bare maybe blurred vague turned"
    assert summary(world, people, 0, "FACE_COVER") == summary(world, people, 50, "FACE_COVER")


def test_covers_of_hands_are_never_missing(world: World) -> None:
    assert summary(world, "masked bare", 80, "HAND_COVER") == ([], [], [0, 1])
    assert summary(world, "masked bare", 80, "HAND_COVER", "FACE_COVER") == ([], [1], [0])
    said = "Covers of hands are not detected: hands are told, never a HAND_COVER"
    assert detect(world, "bare").remarks == (f"{said}.",)
    (remark,) = detect(world, "bare", 80, "HAND_COVER").remarks
    assert remark == f"{said}, and whoever would need one is at best indeterminate."


def test_bad_requests_are_refused_before_the_picture_is_read(world: World) -> None:
    with pytest.raises(InvalidParameter) as raised:
        detect(world, "bare", 80)
    assert str(raised.value.reason).startswith("RequiredEquipmentTypes is empty")
    with pytest.raises(ImageTooLarge, match="Image size is too large"):
        detect(world, "a" * (4 * 1024 * 1024 + 1))
    assert world.pictures.opened == 0
    with pytest.raises(InvalidImageFormat):
        detect(world, "GIF89a")
