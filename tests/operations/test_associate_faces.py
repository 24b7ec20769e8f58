"""AssociateFaces."""

from typing import Any

import pytest

from openrek.domain.errors import IdempotentParameterMismatch, ResourceNotFound, ServiceQuotaExceeded
from openrek.domain.faces import cosine, float32
from openrek.domain.models import SFACE
from tests.operations.parts.photos import embedding
from tests.operations.parts.world import World

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def world(world: World) -> World:
    for user_id in ("ann", "bob"):
        world.do("CreateUser", CollectionId="staff", UserId=user_id)
    return world


def associate(world: World, user_id: str, face_ids: list[str], **more: Any) -> dict[str, Any]:
    return world.do("AssociateFaces", CollectionId="staff", UserId=user_id, FaceIds=face_ids, **more)


def joined(done: dict[str, Any]) -> list[str]:
    return [face["FaceId"] for face in done["AssociatedFaces"]]


def test_each_face_is_listed_once_and_its_own_are_passed_over(world: World) -> None:
    ann, near, bob = world.index("ann ann1 bob")
    assert associate(world, "ann", [ann, ann]) == {
        "AssociatedFaces": [{"FaceId": ann}],
        "UnsuccessfulFaceAssociations": [],
        "UserStatus": "ACTIVE",
    }
    associate(world, "bob", [bob])
    assert associate(world, "ann", [UNKNOWN, near, ann, bob, near]) == {
        "AssociatedFaces": [{"FaceId": near}],
        "UnsuccessfulFaceAssociations": [
            {"FaceId": UNKNOWN, "Reasons": ["FACE_NOT_FOUND"]},
            {"FaceId": bob, "UserId": "bob", "Reasons": ["ASSOCIATED_TO_A_DIFFERENT_USER"]},
        ],
        "UserStatus": "ACTIVE",
    }


def test_a_user_that_got_no_face_is_still_created(world: World) -> None:
    assert associate(world, "ann", [UNKNOWN])["UserStatus"] == "CREATED"


def test_a_face_below_the_threshold_is_left_out_with_its_confidence(world: World) -> None:
    ann, turned, bob = world.index("ann ann12 bob")
    assert joined(associate(world, "ann", [ann])) == [ann]
    confidence = SFACE.similarity_pct(cosine(embedding("ann"), embedding("ann12")))
    assert 0 < confidence < 75
    assert associate(world, "ann", [turned, bob])["UnsuccessfulFaceAssociations"] == [
        {"FaceId": turned, "Confidence": confidence, "Reasons": ["LOW_MATCH_CONFIDENCE"]},
        {"FaceId": bob, "Confidence": SFACE.similarity_pct(0.0), "Reasons": ["LOW_MATCH_CONFIDENCE"]},
    ]
    just_above = float32(confidence * (1 + 2e-7))
    assert joined(associate(world, "ann", [turned], UserMatchThreshold=just_above)) == []
    assert joined(associate(world, "ann", [turned], UserMatchThreshold=confidence)) == [turned]


def test_seventy_five_is_the_default(world: World) -> None:
    ann, above, below = world.index("ann ann11 ann12")
    associate(world, "ann", [ann])
    assert joined(associate(world, "ann", [below, above])) == [above]
    assert world.users.lowest[-1] == SFACE.lowest_cosine(75.0)


def test_the_first_faces_of_a_user_are_taken_as_they_are(world: World) -> None:
    (bob,) = world.index("bob")
    assert joined(associate(world, "ann", [bob], UserMatchThreshold=100)) == [bob]


def test_a_full_user_takes_no_more(world: World) -> None:
    photos = [world.index("ann ann1 ann2 ann3 ann4", ExternalImageId=str(number)) for number in range(21)]
    ids = [face_id for photo in photos for face_id in photo]
    assert len(joined(associate(world, "ann", ids[:95]))) == 95
    done = associate(world, "ann", ids[95:])
    assert joined(done) == ids[95:100]
    assert done["UnsuccessfulFaceAssociations"] == [{"FaceId": each, "Reasons": []} for each in ids[100:]]
    with pytest.raises(ServiceQuotaExceeded):
        associate(world, "ann", ids[100:])


def test_a_token_gets_the_first_result_again(world: World) -> None:
    ann, near = world.index("ann ann1")
    first = associate(world, "ann", [ann, UNKNOWN], ClientRequestToken="one")
    assert associate(world, "ann", [ann, UNKNOWN], ClientRequestToken="one") == first
    for other in ({"face_ids": [near]}, {"user_id": "bob"}, {"UserMatchThreshold": 80}):
        request = {"user_id": "ann", "face_ids": [ann, UNKNOWN], "ClientRequestToken": "one", **other}
        with pytest.raises(IdempotentParameterMismatch):
            associate(world, **request)


def test_what_is_missing_is_named(world: World) -> None:
    with pytest.raises(ResourceNotFound, match=r"^The user id: cyd does not exist$"):
        associate(world, "cyd", [UNKNOWN])
    with pytest.raises(ResourceNotFound, match=r"^The collection id: nobody does not exist$"):
        world.do("AssociateFaces", CollectionId="nobody", UserId="ann", FaceIds=[UNKNOWN])
