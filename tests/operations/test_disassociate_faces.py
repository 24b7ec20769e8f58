"""DisassociateFaces."""

from typing import Any

import pytest

from openrek.domain.errors import ResourceNotFound
from tests.operations.parts.world import World

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def ids(world: World) -> list[str]:
    """Two faces of ann's, one of bob's and one of nobody's."""
    ids = world.index("ann ann1 bob cyd")
    for user_id, face_ids in (("ann", ids[:2]), ("bob", ids[2:3])):
        world.do("CreateUser", CollectionId="staff", UserId=user_id)
        world.do("AssociateFaces", CollectionId="staff", UserId=user_id, FaceIds=face_ids)
    return ids


def disassociate(world: World, user_id: str, face_ids: list[str], **more: Any) -> dict[str, Any]:
    return world.do("DisassociateFaces", CollectionId="staff", UserId=user_id, FaceIds=face_ids, **more)


def test_each_face_is_listed_once_and_nobodys_are_passed_over(world: World, ids: list[str]) -> None:
    ann, near, bob, cyd = ids
    assert disassociate(world, "ann", [UNKNOWN, cyd, ann, bob, ann]) == {
        "DisassociatedFaces": [{"FaceId": ann}],
        "UnsuccessfulFaceDisassociations": [
            {"FaceId": UNKNOWN, "Reasons": ["FACE_NOT_FOUND"]},
            {"FaceId": bob, "UserId": "bob", "Reasons": ["ASSOCIATED_TO_A_DIFFERENT_USER"]},
        ],
        "UserStatus": "ACTIVE",
    }
    assert [face["FaceId"] for face in world.do("ListFaces", CollectionId="staff", UserId="ann")["Faces"]] == [near]


def test_a_user_without_faces_is_as_it_was_created(world: World, ids: list[str]) -> None:
    assert disassociate(world, "ann", ids[:2])["UserStatus"] == "CREATED"
    assert disassociate(world, "ann", ids[:2])["DisassociatedFaces"] == []


def test_a_token_gets_the_first_result_again(world: World, ids: list[str]) -> None:
    first = disassociate(world, "ann", ids[:1], ClientRequestToken="one")
    world.do("AssociateFaces", CollectionId="staff", UserId="ann", FaceIds=ids[:1])
    assert disassociate(world, "ann", ids[:1], ClientRequestToken="one") == first
    assert len(world.do("ListFaces", CollectionId="staff", UserId="ann")["Faces"]) == 2


def test_what_is_missing_is_named(world: World) -> None:
    with pytest.raises(ResourceNotFound, match=r"^The user id: ann does not exist$"):
        disassociate(world, "ann", [UNKNOWN])
    with pytest.raises(ResourceNotFound, match=r"^The collection id: nobody does not exist$"):
        world.do("DisassociateFaces", CollectionId="nobody", UserId="ann", FaceIds=[UNKNOWN])
