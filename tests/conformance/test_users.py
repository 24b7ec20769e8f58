"""Users: made, listed, given faces and deprived of them, deleted."""

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.conformance.conftest import refusal
from tests.conformance.people import MAN, UNKNOWN, index, owners, user, users
from tests.support.variants import collage

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient

NO_USER = ("ResourceNotFoundException", "The user id: nobody does not exist")


def test_the_life_of_a_user(rekognition: "RekognitionClient", collection: str, photos: dict[str, bytes]) -> None:
    faces = index(rekognition, collection, photos, *MAN)
    made = rekognition.create_user(CollectionId=collection, UserId="barack:obama_1.-")
    assert made.keys() == {"ResponseMetadata"}
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert users(rekognition, collection) == {"barack:obama_1.-": "CREATED"}
    assert rekognition.describe_collection(CollectionId=collection)["UserCount"] == 1

    joined = rekognition.associate_faces(
        CollectionId=collection, UserId="barack:obama_1.-", FaceIds=[faces["obama.jpg"], faces["obama3.jpg"]]
    )
    assert joined["AssociatedFaces"] == [{"FaceId": faces["obama.jpg"]}, {"FaceId": faces["obama3.jpg"]}]
    assert joined["UnsuccessfulFaceAssociations"] == []
    assert joined["UserStatus"] == "ACTIVE"
    assert users(rekognition, collection) == {"barack:obama_1.-": "ACTIVE"}
    assert owners(rekognition, collection) == {
        faces["obama.jpg"]: "barack:obama_1.-",
        faces["obama3.jpg"]: "barack:obama_1.-",
        faces["32bit.png"]: None,
    }

    gone = rekognition.delete_user(CollectionId=collection, UserId="barack:obama_1.-")
    assert gone.keys() == {"ResponseMetadata"}
    assert users(rekognition, collection) == {}
    assert rekognition.describe_collection(CollectionId=collection)["UserCount"] == 0
    assert owners(rekognition, collection) == dict.fromkeys(faces.values())
    missing = refusal(rekognition.delete_user, CollectionId=collection, UserId="nobody")
    assert missing[:2] == NO_USER


def test_a_user_id_is_unique_in_its_collection(rekognition: "RekognitionClient", collection: str) -> None:
    rekognition.create_user(CollectionId=collection, UserId="ann")
    rekognition.create_user(CollectionId=collection, UserId="Ann")
    code, _, reason = refusal(rekognition.create_user, CollectionId=collection, UserId="ann")
    assert code == "ConflictException"
    assert reason
    assert users(rekognition, collection) == {"ann": "CREATED", "Ann": "CREATED"}


def test_a_collection_that_does_not_exist_is_named(rekognition: "RekognitionClient") -> None:
    for call, arguments in (
        (rekognition.create_user, {"UserId": "ann"}),
        (rekognition.delete_user, {"UserId": "ann"}),
        (rekognition.list_users, {}),
        (rekognition.associate_faces, {"UserId": "ann", "FaceIds": [UNKNOWN]}),
        (rekognition.disassociate_faces, {"UserId": "ann", "FaceIds": [UNKNOWN]}),
        (rekognition.search_users, {"UserId": "ann"}),
        (rekognition.search_users_by_image, {"Image": {"Bytes": b"x"}}),
    ):
        assert refusal(call, CollectionId="never", **arguments)[:2] == (
            "ResourceNotFoundException",
            "The collection id: never does not exist",
        )


def test_every_reason_why_a_face_does_not_join(
    rekognition: "RekognitionClient", collection: str, photos: dict[str, bytes]
) -> None:
    faces = index(rekognition, collection, photos, *MAN, "biden.jpg", "astronaut.png")
    user(rekognition, collection, "barack", faces["obama.jpg"])
    user(rekognition, collection, "joe", faces["biden.jpg"])
    asked = [UNKNOWN, faces["obama.jpg"], faces["biden.jpg"], faces["astronaut.png"], faces["obama3.jpg"], UNKNOWN]
    response = rekognition.associate_faces(CollectionId=collection, UserId="barack", FaceIds=asked)
    assert response["AssociatedFaces"] == [{"FaceId": faces["obama3.jpg"]}]
    missing, foreign, unlike = response["UnsuccessfulFaceAssociations"]
    assert missing == {"FaceId": UNKNOWN, "Reasons": ["FACE_NOT_FOUND"]}
    assert foreign == {
        "FaceId": faces["biden.jpg"],
        "UserId": "joe",
        "Reasons": ["ASSOCIATED_TO_A_DIFFERENT_USER"],
    }
    assert unlike.keys() == {"FaceId", "Confidence", "Reasons"}
    assert (unlike["FaceId"], unlike["Reasons"]) == (faces["astronaut.png"], ["LOW_MATCH_CONFIDENCE"])
    assert 0 <= unlike["Confidence"] < 50
    assert response["UserStatus"] == "ACTIVE"
    assert owners(rekognition, collection)[faces["astronaut.png"]] is None
    assert refusal(rekognition.associate_faces, CollectionId=collection, UserId="nobody", FaceIds=asked)[:2] == NO_USER


def test_the_threshold_is_the_callers(
    rekognition: "RekognitionClient", collection: str, photos: dict[str, bytes]
) -> None:
    faces = index(rekognition, collection, photos, "obama.jpg", "biden.jpg", "astronaut.png")
    # The first faces of a user meet nobody, so no threshold applies.
    user(rekognition, collection, "mixed")
    first = rekognition.associate_faces(
        CollectionId=collection,
        UserId="mixed",
        FaceIds=[faces["obama.jpg"], faces["biden.jpg"]],
        UserMatchThreshold=100,
    )
    assert len(first["AssociatedFaces"]) == 2
    call = {"CollectionId": collection, "UserId": "mixed", "FaceIds": [faces["astronaut.png"]]}
    (refused,) = rekognition.associate_faces(**call)["UnsuccessfulFaceAssociations"]
    confidence = refused["Confidence"]
    above = rekognition.associate_faces(**call, UserMatchThreshold=confidence * (1 + 2e-7))
    assert above["UnsuccessfulFaceAssociations"] == [refused]
    exact = rekognition.associate_faces(**call, UserMatchThreshold=confidence)
    assert exact["AssociatedFaces"] == [{"FaceId": faces["astronaut.png"]}]


def test_faces_leave_their_user(rekognition: "RekognitionClient", collection: str, photos: dict[str, bytes]) -> None:
    faces = index(rekognition, collection, photos, *MAN, "biden.jpg")
    user(rekognition, collection, "barack", faces["obama.jpg"], faces["obama3.jpg"])
    user(rekognition, collection, "joe", faces["biden.jpg"])
    response = rekognition.disassociate_faces(
        CollectionId=collection,
        UserId="barack",
        FaceIds=[faces["obama.jpg"], UNKNOWN, faces["biden.jpg"], faces["32bit.png"]],
    )
    assert response["DisassociatedFaces"] == [{"FaceId": faces["obama.jpg"]}]
    assert response["UnsuccessfulFaceDisassociations"] == [
        {"FaceId": UNKNOWN, "Reasons": ["FACE_NOT_FOUND"]},
        {"FaceId": faces["biden.jpg"], "UserId": "joe", "Reasons": ["ASSOCIATED_TO_A_DIFFERENT_USER"]},
    ]
    assert response["UserStatus"] == "ACTIVE"
    last = rekognition.disassociate_faces(CollectionId=collection, UserId="barack", FaceIds=[faces["obama3.jpg"]])
    assert last["UserStatus"] == "CREATED"
    assert users(rekognition, collection) == {"barack": "CREATED", "joe": "ACTIVE"}
    assert owners(rekognition, collection)[faces["obama.jpg"]] is None
    nobody = refusal(rekognition.disassociate_faces, CollectionId=collection, UserId="nobody", FaceIds=[UNKNOWN])
    assert nobody[:2] == NO_USER


def test_a_face_of_a_users_cannot_be_deleted(
    rekognition: "RekognitionClient", collection: str, photos: dict[str, bytes]
) -> None:
    faces = index(rekognition, collection, photos, *MAN)
    user(rekognition, collection, "barack", faces["obama.jpg"])
    response = rekognition.delete_faces(CollectionId=collection, FaceIds=list(faces.values()))
    assert sorted(response["DeletedFaces"]) == sorted([faces["obama3.jpg"], faces["32bit.png"]])
    assert response["UnsuccessfulFaceDeletions"] == [
        {"FaceId": faces["obama.jpg"], "UserId": "barack", "Reasons": ["ASSOCIATED_TO_AN_EXISTING_USER"]}
    ]
    rekognition.delete_user(CollectionId=collection, UserId="barack")
    freed = rekognition.delete_faces(CollectionId=collection, FaceIds=[faces["obama.jpg"]])
    assert freed["DeletedFaces"] == [faces["obama.jpg"]]


def test_a_user_has_at_most_a_hundred_faces(
    rekognition: "RekognitionClient", collection: str, photos: dict[str, bytes]
) -> None:
    pasted = {str(n): (photos["obama.jpg"], (20 + n % 9 * 160, 20 + n // 9 * 200), 150) for n in range(51)}
    picture, _ = collage((1500, 1250), pasted)
    responses = [
        rekognition.index_faces(CollectionId=collection, Image={"Bytes": picture}, ExternalImageId=name)
        for name in ("once", "again")
    ]
    ids = [record["Face"]["FaceId"] for response in responses for record in response["FaceRecords"]]
    assert len(ids) == 102
    user(rekognition, collection, "barack", *ids[:99])
    response = rekognition.associate_faces(CollectionId=collection, UserId="barack", FaceIds=ids[98:])
    assert response["AssociatedFaces"] == [{"FaceId": ids[99]}]
    assert response["UnsuccessfulFaceAssociations"] == [{"FaceId": each, "Reasons": []} for each in ids[100:]]
    code, _, reason = refusal(rekognition.associate_faces, CollectionId=collection, UserId="barack", FaceIds=ids[100:])
    assert (code, "100" in reason) == ("ServiceQuotaExceededException", True)
    assert len(rekognition.list_faces(CollectionId=collection, UserId="barack")["Faces"]) == 100


def test_faces_are_listed_by_user_and_by_id(
    rekognition: "RekognitionClient", collection: str, photos: dict[str, bytes]
) -> None:
    faces = index(rekognition, collection, photos, *MAN, "biden.jpg")
    own = sorted([faces["obama.jpg"], faces["obama3.jpg"]])
    user(rekognition, collection, "barack", *own)

    def named(**more: object) -> list[str]:
        pages = rekognition.get_paginator("list_faces").paginate(
            CollectionId=collection, **more, PaginationConfig={"PageSize": 1}
        )
        return [face["FaceId"] for page in pages for face in page["Faces"]]

    assert named(UserId="barack") == own
    assert named(UserId="barack", FaceIds=[faces["obama.jpg"], faces["biden.jpg"]]) == [faces["obama.jpg"]]
    assert named(UserId="nobody") == []
    shown = rekognition.list_faces(CollectionId=collection, UserId="barack")["Faces"][0]
    assert (shown["UserId"], shown["IndexFacesModelVersion"]) == ("barack", "7.1")
    match = rekognition.search_faces(CollectionId=collection, FaceId=faces["32bit.png"])["FaceMatches"][0]["Face"]
    assert match["UserId"] == "barack"


def test_listing_pages_through_all_users(rekognition: "RekognitionClient", collection: str) -> None:
    names = {f"user-{number}" for number in range(7)} | {"x" * 128}
    for name in names:
        rekognition.create_user(CollectionId=collection, UserId=name)
    pages = rekognition.get_paginator("list_users").paginate(CollectionId=collection, PaginationConfig={"PageSize": 3})
    listed = []
    for page in pages:
        assert len(page["Users"]) <= 3
        assert len(page.get("NextToken", "")) <= 255
        listed += [each["UserId"] for each in page["Users"]]
    assert sorted(listed) == sorted(names)
    token = rekognition.list_users(CollectionId=collection, MaxResults=1)["NextToken"]
    foreign = refusal(rekognition.list_faces, CollectionId=collection, NextToken=token)
    assert foreign[:2] == ("InvalidPaginationTokenException", "Invalid Pagination Token")


def test_users_go_with_their_collection(rekognition: "RekognitionClient", photos: dict[str, bytes]) -> None:
    name = f"again-{uuid4()}"
    for _ in range(2):
        rekognition.create_collection(CollectionId=name)
        faces = index(rekognition, name, photos, "obama.jpg")
        user(rekognition, name, "barack", faces["obama.jpg"])
        assert users(rekognition, name) == {"barack": "ACTIVE"}
        rekognition.delete_collection(CollectionId=name)


def test_many_clients_never_give_a_face_two_users(
    rekognition: "RekognitionClient", collection: str, photos: dict[str, bytes]
) -> None:
    faces = list(index(rekognition, collection, photos, *MAN).values())
    names = [f"user-{number}" for number in range(8)]
    for name in names:
        user(rekognition, collection, name)
    with ThreadPoolExecutor(8) as pool:
        responses = list(
            pool.map(
                lambda name: rekognition.associate_faces(CollectionId=collection, UserId=name, FaceIds=faces), names
            )
        )
    joined = [
        (name, face["FaceId"]) for name, done in zip(names, responses, strict=True) for face in done["AssociatedFaces"]
    ]
    assert sorted(face_id for _, face_id in joined) == sorted(faces)
    assert owners(rekognition, collection) == {face_id: name for name, face_id in joined}
    for name, done in zip(names, responses, strict=True):
        for left in done["UnsuccessfulFaceAssociations"]:
            assert left["Reasons"] == ["ASSOCIATED_TO_A_DIFFERENT_USER"]
            assert left["UserId"] != name


@pytest.mark.parametrize("operation", ["associate_faces", "disassociate_faces"])
def test_at_most_a_hundred_faces_a_call(rekognition: "RekognitionClient", collection: str, operation: str) -> None:
    rekognition.create_user(CollectionId=collection, UserId="ann")
    call = getattr(rekognition, operation)
    code, message, _ = refusal(call, CollectionId=collection, UserId="ann", FaceIds=[UNKNOWN] * 101)
    assert code == "ValidationException"
    assert "at 'faceIds' failed to satisfy constraint: Member must have length less than or equal to 100" in message
