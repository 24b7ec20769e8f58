"""All attributes of real faces: known ones, drawn ones, mirrored and turned ones, and faces that can hardly be read."""

import math
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from onnxruntime import InferenceSession
from PIL import Image

from openrek.domain.attributes import FaceAttributes, Judgement, Trait
from openrek.domain.faces import DetectedFace, float32
from openrek.vision.faces import sface
from openrek.vision.faces.attributes.reading import FaceReading
from openrek.vision.faces.attributes.whole_face import POINTS
from openrek.vision.faces.reader import FaceReader
from openrek.vision.images.decode import Upright
from openrek.vision.models.sessions import ModelSessions
from tests.support import drawn_faces, variants

ALL = frozenset(Trait)
JUDGEMENTS = [
    "smile", "eyeglasses", "sunglasses", "beard", "mustache", "eyes_open", "mouth_open", "face_occluded",
]  # fmt: skip
NEEDED = {
    Trait.AGE_RANGE: {"face-mesh", "faceres", "age"},
    Trait.BEARD: {"face-mesh", "faceres"},
    Trait.EMOTIONS: {"face-mesh", "faceres", "blendshapes"},
    Trait.EYE_DIRECTION: {"face-mesh", "blendshapes"},
    Trait.EYEGLASSES: {"face-mesh", "faceres"},
    Trait.EYES_OPEN: {"face-mesh", "faceres", "blendshapes"},
    Trait.FACE_OCCLUDED: {"face-mesh", "faceres"},
    Trait.GENDER: {"face-mesh", "faceres", "gender"},
    Trait.LANDMARKS: {"face-mesh"},
    Trait.MOUTH_OPEN: {"face-mesh", "faceres", "blendshapes"},
    Trait.MUSTACHE: {"face-mesh", "faceres"},
    Trait.SMILE: {"face-mesh", "faceres", "blendshapes"},
    Trait.SUNGLASSES: {"face-mesh", "faceres"},
}


def read(reader: FaceReader, image: bytes, asked: frozenset[Trait] = ALL) -> FaceAttributes:
    photo = reader.read(image)
    return photo.attributes(photo.faces[0], asked)


def values(found: FaceAttributes) -> dict[str, bool]:
    return {name: getattr(found, name).value for name in JUDGEMENTS}


def test_a_smiling_man_and_a_smiling_woman(shown: dict[str, FaceAttributes]) -> None:
    for name, gender in (("obama.jpg", "Male"), ("astronaut.png", "Female")):
        found = shown[name]

        assert values(found) == {
            "smile": True, "eyeglasses": False, "sunglasses": False, "beard": False, "mustache": False,
            "eyes_open": True, "mouth_open": True, "face_occluded": False,
        }  # fmt: skip
        assert found.gender.value == gender
        assert found.emotions[0].kind == "HAPPY"
        assert min(getattr(found, judged).confidence for judged in JUDGEMENTS) > 90


def test_a_serious_man_with_a_closed_mouth(shown: dict[str, FaceAttributes]) -> None:
    found = shown["biden.jpg"]

    assert not any(values(found)[name] for name in JUDGEMENTS if name != "eyes_open")
    assert found.eyes_open.value
    assert found.gender.value == "Male"


def test_a_speaking_man_does_not_smile(shown: dict[str, FaceAttributes]) -> None:
    assert values(shown["obama2.jpg"])["mouth_open"]
    assert not values(shown["obama2.jpg"])["smile"]


def test_ages_hold_those_of_the_people(shown: dict[str, FaceAttributes]) -> None:
    """He was 47 and 48, he 66 and she 35 when the photos were taken."""
    ages = {name: shown[name].age_range for name in shown}

    assert ages["obama.jpg"].low <= 47 <= ages["obama.jpg"].high
    assert ages["biden.jpg"].low <= 66 <= ages["biden.jpg"].high
    assert ages["astronaut.png"].low <= 35 <= ages["astronaut.png"].high
    assert all(type(end) is int for age in ages.values() for end in (age.low, age.high))


@pytest.mark.parametrize("name", ["obama.jpg", "biden.jpg", "astronaut.png"])
def test_drawn_sunglasses_are_seen_and_hide_the_eyes(
    face_reader: FaceReader, photos: dict[str, bytes], name: str
) -> None:
    found = read(face_reader, drawn_faces.with_glasses(face_reader, photos[name], dark=True))

    assert values(found) | {"smile": None, "mouth_open": None} == {
        "smile": None, "eyeglasses": False, "sunglasses": True, "beard": False, "mustache": False,
        "eyes_open": True, "mouth_open": None, "face_occluded": True,
    }  # fmt: skip
    assert found.eyes_open == Judgement(value=True, confidence=50.0)


@pytest.mark.parametrize("name", ["obama.jpg", "biden.jpg"])
def test_drawn_glasses_are_no_sunglasses(face_reader: FaceReader, photos: dict[str, bytes], name: str) -> None:
    found = read(face_reader, drawn_faces.with_glasses(face_reader, photos[name], dark=False))

    assert found.eyeglasses.value
    assert not found.sunglasses.value
    assert not found.face_occluded.value


@pytest.mark.parametrize("name", ["obama.jpg", "biden.jpg", "astronaut.png"])
def test_a_drawn_mask_occludes(face_reader: FaceReader, photos: dict[str, bytes], name: str) -> None:
    found = read(face_reader, drawn_faces.with_mask(face_reader, photos[name], kind=1))

    assert found.face_occluded.value
    assert found.face_occluded.confidence > 90
    assert not found.smile.value


def test_shut_eyes_are_not_open(face_reader: FaceReader, photos: dict[str, bytes]) -> None:
    found = read(face_reader, drawn_faces.with_shut_eyes(face_reader, photos["biden.jpg"]))

    assert not found.eyes_open.value
    assert not found.sunglasses.value


@pytest.mark.parametrize("name", ["obama2.jpg", "biden.jpg", "astronaut.png"])
def test_a_mirrored_face_turns_and_swaps_sides(
    face_reader: FaceReader, photos: dict[str, bytes], shown: dict[str, FaceAttributes], name: str
) -> None:
    there, back = shown[name], read(face_reader, variants.mirrored(photos[name]))

    assert back.pose.yaw == pytest.approx(-there.pose.yaw, abs=4)
    assert back.pose.roll == pytest.approx(-there.pose.roll, abs=3)
    assert back.pose.pitch == pytest.approx(there.pose.pitch, abs=5)
    assert back.eye_direction.yaw == pytest.approx(-there.eye_direction.yaw, abs=12)
    at, mirrored = ({point.name: point for point in found.landmarks} for found in (there, back))
    for point in ("eyeLeft", "leftEyeBrowLeft", "mouthLeft", "noseLeft", "midJawlineLeft"):
        other = mirrored[point.replace("left", "right", 1) if point[0] == "l" else point.replace("Left", "Right")]
        if point == "leftEyeBrowLeft":
            other = mirrored["rightEyeBrowRight"]
        assert (1 - other.x, other.y) == pytest.approx((at[point].x, at[point].y), abs=0.01)


@pytest.mark.parametrize("turn", [-30, -15, 15, 30])
@pytest.mark.parametrize("name", ["obama.jpg", "astronaut.png"])
def test_a_turned_photo_turns_roll(
    face_reader: FaceReader, photos: dict[str, bytes], shown: dict[str, FaceAttributes], name: str, turn: int
) -> None:
    turned = variants.opened(photos[name]).rotate(-turn, Image.Resampling.BICUBIC, fillcolor=(127, 127, 127))
    photo = face_reader.read_upright(Upright(turned, *turned.size))
    pose = photo.attributes(photo.faces[0], frozenset({Trait.LANDMARKS})).pose

    assert pose.roll == pytest.approx(shown[name].pose.roll + turn, abs=3)
    assert pose.yaw == pytest.approx(shown[name].pose.yaw, abs=4)
    assert pose.pitch == pytest.approx(shown[name].pose.pitch, abs=6)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_photo_on_its_side_has_the_same_face(
    face_reader: FaceReader, photos: dict[str, bytes], shown: dict[str, FaceAttributes], quarters: int
) -> None:
    picture = variants.opened(photos["obama.jpg"]).rotate(-90 * quarters, expand=True)
    photo = face_reader.read_upright(Upright(picture, *picture.size))
    found = photo.attributes(photo.faces[0], ALL)

    assert (found.pose.roll - shown["obama.jpg"].pose.roll - 90 * quarters + 180) % 360 - 180 == pytest.approx(0, abs=3)
    assert found.pose.yaw == pytest.approx(shown["obama.jpg"].pose.yaw, abs=4)
    assert values(found) == values(shown["obama.jpg"])


def test_thirty_landmarks_lie_as_a_face_does(shown: dict[str, FaceAttributes]) -> None:
    for found in shown.values():
        at = {point.name: point for point in found.landmarks}

        assert list(at) == list(POINTS)
        assert len(at) == 30
        assert (at["leftPupil"].x, at["leftPupil"].y) == (at["eyeLeft"].x, at["eyeLeft"].y)
        across = ["upperJawlineLeft", "leftEyeLeft", "leftEyeRight", "rightEyeLeft", "rightEyeRight"]
        assert [at[name].x for name in across] == sorted(at[name].x for name in across)
        down = ["leftEyeBrowUp", "leftEyeUp", "leftEyeDown", "nose", "mouthUp", "mouthDown", "chinBottom"]
        assert [at[name].y for name in down] == sorted(at[name].y for name in down)


def test_only_the_networks_that_are_needed_are_opened(weights_folder: Path, face_reader: FaceReader) -> None:
    face, image = _a_face(face_reader)
    for trait, networks in NEEDED.items():
        sessions = _Counting(weights_folder)

        found = FaceReading(sessions.session, image, face).attributes(frozenset({trait}))

        assert set(sessions.asked) == networks, trait
        filled = {field.name for field in fields(found) if getattr(found, field.name) is not None}
        assert filled == ({"landmarks", "pose"} if trait is Trait.LANDMARKS else {trait.value.lower()})
    assert set(NEEDED) == ALL


def test_nothing_is_opened_for_nothing(weights_folder: Path, face_reader: FaceReader) -> None:
    face, image = _a_face(face_reader)
    sessions = _Counting(weights_folder)

    assert FaceReading(sessions.session, image, face).attributes(frozenset()) == FaceAttributes()
    assert sessions.asked == []


def test_a_face_is_read_once(weights_folder: Path, face_reader: FaceReader) -> None:
    face, image = _a_face(face_reader)
    sessions = _Counting(weights_folder)
    reading = FaceReading(sessions.session, image, face)

    everything = reading.attributes(ALL)

    assert sorted(sessions.asked) == ["age", "blendshapes", "face-mesh", "faceres", "gender"]
    assert reading.attributes(ALL) == everything
    assert reading.attributes(frozenset({Trait.SMILE})).smile == everything.smile
    assert len(sessions.asked) == 5


@pytest.mark.parametrize(
    "cut", [(0.5, 0.0, 1.0, 1.0), (0.0, 0.0, 0.5, 1.0), (0.0, 0.0, 1.0, 0.25), (0.0, 0.2, 1.0, 1.0)]
)
@pytest.mark.parametrize("name", ["obama.jpg", "biden.jpg"])
def test_half_a_face_has_every_attribute(
    face_reader: FaceReader, photos: dict[str, bytes], name: str, cut: tuple[float, float, float, float]
) -> None:
    photo = face_reader.read(variants.cropped(photos[name], cut))

    for face in photo.faces:
        assert_whole(photo.attributes(face, ALL))


def test_a_face_that_is_none_has_every_attribute(weights_folder: Path, face_reader: FaceReader) -> None:
    """The mesh fails on noise: the five points are kept, and the pose is theirs."""
    face, _ = _a_face(face_reader)
    noise = np.random.default_rng(5).integers(0, 255, (300, 300, 3), np.uint8)

    found = FaceReading(ModelSessions(weights_folder).session, Image.fromarray(noise), face).attributes(ALL)

    assert_whole(found)
    assert found.pose == face.pose
    five = {point.name: (point.x, point.y) for point in face.landmarks}
    for point in found.landmarks[:5]:
        assert (point.x, point.y) == pytest.approx(five[point.name], abs=1e-5)


def test_a_face_outside_the_picture_has_every_attribute(weights_folder: Path, face_reader: FaceReader) -> None:
    face, image = _a_face(face_reader)
    away = image.crop((0, 0, 90, 90))

    assert_whole(FaceReading(ModelSessions(weights_folder).session, away, face).attributes(ALL))


def test_default_requests_open_nothing_more(weights_folder: Path, photos: dict[str, bytes]) -> None:
    sessions = _Counting(weights_folder)
    photo = FaceReader(sessions, sface.packs()).read(photos["biden.jpg"])

    assert photo.faces
    assert set(sessions.asked) == {"yunet"}


def assert_whole(found: FaceAttributes) -> None:
    """Every attribute is there, within the bounds of the API, and a float32."""
    assert all(getattr(found, field.name) is not None for field in fields(found))
    for name in JUDGEMENTS:
        assert 50 <= getattr(found, name).confidence <= 100
    assert 50 <= found.gender.confidence <= 100
    assert 0 <= found.age_range.low < found.age_range.high <= 130
    confidences = [emotion.confidence for emotion in found.emotions]
    assert confidences == sorted(confidences, reverse=True)
    assert {emotion.kind for emotion in found.emotions} == {
        "HAPPY", "SAD", "ANGRY", "CONFUSED", "DISGUSTED", "SURPRISED", "CALM", "FEAR",
    }  # fmt: skip
    assert len(confidences) == 8
    assert 0 <= confidences[-1] <= confidences[0] <= 100
    assert len(found.landmarks) == 30
    angles = (found.pose.roll, found.pose.yaw, found.pose.pitch, found.eye_direction.yaw, found.eye_direction.pitch)
    numbers = [*angles, *confidences, *(side for point in found.landmarks for side in (point.x, point.y))]
    assert all(math.isfinite(number) and number == float32(number) for number in numbers)
    assert all(-180 <= angle <= 180 for angle in angles)


class _Counting(ModelSessions):
    """Sessions that note which models are asked for."""

    def __init__(self, weights_folder: Path) -> None:
        super().__init__(weights_folder)
        self.asked: list[str] = []

    def session(self, name: str) -> InferenceSession:
        self.asked.append(name)
        return super().session(name)


def _a_face(reader: FaceReader) -> tuple[DetectedFace, Image.Image]:
    from tests.support import photos

    picture = variants.opened(photos.load()["astronaut.png"])
    return reader.read_upright(Upright(picture, *picture.size)).faces[0], picture
