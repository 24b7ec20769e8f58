"""AWS's words for broken constraints and wrong types."""

from typing import Any

import pytest

from openrek.domain.errors import SerializationError, ValidationError
from openrek.wire.model import service_model
from openrek.wire.validate import validated

FACE_ID = "6c1e2a9e-7c6f-4f6e-9d7e-0a1b2c3d4e5f"
IMAGE = {"Bytes": "/9j/"}
UUID_PATTERN = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
ATTRIBUTES = (
    "DEFAULT, ALL, AGE_RANGE, BEARD, EMOTIONS, EYE_DIRECTION, EYEGLASSES, EYES_OPEN, GENDER, MOUTH_OPEN, MUSTACHE, "
    "FACE_OCCLUDED, SMILE, SUNGLASSES"
)


def refused(operation: str, request: dict[str, Any]) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        validated(service_model(), operation, request)
    return caught.value


def test_a_valid_request_comes_back_typed() -> None:
    request, unknown = validated(
        service_model(),
        "IndexFaces",
        {"CollectionId": "c", "Image": IMAGE, "MaxFaces": 3.0, "ExternalImageId": None, "DetectionAttributes": []},
    )
    assert request == {
        "CollectionId": "c",
        "Image": {"Bytes": b"\xff\xd8\xff"},
        "MaxFaces": 3,
        "DetectionAttributes": [],
    }
    assert type(request["MaxFaces"]) is int
    assert unknown == []


NULL = "Member must not be null"
ID_PATTERN = r"Member must satisfy regular expression pattern: [a-zA-Z0-9_.\-]+"
TAG_KEY = r"Member must satisfy regular expression pattern: ^(?!aws:)[\p{L}\p{Z}\p{N}_.:/=+\-@]*$"


def each(ending: str) -> str:
    return f"Member must satisfy constraint: [{ending}, {NULL}]"


def at_most(limit: int, what: str = "length") -> str:
    return f"Member must have {what} less than or equal to {limit}"


def at_least(limit: int, what: str = "length") -> str:
    return f"Member must have {what} greater than or equal to {limit}"


def test_the_whole_text_reads_as_awss() -> None:
    assert str(refused("DescribeCollection", {"CollectionId": ""})) == (
        "2 validation errors detected: "
        "Value '' at 'collectionId' failed to satisfy constraint: Member must have length greater than or equal to 1; "
        "Value '' at 'collectionId' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: [a-zA-Z0-9_.\-]+"
    )
    assert str(refused("DescribeCollection", {})) == (
        "1 validation error detected: Value null at 'collectionId' failed to satisfy constraint: "
        "Member must not be null"
    )


@pytest.mark.parametrize(
    ("operation", "request_", "broken"),
    [
        ("DescribeCollection", {"CollectionId": None}, [("null", "collectionId", NULL)]),
        ("DescribeCollection", {"CollectionId": "a" * 256}, [(f"'{'a' * 256}'", "collectionId", at_most(255))]),
        ("DescribeCollection", {"CollectionId": "!" * 256}, [(f"'{'!' * 256}'", "collectionId", at_most(255))]),
        ("DescribeCollection", {"CollectionId": "../x"}, [("'../x'", "collectionId", ID_PATTERN)]),
        ("DescribeCollection", {"CollectionId": "x\n"}, [("'x\n'", "collectionId", ID_PATTERN)]),
        (
            "SearchFacesByImage",
            {"CollectionId": "c", "Image": IMAGE, "MaxFaces": 4097, "FaceMatchThreshold": 101},
            [("'4097'", "maxFaces", at_most(4096, "value")), ("'101.0'", "faceMatchThreshold", at_most(100, "value"))],
        ),
        (
            "SearchFaces",
            {"CollectionId": "c", "FaceId": FACE_ID, "MaxFaces": 0, "FaceMatchThreshold": -0.5},
            [("'0'", "maxFaces", at_least(1, "value")), ("'-0.5'", "faceMatchThreshold", at_least(0, "value"))],
        ),
        (
            "SearchFacesByImage",
            {"CollectionId": "c", "Image": IMAGE, "QualityFilter": "BEST"},
            [("'BEST'", "qualityFilter", "Member must satisfy enum value set: [NONE, AUTO, LOW, MEDIUM, HIGH]")],
        ),
        (
            "DetectFaces",
            {"Image": IMAGE, "Attributes": ["ALL", "all"]},
            [("'[ALL, all]'", "attributes", each(f"Member must satisfy enum value set: [{ATTRIBUTES}]"))],
        ),
        (
            "DeleteFaces",
            {"CollectionId": "c", "FaceIds": [FACE_ID, None]},
            [
                (
                    f"'[{FACE_ID}, null]'",
                    "faceIds",
                    each(f"Member must satisfy regular expression pattern: {UUID_PATTERN}"),
                )
            ],
        ),
        ("DeleteFaces", {"CollectionId": "c", "FaceIds": []}, [("'[]'", "faceIds", at_least(1))]),
        (
            "DetectFaces",
            {"Image": {"Bytes": ""}},
            [("'java.nio.HeapByteBuffer[pos=0 lim=0 cap=0]'", "image.bytes", at_least(1))],
        ),
        (
            "DetectFaces",
            {"Image": {"S3Object": {"Bucket": "b", "Name": ""}}},
            [("'b'", "image.s3Object.bucket", at_least(3)), ("''", "image.s3Object.name", at_least(1))],
        ),
        (
            "CreateCollection",
            {"CollectionId": "c", "Tags": {"aws:x": "1"}},
            [
                (
                    "'{aws:x=1}'",
                    "tags",
                    f"Map keys must satisfy constraint: [{at_most(128)}, {at_least(1)}, {TAG_KEY}, {NULL}]",
                )
            ],
        ),
    ],
)
def test_a_broken_constraint_is_told_in_awss_words(
    operation: str, request_: dict[str, Any], broken: list[tuple[str, str, str]]
) -> None:
    texts = [f"Value {value} at '{path}' failed to satisfy constraint: {ending}" for value, path, ending in broken]
    count = "1 validation error" if len(texts) == 1 else f"{len(texts)} validation errors"
    assert str(refused(operation, request_)) == f"{count} detected: {'; '.join(texts)}"


def test_a_list_of_structures_names_the_element() -> None:
    request = {
        "Image": IMAGE,
        "Filters": {"RegionsOfInterest": [{}, {"Polygon": [{}, {"X": 1}, None]}, {"BoundingBox": {"Width": 1}}]},
    }
    text = (
        "1 validation error detected: Value null at 'filters.regionsOfInterest.2.member.polygon.3.member' failed to "
        "satisfy constraint: Member must not be null"
    )
    assert str(refused("DetectText", request)) == text


def test_an_image_one_byte_too_large_is_refused_without_showing_it() -> None:
    from base64 import b64encode

    refusal = refused("DetectFaces", {"Image": {"Bytes": b64encode(bytes(5242881)).decode()}})
    assert str(refusal) == (
        "1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=5242881 cap=5242881]' at 'image.bytes' "
        "failed to satisfy constraint: Member must have length less than or equal to 5242880"
    )


def test_the_reason_names_the_very_element() -> None:
    refusal = refused("DeleteFaces", {"CollectionId": "c", "FaceIds": [FACE_ID] * 9 + ["x"]})
    assert refusal.reason == (
        f"FaceIds, member 10 of 10: Member must satisfy regular expression pattern: {UUID_PATTERN}."
    )


def test_quoted_values_and_their_number_are_bounded() -> None:
    refusal = refused("DeleteFaces", {"CollectionId": "!" * 5_000_000, "FaceIds": ["x" * 100_000] * 5000})
    assert len(str(refusal)) < 4000
    regions = [{"Polygon": [None] * 5000}] * 10
    many = refused("DetectText", {"Image": IMAGE, "Filters": {"RegionsOfInterest": regions}})
    assert str(many).startswith("10 validation errors detected: ")
    assert len(str(many)) < 20_000


@pytest.mark.parametrize(
    ("member", "value", "text"),
    [
        ("CollectionId", 5, "NUMBER_VALUE can not be converted to a String"),
        ("CollectionId", True, "TRUE_VALUE can not be converted to a String"),
        ("CollectionId", ["c"], "Start of list found where not expected"),
        ("CollectionId", {}, "Start of structure or map found where not expected."),
        ("MaxFaces", "5", "STRING_VALUE can not be converted to an Integer"),
        ("MaxFaces", False, "FALSE_VALUE can not be converted to an Integer"),
        ("MaxFaces", float("inf"), "NUMBER_VALUE can not be converted to an Integer"),
        ("FaceMatchThreshold", "80", "STRING_VALUE can not be converted to a Float"),
        ("FaceMatchThreshold", float("inf"), "NUMBER_VALUE can not be converted to a Float"),
        ("FaceMatchThreshold", 10**400, "NUMBER_VALUE can not be converted to a Float"),
        ("Image", "x", "Expected null"),
        ("Image", [], "Start of list found where not expected"),
        ("Image", {"Bytes": 1}, "NUMBER_VALUE can not be converted to a Blob"),
        ("Image", {"Bytes": "QQ"}, "Invalid Base64"),
        ("Image", {"Bytes": "QQ==\n"}, "Invalid Base64"),
        ("Image", {"Bytes": "QR-_"}, "Invalid Base64"),
        ("Image", {"Bytes": "\u00e9\u00e9\u00e9\u00e9"}, "Invalid Base64"),
        ("Image", {"Bytes": "QQ==QQ=="}, "Invalid Base64"),
    ],
)
def test_a_wrong_type_is_told_in_awss_words(member: str, value: Any, text: str) -> None:
    request = {"CollectionId": "c", "Image": IMAGE, member: value}
    with pytest.raises(SerializationError) as caught:
        validated(service_model(), "SearchFacesByImage", request)
    assert str(caught.value) == text
    assert str(caught.value.reason).startswith(member)


@pytest.mark.parametrize(
    ("operation", "request_", "reason"),
    [
        ("DetectFaces", {"Image": {"S3Object": {"Name": 1}}}, "Image.S3Object.Name must be a String."),
        ("DeleteFaces", {"CollectionId": "c", "FaceIds": ["a", 1]}, "FaceIds[1] must be a String."),
        (
            "DetectText",
            {"Filters": {"RegionsOfInterest": [{"Polygon": [{}, {"X": "1"}]}]}},
            "Filters.RegionsOfInterest[0].Polygon[1].X must be a Float.",
        ),
        ("CreateCollection", {"Tags": {"a": 1}}, "Tags.* must be a String."),
        ("CreateCollection", {"Tags": {"\udc00": "1"}}, "Tags holds half of a surrogate pair."),
    ],
)
def test_the_reason_of_a_wrong_type_gives_its_place(operation: str, request_: dict[str, Any], reason: str) -> None:
    with pytest.raises(SerializationError) as caught:
        validated(service_model(), operation, request_)
    assert caught.value.reason == reason


def test_what_lies_behind_the_end_of_a_full_list_is_not_looked_at() -> None:
    """Put a value of a wrong type behind the end: a list of the right length would be refused for it."""
    refusal = refused("DeleteFaces", {"CollectionId": "c", "FaceIds": ["no id"] * 4097 + [7] * 1000})
    assert str(refusal).startswith("1 validation error detected: ")
    assert str(refusal).endswith("Member must have length less than or equal to 4096")


def test_wrong_types_come_before_broken_constraints() -> None:
    with pytest.raises(SerializationError):
        validated(service_model(), "SearchFacesByImage", {"MaxFaces": "1"})


@pytest.mark.parametrize(
    ("value", "text"), [("x", "Expected list or null"), ({}, "Start of structure or map found where not expected.")]
)
def test_a_list_must_be_one(value: Any, text: str) -> None:
    with pytest.raises(SerializationError, match=text):
        validated(service_model(), "DeleteFaces", {"CollectionId": "c", "FaceIds": value})


def test_a_map_must_be_one() -> None:
    with pytest.raises(SerializationError, match="Expected map or null"):
        validated(service_model(), "CreateCollection", {"CollectionId": "c", "Tags": "x"})


def test_a_fraction_for_an_integer_is_cut_off_and_a_huge_integer_is_out_of_range() -> None:
    request, _ = validated(service_model(), "ListFaces", {"CollectionId": "c", "MaxResults": 1.9})
    assert request["MaxResults"] == 1
    refusal = refused("ListFaces", {"CollectionId": "c", "MaxResults": 99999999999})
    assert str(refusal).endswith("Member must have value less than or equal to 4096")
