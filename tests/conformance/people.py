"""A collection of people for tests: photos indexed, users made of them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient

UNKNOWN = "11111111-2222-4333-8444-555555555555"
MAN = ("obama.jpg", "obama3.jpg", "32bit.png")
"""Three photos of one man; obama2.jpg is another, which no user here is made of."""


def index(rekognition: "RekognitionClient", collection: str, photos: dict[str, bytes], *names: str) -> dict[str, str]:
    """Index the photos; return photo name -> FaceId of its largest face. The name is the ExternalImageId."""
    found = {}
    for name in names:
        response = rekognition.index_faces(
            CollectionId=collection, Image={"Bytes": photos[name]}, ExternalImageId=name, MaxFaces=1
        )
        (record,) = response["FaceRecords"]
        found[name] = record["Face"]["FaceId"]
    return found


def user(rekognition: "RekognitionClient", collection: str, user_id: str, *face_ids: str) -> dict[str, Any]:
    """Create the user and, if there are any, associate faces with it; return the response to that."""
    rekognition.create_user(CollectionId=collection, UserId=user_id)
    if not face_ids:
        return {}
    return rekognition.associate_faces(CollectionId=collection, UserId=user_id, FaceIds=face_ids)


def users(rekognition: "RekognitionClient", collection: str) -> dict[str, str]:
    """Return UserId -> UserStatus."""
    pages = rekognition.get_paginator("list_users").paginate(CollectionId=collection)
    return {each["UserId"]: each["UserStatus"] for page in pages for each in page["Users"]}


def owners(rekognition: "RekognitionClient", collection: str) -> dict[str, str | None]:
    """Return FaceId -> UserId."""
    return {face["FaceId"]: face.get("UserId") for face in listed(rekognition, collection)}


def listed(rekognition: "RekognitionClient", collection: str) -> Iterator[dict[str, Any]]:
    for page in rekognition.get_paginator("list_faces").paginate(CollectionId=collection):
        yield from page["Faces"]


def found_users(response: dict[str, Any]) -> dict[str, float]:
    """Return UserId -> Similarity, in the order of the response."""
    return {match["User"]["UserId"]: match["Similarity"] for match in response["UserMatches"]}
