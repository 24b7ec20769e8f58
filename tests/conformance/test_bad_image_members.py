"""Members of operations that take an image, as no SDK would send them: each has AWS's error, and nothing changes."""

import base64
from typing import TYPE_CHECKING, Any

import pytest

from openrek.operations.registry import OPERATIONS
from tests.conformance.test_bad_requests import raw
from tests.wire.examples import MODEL, smallest

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient

SHAPES = {name: MODEL.shapes[MODEL.operations[name]] for name in OPERATIONS}
IMAGES = {
    name: members
    for name, shape in SHAPES.items()
    if (members := tuple(member for member, part in shape.members.items() if part == "Image"))
}
"""Operation -> its members that are images."""

PLACES = [(operation, member) for operation, members in IMAGES.items() for member in members]
RANGES = [
    ("CompareFaces", "SimilarityThreshold", -1.5, "Member must have value greater than or equal to 0"),
    ("CompareFaces", "SimilarityThreshold", 100.5, "Member must have value less than or equal to 100"),
    ("IndexFaces", "MaxFaces", 0, "Member must have value greater than or equal to 1"),
    ("IndexFaces", "MaxFaces", -1, "Member must have value greater than or equal to 1"),
    ("SearchFacesByImage", "MaxFaces", 0, "Member must have value greater than or equal to 1"),
    ("SearchFacesByImage", "MaxFaces", 4097, "Member must have value less than or equal to 4096"),
    ("SearchFacesByImage", "FaceMatchThreshold", -0.5, "Member must have value greater than or equal to 0"),
    ("SearchUsersByImage", "MaxUsers", 0, "Member must have value greater than or equal to 1"),
    ("SearchUsersByImage", "MaxUsers", 501, "Member must have value less than or equal to 500"),
    ("SearchUsersByImage", "UserMatchThreshold", 101.5, "Member must have value less than or equal to 100"),
    ("SearchAllFacesByImage", "MaxFaces", 0, "Member must have value greater than or equal to 1"),
    ("SearchAllFacesByImage", "MaxUsers", 51, "Member must have value less than or equal to 50"),
]


@pytest.fixture
def good(collection: str, photos: dict[str, bytes]):
    """Return a function that makes a valid request of an operation, with other members instead."""

    def request(operation: str, **instead: Any) -> dict[str, Any]:
        image = {"Bytes": base64.b64encode(photos["obama.jpg"]).decode()}
        asked = {**smallest(MODEL, MODEL.operations[operation]), **dict.fromkeys(IMAGES[operation], image)}
        if "CollectionId" in asked:
            asked["CollectionId"] = collection
        return {**asked, **instead}

    return request


def on_wire(member: str) -> str:
    return member[0].lower() + member[1:]


def test_the_operations_that_take_an_image_are_found() -> None:
    assert {"CompareFaces", "DetectFaces", "IndexFaces"} < IMAGES.keys()
    assert IMAGES["CompareFaces"] == ("SourceImage", "TargetImage")


@pytest.mark.parametrize("operation", IMAGES)
def test_the_request_is_good_otherwise(live_server: str, good: Any, operation: str) -> None:
    assert raw(live_server, operation, good(operation))[0] == 200


@pytest.mark.parametrize(("operation", "member"), PLACES)
def test_an_image_that_is_missing_empty_or_of_another_kind(
    rekognition: "RekognitionClient", live_server: str, good: Any, collection: str, operation: str, member: str
) -> None:
    missing = f"Value null at '{on_wire(member)}' failed to satisfy constraint: Member must not be null"
    empty = f"at '{on_wire(member)}.bytes' failed to satisfy constraint: Member must have length greater than"
    name = f"at '{on_wire(member)}.s3Object.name' failed to satisfy constraint: Member must have length greater than"
    for value, code, message in (
        (None, "ValidationException", missing),
        ({"Bytes": ""}, "ValidationException", empty),
        ({"S3Object": {"Bucket": "bucket", "Name": ""}}, "ValidationException", name),
        ({}, "InvalidParameterException", "Request has invalid parameters"),
        ({"Bytes": None}, "InvalidParameterException", "Request has invalid parameters"),
        ({"S3Object": {"Bucket": "bucket"}}, "InvalidParameterException", "Request has invalid parameters"),
        ({"Bytes": "eA==", "S3Object": {"Bucket": "bucket", "Name": "x"}}, "InvalidParameterException", ""),
        ({"Bytes": "eA=="}, "InvalidImageFormatException", "Request has invalid image format"),
        ({"Bytes": "not base64!"}, "SerializationException", ""),
        ({"Bytes": 7}, "SerializationException", ""),
        ("eA==", "SerializationException", ""),
        ([], "SerializationException", ""),
    ):
        status, response = raw(live_server, operation, good(operation, **{member: value}))
        assert (status, response["__type"]) == (400, code), (value, response)
        assert message in (response.get("message") or response.get("Message") or "")
    request = good(operation)
    del request[member]
    assert missing in raw(live_server, operation, request)[1]["message"]
    assert rekognition.describe_collection(CollectionId=collection)["FaceCount"] == 0


@pytest.mark.parametrize(("operation", "member", "value", "ending"), RANGES)
def test_a_number_that_is_out_of_range(
    rekognition: "RekognitionClient",
    live_server: str,
    good: Any,
    collection: str,
    operation: str,
    member: str,
    value: float,
    ending: str,
) -> None:
    status, response = raw(live_server, operation, good(operation, **{member: value}))
    assert (status, response["__type"]) == (400, "ValidationException")
    assert response["message"] == (
        f"1 validation error detected: Value '{value}' at '{on_wire(member)}' failed to satisfy constraint: {ending}"
    )
    assert rekognition.describe_collection(CollectionId=collection)["FaceCount"] == 0


@pytest.mark.parametrize("operation", [name for name in IMAGES if "QualityFilter" in SHAPES[name].members])
def test_a_quality_filter_that_does_not_exist(live_server: str, good: Any, operation: str) -> None:
    status, response = raw(live_server, operation, good(operation, QualityFilter="BEST"))
    assert (status, response["__type"]) == (400, "ValidationException")
    assert "at 'qualityFilter' failed to satisfy constraint" in response["message"]
