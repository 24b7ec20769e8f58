"""DetectFaces."""

from typing import Any

import pytest

from openrek.domain.errors import InvalidParameter, Throttling
from tests.operations.parts.photos import EMOTIONS, detected
from tests.operations.parts.world import World
from tests.support.extended import SERVICE

IN_ORDER = (
    *("BoundingBox", "AgeRange", "Smile", "Eyeglasses", "Sunglasses", "Gender", "Beard", "Mustache", "EyesOpen"),
    *("MouthOpen", "Emotions", "Landmarks", "Pose", "Quality", "Confidence", "FaceOccluded", "EyeDirection"),
)
SINGLE = {
    "AGE_RANGE": {"AgeRange": {"Low": 10, "High": 15}},
    "BEARD": {"Beard": {"Value": False, "Confidence": 54.0}},
    "EMOTIONS": {"Emotions": [{"Type": kind, "Confidence": 50.0 - at} for at, kind in enumerate(EMOTIONS)]},
    "EYEGLASSES": {"Eyeglasses": {"Value": False, "Confidence": 51.0}},
    "EYES_OPEN": {"EyesOpen": {"Value": True, "Confidence": 56.0}},
    "EYE_DIRECTION": {"EyeDirection": {"Yaw": 1.5, "Pitch": -2.5, "Confidence": 59.0}},
    "FACE_OCCLUDED": {"FaceOccluded": {"Value": False, "Confidence": 58.0}},
    "GENDER": {"Gender": {"Value": "Female", "Confidence": 53.0}},
    "MOUTH_OPEN": {"MouthOpen": {"Value": True, "Confidence": 57.0}},
    "MUSTACHE": {"Mustache": {"Value": False, "Confidence": 55.0}},
    "SMILE": {"Smile": {"Value": False, "Confidence": 75.0}},
    "SUNGLASSES": {"Sunglasses": {"Value": False, "Confidence": 52.0}},
}


def second_of_two(world: World, **more: Any) -> dict[str, Any]:
    return dict(world.do("DetectFaces", Image={"Bytes": b"ann bob"}, **more)["FaceDetails"][1])


def test_every_attribute_of_the_service_model_is_known() -> None:
    names = SERVICE.operation_model("DetectFaces").input_shape.members["Attributes"].member.enum
    assert set(names) == {"ALL", "DEFAULT", *SINGLE}


@pytest.mark.parametrize("name", SINGLE)
def test_a_single_attribute_is_added_to_the_default_ones(world: World, name: str) -> None:
    told = second_of_two(world, Attributes=[name])
    assert told == second_of_two(world) | SINGLE[name]
    assert list(told) == [member for member in IN_ORDER if member in told]


def test_several_are_all_added(world: World) -> None:
    told = second_of_two(world, Attributes=["SMILE", "DEFAULT", "AGE_RANGE", "SMILE"])
    assert told == second_of_two(world) | SINGLE["SMILE"] | SINGLE["AGE_RANGE"]


@pytest.mark.parametrize("names", [["ALL"], ["DEFAULT", "ALL"], ["SMILE", "ALL"]])
def test_all_is_everything_in_the_order_of_the_service_model(world: World, names: list[str]) -> None:
    told = second_of_two(world, Attributes=names)
    assert tuple(told) == IN_ORDER
    points = [{"Type": "chinBottom", "X": 0.5, "Y": 0.25}] * 30
    mesh = {"Landmarks": points, "Pose": {"Roll": 4.0, "Yaw": 5.0, "Pitch": 6.0}}
    added = {member: value for each in SINGLE.values() for member, value in each.items()}
    assert told == second_of_two(world) | added | mesh


@pytest.mark.parametrize("more", [{}, {"Attributes": []}, {"Attributes": ["DEFAULT"]}])
def test_the_default_attributes_need_no_other_models(world: World, more: dict[str, Any]) -> None:
    world.packs.missing.add("attributes")
    assert second_of_two(world, **more) == second_of_two(world)


def test_others_are_refused_before_the_photo_is_read_while_their_models_are_missing(world: World) -> None:
    world.packs.missing.add("attributes")
    with pytest.raises(Throttling):
        second_of_two(world, Attributes=["SMILE"])
    assert world.reader.reads == 0


def test_each_face_has_the_default_attributes(world: World) -> None:
    first, second = world.do("DetectFaces", Image={"Bytes": b"ann bob"})["FaceDetails"]
    face = detected(0)
    assert first == {
        "BoundingBox": {"Width": face.box.width, "Height": face.box.height, "Left": 0.0, "Top": 0.25},
        "Landmarks": [
            {"Type": name, "X": face.landmarks[0].x, "Y": 0.5}
            for name in ("eyeLeft", "eyeRight", "mouthLeft", "mouthRight", "nose")
        ],
        "Pose": {"Roll": 1.0, "Yaw": -2.0, "Pitch": 3.0},
        "Quality": {"Brightness": 80.0, "Sharpness": 90.0},
        "Confidence": face.confidence,
    }
    assert second["BoundingBox"]["Width"] == detected(1).box.width


def test_no_face_gives_an_empty_list(world: World) -> None:
    assert world.do("DetectFaces", Image={"Bytes": b""}) == {"FaceDetails": []}


def test_an_image_needs_a_source(world: World) -> None:
    with pytest.raises(InvalidParameter):
        world.do("DetectFaces", Image={})
    assert world.reader.reads == 0
