"""Finding users: by photo, by face, by user."""

from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.conftest import refusal
from tests.conformance.people import MAN, UNKNOWN, found_users, index, user
from tests.support.variants import collage

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient

PEOPLE = "user-searches"


@pytest.fixture(scope="module")
def faces(rekognition: "RekognitionClient", photos: dict[str, bytes]) -> dict[str, str]:
    """Index photos: barack is a user of two photos, sally of one, joe has none; a third of barack's is nobody's."""
    rekognition.create_collection(CollectionId=PEOPLE)
    faces = index(rekognition, PEOPLE, photos, *MAN, "astronaut.png")
    user(rekognition, PEOPLE, "barack", faces["obama.jpg"], faces["obama3.jpg"])
    user(rekognition, PEOPLE, "sally", faces["astronaut.png"])
    user(rekognition, PEOPLE, "joe")
    return faces


def by_image(rekognition: "RekognitionClient", image: bytes, **more: Any) -> dict[str, Any]:
    return rekognition.search_users_by_image(CollectionId=PEOPLE, Image={"Bytes": image}, **more)


def test_a_user_of_several_photos_is_found_in_one_never_seen(
    rekognition: "RekognitionClient", faces: dict[str, str], photos: dict[str, bytes]
) -> None:
    response = by_image(rekognition, photos["obama2.jpg"])
    assert list(found_users(response)) == ["barack"]
    assert found_users(response)["barack"] > 95
    assert response["UserMatches"][0]["User"] == {"UserId": "barack", "UserStatus": "ACTIVE"}
    assert response["FaceModelVersion"] == "7.1"
    assert response["UnsearchedFaces"] == []
    assert response["SearchedFace"]["FaceDetail"]["BoundingBox"].keys() == {"Left", "Top", "Width", "Height"}
    everyone = found_users(by_image(rekognition, photos["obama2.jpg"], UserMatchThreshold=0))
    assert list(everyone) == ["barack", "sally"]
    assert everyone["sally"] < 50


def test_another_person_stays_below(
    rekognition: "RekognitionClient", faces: dict[str, str], photos: dict[str, bytes]
) -> None:
    assert by_image(rekognition, photos["biden.jpg"])["UserMatches"] == []
    everyone = found_users(by_image(rekognition, photos["biden.jpg"], UserMatchThreshold=0))
    assert everyone.keys() == {"barack", "sally"}
    assert max(everyone.values()) < 50


def test_the_largest_face_is_searched_and_the_others_are_named(
    rekognition: "RekognitionClient", faces: dict[str, str], photos: dict[str, bytes]
) -> None:
    picture, places = collage(
        (1500, 1100),
        {
            "large": (photos["obama2.jpg"], (50, 50), 640),
            "middle": (photos["astronaut.png"], (760, 60), 420),
            "small": (photos["biden.jpg"], (1200, 600), 240),
        },
    )
    response = by_image(rekognition, picture)
    assert list(found_users(response)) == ["barack"]
    left, _, width, _ = places["large"]
    assert left < response["SearchedFace"]["FaceDetail"]["BoundingBox"]["Left"] < left + width
    assert [face["Reasons"] for face in response["UnsearchedFaces"]] == [["FACE_NOT_LARGEST"]] * 2
    lefts = [face["FaceDetails"]["BoundingBox"]["Left"] for face in response["UnsearchedFaces"]]
    for found, name in zip(lefts, ("middle", "small"), strict=True):
        assert places[name][0] < found < places[name][0] + places[name][2]


def test_a_photo_without_a_usable_face_is_no_error(
    rekognition: "RekognitionClient", faces: dict[str, str], photos: dict[str, bytes]
) -> None:
    nothing = by_image(rekognition, photos["coffee.png"])
    assert nothing["UserMatches"] == nothing["UnsearchedFaces"] == []
    assert "SearchedFace" not in nothing
    picture, _ = collage((400, 400), {"tiny": (photos["obama.jpg"], (150, 150), 40)})
    assert "SearchedFace" in by_image(rekognition, picture)
    dropped = by_image(rekognition, picture, QualityFilter="HIGH")
    assert "SearchedFace" not in dropped
    assert dropped["UserMatches"] == []
    assert "SMALL_BOUNDING_BOX" in dropped["UnsearchedFaces"][0]["Reasons"]


def test_a_face_finds_its_own_user_and_a_user_never_itself(
    rekognition: "RekognitionClient", faces: dict[str, str]
) -> None:
    own = rekognition.search_users(CollectionId=PEOPLE, FaceId=faces["astronaut.png"])
    assert own["SearchedFace"] == {"FaceId": faces["astronaut.png"]}
    assert "SearchedUser" not in own
    assert found_users(own) == {"sally": 100.0}
    nobodys = rekognition.search_users(CollectionId=PEOPLE, FaceId=faces["32bit.png"])
    assert list(found_users(nobodys)) == ["barack"]

    other = rekognition.search_users(CollectionId=PEOPLE, UserId="barack", UserMatchThreshold=0)
    assert other["SearchedUser"] == {"UserId": "barack"}
    assert "SearchedFace" not in other
    assert list(found_users(other)) == ["sally"]
    assert rekognition.search_users(CollectionId=PEOPLE, UserId="barack")["UserMatches"] == []
    assert rekognition.search_users(CollectionId=PEOPLE, UserId="joe", UserMatchThreshold=0)["UserMatches"] == []


def test_threshold_and_number_are_the_callers(
    rekognition: "RekognitionClient", faces: dict[str, str], photos: dict[str, bytes]
) -> None:
    everyone = found_users(by_image(rekognition, photos["obama2.jpg"], UserMatchThreshold=0))
    worst = everyone["sally"]
    assert found_users(by_image(rekognition, photos["obama2.jpg"], UserMatchThreshold=worst)) == everyone
    above = by_image(rekognition, photos["obama2.jpg"], UserMatchThreshold=worst * (1 + 2e-7))
    assert list(found_users(above)) == ["barack"]
    one = by_image(rekognition, photos["obama2.jpg"], UserMatchThreshold=0, MaxUsers=1)
    assert list(found_users(one)) == ["barack"]


def test_what_cannot_be_searched_is_refused(rekognition: "RekognitionClient", faces: dict[str, str]) -> None:
    for request in ({}, {"UserId": "barack", "FaceId": faces["obama.jpg"]}):
        code, message, reason = refusal(rekognition.search_users, CollectionId=PEOPLE, **request)
        assert (code, message) == ("InvalidParameterException", "Request has invalid parameters")
        assert reason == "SearchUsers needs either UserId or FaceId, and not both."
    assert refusal(rekognition.search_users, CollectionId=PEOPLE, UserId="nobody")[:2] == (
        "ResourceNotFoundException",
        "The user id: nobody does not exist",
    )
    assert refusal(rekognition.search_users, CollectionId=PEOPLE, FaceId=UNKNOWN)[:2] == (
        "InvalidParameterException",
        "faceId was not found in the collection.",
    )
    code, message, _ = refusal(rekognition.search_users, CollectionId=PEOPLE, UserId="barack", MaxUsers=501)
    assert code == "ValidationException"
    assert "at 'maxUsers'" in message


def test_a_user_that_lost_its_faces_is_found_by_nobody(
    rekognition: "RekognitionClient", collection: str, photos: dict[str, bytes]
) -> None:
    (face_id,) = index(rekognition, collection, photos, "obama.jpg").values()
    user(rekognition, collection, "barack", face_id)

    def found() -> list[str]:
        return list(found_users(rekognition.search_users(CollectionId=collection, FaceId=face_id)))

    assert found() == ["barack"]
    rekognition.disassociate_faces(CollectionId=collection, UserId="barack", FaceIds=[face_id])
    assert found() == []
    rekognition.associate_faces(CollectionId=collection, UserId="barack", FaceIds=[face_id])
    assert found() == ["barack"]
    rekognition.delete_user(CollectionId=collection, UserId="barack")
    assert found() == []
