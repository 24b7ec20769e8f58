"""DetectFaces."""

import pytest

from openrek.domain.errors import InvalidParameter
from tests.operations.parts.photos import detected
from tests.operations.parts.world import World


def test_each_face_has_the_default_attributes(world: World) -> None:
    first, second = world.do("DetectFaces", Image={"Bytes": b"ann bob"}, Attributes=["ALL"])["FaceDetails"]
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
