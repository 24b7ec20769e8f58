"""DetectProtectiveEquipment through stock boto3: real people with and without a drawn-on mask."""

import io
from typing import TYPE_CHECKING, Any

import pytest
from PIL import ImageDraw

from tests.conformance.conftest import refusal
from tests.support.variants import jpeg, opened

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient


def masked(rekognition: "RekognitionClient", photo: bytes) -> bytes:
    """Return the photo with a mask drawn from the nose to the chin of its face."""
    (face,) = rekognition.detect_faces(Image={"Bytes": photo})["FaceDetails"]
    picture = opened(photo).convert("RGB")
    box, (width, height) = face["BoundingBox"], picture.size
    left, right = box["Left"] * width, (box["Left"] + box["Width"]) * width
    heights = {point["Type"]: point["Y"] * height for point in face["Landmarks"]}
    eyes, nose = (heights["eyeLeft"] + heights["eyeRight"]) / 2, heights["nose"]
    bottom = (box["Top"] + 1.02 * box["Height"]) * height
    draw = ImageDraw.Draw(picture)
    top, inset = (eyes + nose) / 2, 0.2 * (right - left)
    corners = [(left, top), (right, top), (right, (nose + bottom) / 2), (right - inset, bottom)]
    draw.polygon([*corners, (left + inset, bottom), (left, (nose + bottom) / 2)], fill=(150, 190, 215))
    for part in (0.25, 0.5, 0.75):
        y = top + part * (bottom - top)
        draw.line([(left, y), (right, y)], fill=(125, 165, 195), width=max(1, int(height / 200)))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def detect(rekognition: "RekognitionClient", image: bytes, *required: str) -> Any:
    return rekognition.detect_protective_equipment(
        Image={"Bytes": image},
        SummarizationAttributes={"MinConfidence": 50, "RequiredEquipmentTypes": required or ["FACE_COVER"]},
    )


@pytest.mark.parametrize("name", ["astronaut.png", "biden.jpg"])
def test_a_mask_is_seen_where_there_is_one(
    rekognition: "RekognitionClient", photos: dict[str, bytes], name: str
) -> None:
    bare = detect(rekognition, photos[name])
    assert [person["Id"] for person in bare["Persons"]] == [0]
    parts = [part["Name"] for part in bare["Persons"][0]["BodyParts"]]
    assert parts[0] == "FACE"
    assert parts[-1] == "HEAD"
    assert bare["Persons"][0]["BodyParts"][0]["EquipmentDetections"] == []
    assert bare["Summary"]["PersonsWithoutRequiredEquipment"] == [0]

    worn = detect(rekognition, masked(rekognition, photos[name]))
    (cover,) = worn["Persons"][0]["BodyParts"][0]["EquipmentDetections"]
    assert cover["Type"] == "FACE_COVER"
    assert cover["CoversBodyPart"]["Value"] is True
    assert worn["Summary"]["PersonsWithRequiredEquipment"] == [0]


def test_hands_are_told_and_never_covered(rekognition: "RekognitionClient", photos: dict[str, bytes]) -> None:
    done = detect(rekognition, photos["obama.jpg"], "HAND_COVER")
    assert done["Summary"]["PersonsIndeterminate"] == [0]
    reason = done["ResponseMetadata"]["HTTPHeaders"]["x-openrek-reason"]
    assert reason.startswith("Covers of hands are not detected")


def test_a_picture_without_persons(rekognition: "RekognitionClient", photos: dict[str, bytes]) -> None:
    assert rekognition.detect_protective_equipment(Image={"Bytes": photos["coffee.png"]})["Persons"] == []


def test_limits_of_size(rekognition: "RekognitionClient", photos: dict[str, bytes]) -> None:
    good = opened(photos["obama.jpg"])
    call = rekognition.detect_protective_equipment
    for size in ((64, 200), (4096, 64)):
        assert call(Image={"Bytes": jpeg(good.resize(size))})["ProtectiveEquipmentModelVersion"] == "1.0"
    code, _, reason = refusal(call, Image={"Bytes": jpeg(good.resize((63, 200)))})
    assert (code, "at least 64" in reason) == ("InvalidParameterException", True)
    code, message, _ = refusal(call, Image={"Bytes": jpeg(good.resize((4097, 100)))})
    assert code == "ImageTooLargeException"
    assert message == "Input image dimensions 4097 x 100 exceed maximum dimension size of 4096 pixels"
    limit = 4 * 1024 * 1024
    padded = photos["obama.jpg"] + b"\0" * (limit - len(photos["obama.jpg"]))
    assert len(call(Image={"Bytes": padded})["Persons"]) == 1
    assert refusal(call, Image={"Bytes": padded + b"\0"})[:2] == ("ImageTooLargeException", "Image size is too large")


def test_types_that_are_none(rekognition: "RekognitionClient", photos: dict[str, bytes]) -> None:
    def asked(**attributes: Any) -> tuple[str, str, str]:
        return refusal(
            rekognition.detect_protective_equipment,
            Image={"Bytes": photos["obama.jpg"]},
            SummarizationAttributes=attributes,
        )

    assert asked(MinConfidence=80, RequiredEquipmentTypes=[])[0] == "InvalidParameterException"
    assert asked(MinConfidence=80, RequiredEquipmentTypes=["GLOVES"])[0] == "ValidationException"
    assert asked(MinConfidence=101, RequiredEquipmentTypes=["FACE_COVER"])[0] == "ValidationException"
