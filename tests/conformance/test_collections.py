"""Collections: made, described, listed, deleted."""

import time
from typing import TYPE_CHECKING

from tests.conformance.conftest import refusal

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient


def test_the_life_of_a_collection(rekognition: "RekognitionClient") -> None:
    made = rekognition.create_collection(CollectionId="Staff_1.a-b", Tags={"team": "doors"})
    assert made["StatusCode"] == 200
    assert made["CollectionArn"] == "aws:rekognition:eu-west-1:000000000000:collection/Staff_1.a-b"
    assert made["FaceModelVersion"] == "7.1"

    found = rekognition.describe_collection(CollectionId="Staff_1.a-b")
    assert (found["FaceCount"], found["UserCount"], found["FaceModelVersion"]) == (0, 0, "7.1")
    assert found["CollectionARN"] == "arn:aws:rekognition:eu-west-1:000000000000:collection/Staff_1.a-b"
    assert abs(found["CreationTimestamp"].timestamp() - time.time()) < 60

    again = refusal(rekognition.create_collection, CollectionId="Staff_1.a-b")
    assert again[:2] == ("ResourceAlreadyExistsException", "The collection id: Staff_1.a-b already exists")
    assert rekognition.delete_collection(CollectionId="Staff_1.a-b")["StatusCode"] == 200
    for call in (rekognition.delete_collection, rekognition.describe_collection, rekognition.list_faces):
        gone = refusal(call, CollectionId="Staff_1.a-b")
        assert gone[:2] == ("ResourceNotFoundException", "The collection id: Staff_1.a-b does not exist")


def test_ids_differ_by_case(rekognition: "RekognitionClient", collection: str) -> None:
    other = refusal(rekognition.describe_collection, CollectionId=collection.upper())
    assert other[0] == "ResourceNotFoundException"


def test_a_re_created_collection_is_empty(
    rekognition: "RekognitionClient", collection: str, photos: dict[str, bytes]
) -> None:
    image = {"Bytes": photos["obama.jpg"]}
    face = rekognition.index_faces(CollectionId=collection, Image=image)["FaceRecords"][0]["Face"]
    rekognition.delete_collection(CollectionId=collection)
    rekognition.create_collection(CollectionId=collection)
    assert rekognition.describe_collection(CollectionId=collection)["FaceCount"] == 0
    assert rekognition.search_faces_by_image(CollectionId=collection, Image=image)["FaceMatches"] == []
    anew = rekognition.index_faces(CollectionId=collection, Image=image)["FaceRecords"][0]["Face"]
    assert anew["FaceId"] != face["FaceId"]
    assert anew["ImageId"] == face["ImageId"]


def test_listing_pages_through_ids_of_any_length(rekognition: "RekognitionClient") -> None:
    names = sorted(["zz" + "x" * 253, "zz" + "x" * 252 + "y", *(f"zz{number:02}" for number in range(7))])
    for name in names:
        rekognition.create_collection(CollectionId=name)
    paginator = rekognition.get_paginator("list_collections")
    listed, versions = [], []
    for page in paginator.paginate(PaginationConfig={"PageSize": 2}):
        listed += page["CollectionIds"]
        versions += page["FaceModelVersions"]
        assert len(page.get("NextToken", "")) <= 255
    assert [name for name in listed if name.startswith("zz0")] == names[:7]
    assert sorted(name for name in listed if name.startswith("zz")) == names
    assert len(listed) == len(set(listed)) == len(versions)
    for name in names:
        rekognition.delete_collection(CollectionId=name)
