"""Requests that are refused, each with AWS's error, and nothing changed.

Requests that boto3 itself refuses are sent raw.
"""

import json
import math
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.conformance.conftest import refusal

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient

FACE_ID = "11111111-2222-4333-8444-555555555555"
NAME_PATTERN = "Member must satisfy regular expression pattern: [a-zA-Z0-9_.\\-]+"
PARAMETERS = ("InvalidParameterException", "Request has invalid parameters")


def raw(url: str, operation: str, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    """Send the body, bytes as they are; return status and parsed body."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {
        "X-Amz-Target": f"RekognitionService.{operation}",
        "Content-Type": "application/x-amz-json-1.1",
        **headers,
    }
    response = requests.post(url, data=content, headers=sent, timeout=60)
    assert response.headers["x-amzn-RequestId"]
    return response.status_code, response.json()


def constraint(path: str, ending: str) -> str:
    return f"at '{path}' failed to satisfy constraint: {ending}"


@pytest.mark.parametrize(
    ("operation", "arguments", "path", "ending"),
    [
        ("create_collection", {"CollectionId": "x" * 256}, "collectionId", "length less than or equal to 255"),
        ("create_collection", {"CollectionId": "a b"}, "collectionId", NAME_PATTERN),
        ("create_collection", {"CollectionId": "../../etc/passwd"}, "collectionId", NAME_PATTERN),
        ("create_collection", {"CollectionId": "a\n"}, "collectionId", NAME_PATTERN),
        ("list_faces", {"CollectionId": "c", "MaxResults": 4097}, "maxResults", "value less than or equal to 4096"),
        ("list_faces", {"CollectionId": "c", "NextToken": "t" * 256}, "nextToken", "length less than or equal to 255"),
        ("delete_faces", {"CollectionId": "c", "FaceIds": [FACE_ID] * 4097}, "faceIds", "less than or equal to 4096"),
        ("search_faces", {"CollectionId": "c", "FaceId": FACE_ID, "MaxFaces": 4097}, "maxFaces", "equal to 4096"),
        ("search_faces", {"CollectionId": "c", "FaceId": "not-a-uuid"}, "faceId", "Member must satisfy regular"),
        ("search_faces", {"CollectionId": "c", "FaceId": FACE_ID.upper() + "A"}, "faceId", "Member must satisfy"),
        (
            "search_faces",
            {"CollectionId": "c", "FaceId": FACE_ID, "FaceMatchThreshold": 101},
            "faceMatchThreshold",
            "value less than or equal to 100",
        ),
    ],
)
def test_a_broken_constraint_is_named(
    rekognition: "RekognitionClient", operation: str, arguments: dict[str, Any], path: str, ending: str
) -> None:
    before = rekognition.list_collections(MaxResults=4096)["CollectionIds"]
    code, message, reason = refusal(getattr(rekognition, operation), **arguments)
    assert code == "ValidationException"
    assert message.startswith("1 validation error detected: Value '")
    assert f"at '{path}' failed to satisfy constraint: " in message
    assert ending in message
    assert reason
    assert rekognition.list_collections(MaxResults=4096)["CollectionIds"] == before


def test_index_faces_checks_its_members(
    rekognition: "RekognitionClient", collection: str, photos: dict[str, bytes]
) -> None:
    image = {"Bytes": photos["obama.jpg"]}
    for member, value in {
        "ExternalImageId": "has space",
        "QualityFilter": "BEST",
        "DetectionAttributes": ["EVERYTHING"],
    }.items():
        call = {"CollectionId": collection, "Image": image, member: value}
        assert refusal(rekognition.index_faces, **call)[0] == "ValidationException", member
    assert rekognition.describe_collection(CollectionId=collection)["FaceCount"] == 0


@pytest.mark.parametrize("image", [{}, {"Bytes": b"x", "S3Object": {"Bucket": "abc", "Name": "n"}}, {"S3Object": {}}])
def test_an_image_comes_from_exactly_one_source(
    rekognition: "RekognitionClient", collection: str, image: dict[str, Any]
) -> None:
    assert refusal(rekognition.detect_faces, Image=image)[:2] == PARAMETERS
    assert refusal(rekognition.index_faces, CollectionId=collection, Image=image)[:2] == PARAMETERS
    assert refusal(rekognition.compare_faces, SourceImage=image, TargetImage=image)[:2] == PARAMETERS


def test_collections_that_do_not_exist_are_refused_before_the_picture_is_looked_at(
    rekognition: "RekognitionClient",
) -> None:
    not_an_image = {"Bytes": b"not an image"}
    for call in (rekognition.index_faces, rekognition.search_faces_by_image):
        expected = ("ResourceNotFoundException", "The collection id: nowhere does not exist")
        assert refusal(call, CollectionId="nowhere", Image=not_an_image)[:2] == expected


def test_a_face_of_another_collection_is_not_found(
    rekognition: "RekognitionClient", collection: str, photos: dict[str, bytes]
) -> None:
    image = {"Bytes": photos["obama.jpg"]}
    face_id = rekognition.index_faces(CollectionId=collection, Image=image)["FaceRecords"][0]["Face"]["FaceId"]
    other = f"{collection}-other"
    rekognition.create_collection(CollectionId=other)
    for unknown in (face_id, FACE_ID):
        expected = ("InvalidParameterException", "faceId was not found in the collection.")
        assert refusal(rekognition.search_faces, CollectionId=other, FaceId=unknown)[:2] == expected
    response = rekognition.delete_faces(CollectionId=other, FaceIds=[face_id])
    assert (response["DeletedFaces"], len(response["UnsuccessfulFaceDeletions"])) == ([], 1)
    assert rekognition.describe_collection(CollectionId=collection)["FaceCount"] == 1
    rekognition.delete_collection(CollectionId=other)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "SerializationException"),
        (b"{", "SerializationException"),
        (b"[]", "SerializationException"),
        (b"null", "SerializationException"),
        (b"\xff\xfe", "SerializationException"),
        (b'{"CollectionId": NaN}', "SerializationException"),
        (b'{"CollectionId": 3}', "SerializationException"),
        (b'{"CollectionId": ["c"]}', "SerializationException"),
        (b"[" * 100_000, "SerializationException"),
        (b"{}", "ValidationException"),
        (b'{"CollectionId": null}', "ValidationException"),
        (b'{"CollectionId": ""}', "ValidationException"),
    ],
)
def test_bodies_that_are_not_the_request(live_server: str, body: bytes, code: str) -> None:
    status, response = raw(live_server, "CreateCollection", body)
    assert (status, response["__type"]) == (400, code)
    assert "Traceback" not in json.dumps(response)


def test_thresholds_that_are_not_numbers(live_server: str) -> None:
    request = {"CollectionId": "c", "FaceId": FACE_ID, "FaceMatchThreshold": math.nan}
    assert raw(live_server, "SearchFaces", request)[1]["__type"] == "SerializationException"
    for threshold in ("80", True, [80], {}, -1, 1e400):
        status, response = raw(live_server, "SearchFaces", {**request, "FaceMatchThreshold": threshold})
        assert (status, response["__type"] in ("SerializationException", "ValidationException")) == (400, True)


@pytest.mark.parametrize("threshold", [math.nan, math.inf])
@pytest.mark.parametrize(
    ("operation", "member", "more"),
    [
        ("search_faces", "FaceMatchThreshold", {"CollectionId": "c", "FaceId": FACE_ID}),
        ("search_faces_by_image", "FaceMatchThreshold", {"CollectionId": "c", "Image": {"Bytes": b"x"}}),
        ("search_users", "UserMatchThreshold", {"CollectionId": "c", "UserId": "u"}),
        ("search_users_by_image", "UserMatchThreshold", {"CollectionId": "c", "Image": {"Bytes": b"x"}}),
        ("associate_faces", "UserMatchThreshold", {"CollectionId": "c", "UserId": "u", "FaceIds": [FACE_ID]}),
        ("compare_faces", "SimilarityThreshold", {"SourceImage": {"Bytes": b"x"}, "TargetImage": {"Bytes": b"x"}}),
    ],
)
def test_thresholds_that_are_not_numbers_as_boto3_sends_them(
    rekognition: "RekognitionClient", operation: str, member: str, more: dict[str, Any], threshold: float
) -> None:
    """Check the strings "NaN" and "Infinity"."""
    code, _, _ = refusal(getattr(rekognition, operation), **more, **{member: threshold})
    assert code == "SerializationException"


def test_minima_that_boto3_would_not_send(live_server: str) -> None:
    for operation, request, path in (
        ("SearchFaces", {"CollectionId": "c", "FaceId": FACE_ID, "MaxFaces": 0}, "maxFaces"),
        ("IndexFaces", {"CollectionId": "c", "Image": {"Bytes": "eA=="}, "MaxFaces": 0}, "maxFaces"),
        ("DetectFaces", {"Image": {"Bytes": ""}}, "image.bytes"),
        ("DeleteFaces", {"CollectionId": "c", "FaceIds": []}, "faceIds"),
    ):
        status, response = raw(live_server, operation, request)
        assert (status, response["__type"]) == (400, "ValidationException"), operation
        assert f"at '{path}' failed to satisfy constraint: Member must have" in response["message"]


def test_members_that_the_model_does_not_know_are_ignored_and_named(live_server: str) -> None:
    response = requests.post(
        f"{live_server}/ListCollections",
        data=b'{"Colour": "red"}',
        headers={"Content-Type": "application/x-amz-json-1.1"},
        timeout=60,
    )
    assert response.status_code == 200
    assert "Colour" in response.headers["x-openrek-reason"]


def test_operations_that_are_not_offered_and_targets_that_do_not_exist(
    rekognition: "RekognitionClient", live_server: str, photos: dict[str, bytes]
) -> None:
    code, _, reason = refusal(rekognition.detect_text, Image={"Bytes": photos["obama.jpg"]})
    assert code == "UnknownOperationException"
    assert "DetectText" in reason
    for target in ("Nothing", "", "../ListCollections"):
        assert raw(live_server, target, {})[1]["__type"] == "UnknownOperationException"
    no_target = requests.post(
        live_server, data=b"{}", headers={"Content-Type": "application/x-amz-json-1.1"}, timeout=60
    )
    assert no_target.json()["__type"] == "UnknownOperationException"


def test_operations_have_paths_of_their_own(live_server: str, collection: str) -> None:
    response = requests.post(
        f"{live_server}/DescribeCollection",
        data=json.dumps({"CollectionId": collection}),
        headers={"Content-Type": "application/x-amz-json-1.1"},
        timeout=60,
    )
    assert response.json()["FaceCount"] == 0


def test_errors_look_like_rekognitions(live_server: str) -> None:
    status, response = raw(live_server, "DescribeCollection", {"CollectionId": "nowhere"})
    assert status == 400
    assert response.keys() == {"__type", "Code", "Logref", "Message"}
    assert response["__type"] == response["Code"] == "ResourceNotFoundException"
    assert response["Message"] == "The collection id: nowhere does not exist"
    status, response = raw(live_server, "DescribeCollection", {})
    assert response == {
        "__type": "ValidationException",
        "message": "1 validation error detected: Value null at 'collectionId' failed to satisfy constraint: "
        "Member must not be null",
    }
