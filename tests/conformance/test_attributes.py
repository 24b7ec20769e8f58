"""Facial attributes through stock boto3, on real photographs and on such as were drawn upon."""

from collections.abc import Mapping
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from openrek.domain.faces import float32
from openrek.runtime.cli.client import connect
from openrek.vision.faces.reader import FaceReader
from tests.conformance.conftest import refusal
from tests.support import drawn_faces, variants

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient

DEFAULT = {"BoundingBox", "Confidence", "Landmarks", "Pose", "Quality"}
PUBLISHED: dict[str, Any] = {
    "BoundingBox": {"Width": 0, "Height": 0, "Left": 0, "Top": 0},
    "AgeRange": {"Low": 0, "High": 0},
    "Smile": {"Value": 0, "Confidence": 0},
    "Eyeglasses": {"Value": 0, "Confidence": 0},
    "Sunglasses": {"Value": 0, "Confidence": 0},
    "Gender": {"Value": 0, "Confidence": 0},
    "Beard": {"Value": 0, "Confidence": 0},
    "Mustache": {"Value": 0, "Confidence": 0},
    "EyesOpen": {"Value": 0, "Confidence": 0},
    "MouthOpen": {"Value": 0, "Confidence": 0},
    "Emotions": [{"Type": 0, "Confidence": 0}] * 8,
    "Landmarks": [{"Type": 0, "X": 0, "Y": 0}] * 30,
    "Pose": {"Roll": 0, "Yaw": 0, "Pitch": 0},
    "Quality": {"Brightness": 0, "Sharpness": 0},
    "Confidence": 0,
    "FaceOccluded": {"Value": 0, "Confidence": 0},
    "EyeDirection": {"Yaw": 0, "Pitch": 0, "Confidence": 0},
}
"""The members of AWS's published answer to DetectFaces with ALL, in its order."""
SINGLE = {
    "AGE_RANGE": "AgeRange",
    "BEARD": "Beard",
    "EMOTIONS": "Emotions",
    "EYEGLASSES": "Eyeglasses",
    "EYES_OPEN": "EyesOpen",
    "EYE_DIRECTION": "EyeDirection",
    "FACE_OCCLUDED": "FaceOccluded",
    "GENDER": "Gender",
    "MOUTH_OPEN": "MouthOpen",
    "MUSTACHE": "Mustache",
    "SMILE": "Smile",
    "SUNGLASSES": "Sunglasses",
}
KINDS = {"HAPPY", "SAD", "ANGRY", "CONFUSED", "DISGUSTED", "SURPRISED", "CALM", "FEAR"}
NUMBERS = count()


def detected(rekognition: "RekognitionClient", image: bytes, *attributes: str) -> Any:
    (face,) = rekognition.detect_faces(Image={"Bytes": image}, Attributes=attributes)["FaceDetails"]  # type: ignore[arg-type]
    return face


def shape(value: Any) -> Any:
    """Return the value's members in their order, with 0 for each that has none."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items()}
    return [shape(part) for part in value] if isinstance(value, list) else 0


def floats(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [number for part in value.values() for number in floats(part)]
    if isinstance(value, list):
        return [number for part in value for number in floats(part)]
    return [value] if isinstance(value, float) else []


def test_all_has_the_members_of_the_published_answer_in_its_order(
    rekognition: "RekognitionClient", photos: dict[str, bytes]
) -> None:
    told = detected(rekognition, photos["obama.jpg"], "ALL")

    assert shape(told) == PUBLISHED
    assert list(told) == list(PUBLISHED)
    assert {emotion["Type"] for emotion in told["Emotions"]} == KINDS
    surest_first = [emotion["Confidence"] for emotion in told["Emotions"]]
    assert surest_first == sorted(surest_first, reverse=True)
    assert type(told["AgeRange"]["Low"]) is type(told["AgeRange"]["High"]) is int
    assert all(number == float32(number) for number in floats(told))
    judged = [part["Confidence"] for part in told.values() if isinstance(part, dict) and "Value" in part]
    assert len(judged) == 9
    assert all(50 <= confidence <= 100 for confidence in judged)


@pytest.mark.parametrize("name", SINGLE)
def test_a_single_attribute_adds_its_member_and_changes_no_other(
    rekognition: "RekognitionClient", photos: dict[str, bytes], name: str
) -> None:
    plain = detected(rekognition, photos["biden.jpg"])
    told = detected(rekognition, photos["biden.jpg"], name)

    assert set(plain) == DEFAULT
    assert told == plain | {SINGLE[name]: told[SINGLE[name]]}
    assert told[SINGLE[name]] == detected(rekognition, photos["biden.jpg"], "ALL", "DEFAULT")[SINGLE[name]]


@pytest.mark.parametrize("names", [["all"], ["SMILE", "Smile"], ["AGE"], [""]])
def test_an_unknown_name_is_refused(
    rekognition: "RekognitionClient", photos: dict[str, bytes], names: list[str]
) -> None:
    code, said, _ = refusal(rekognition.detect_faces, Image={"Bytes": photos["obama.jpg"]}, Attributes=names)
    assert code == "ValidationException"
    assert "failed to satisfy constraint: Member must satisfy" in said
    assert "[DEFAULT, ALL, AGE_RANGE" in said


def test_glasses_and_masks_are_seen(
    rekognition: "RekognitionClient", reader: FaceReader, photos: dict[str, bytes]
) -> None:
    plain = detected(rekognition, photos["biden.jpg"], "ALL")
    dark = detected(rekognition, drawn_faces.with_glasses(reader, photos["biden.jpg"], dark=True), "ALL")
    clear = detected(rekognition, drawn_faces.with_glasses(reader, photos["biden.jpg"], dark=False), "ALL")
    masked = detected(rekognition, drawn_faces.with_mask(reader, photos["biden.jpg"], kind=1), "ALL")

    worn = [(face["Eyeglasses"]["Value"], face["Sunglasses"]["Value"]) for face in (plain, clear, dark)]
    assert worn == [(False, False), (True, False), (False, True)]
    assert [face["FaceOccluded"]["Value"] for face in (plain, clear, dark, masked)] == [False, False, True, True]


def test_indexing_and_searching_all_faces_tell_the_same(
    rekognition: "RekognitionClient", photos: dict[str, bytes]
) -> None:
    collection = f"attributes-{next(NUMBERS)}"
    rekognition.create_collection(CollectionId=collection)
    image = {"Bytes": photos["astronaut.png"]}
    alone = detected(rekognition, photos["astronaut.png"], "ALL")

    (record,) = rekognition.index_faces(CollectionId=collection, Image=image, DetectionAttributes=["ALL"])[
        "FaceRecords"
    ]
    assert record["FaceDetail"] == alone

    (searched,) = connect(rekognition.meta.endpoint_url, extended=True).search_all_faces_by_image(
        CollectionId=collection, Image=image, Attributes=["SMILE", "GENDER"]
    )["SearchedFaces"]
    assert set(searched["FaceDetail"]) == {*DEFAULT, "Smile", "Gender"}
    assert searched["FaceDetail"]["Gender"] == alone["Gender"]
    rekognition.delete_collection(CollectionId=collection)


def test_a_hundred_faces_with_all_are_each_read(rekognition: "RekognitionClient", photos: Mapping[str, bytes]) -> None:
    face = variants.opened(photos["obama3.jpg"]).crop((620, 230, 940, 630)).resize((64, 80))
    crowd = Image.new("RGB", (1000, 1200), "grey")
    for place in range(100):
        crowd.paste(face, (place % 10 * 100 + 18, place // 10 * 120 + 20))

    found = rekognition.detect_faces(Image={"Bytes": variants.jpeg(crowd)}, Attributes=["ALL"])["FaceDetails"]

    assert len(found) >= 95
    assert all(shape(face) == PUBLISHED for face in found)
    assert sum(face["Gender"]["Value"] == "Male" for face in found) >= 0.9 * len(found)
