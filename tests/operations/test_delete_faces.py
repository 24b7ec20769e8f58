"""DeleteFaces."""

import pytest

from openrek.domain.errors import ResourceNotFound
from tests.operations.parts.world import World

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def test_each_id_is_listed_once(world: World) -> None:
    ann, bob, cyd = world.index("ann bob cyd")
    world.user("robert", bob)
    assert world.do("DeleteFaces", CollectionId="staff", FaceIds=[cyd, UNKNOWN, bob, cyd, ann, UNKNOWN]) == {
        "DeletedFaces": [cyd, ann],
        "UnsuccessfulFaceDeletions": [
            {"FaceId": UNKNOWN, "Reasons": ["FACE_NOT_FOUND"]},
            {"FaceId": bob, "UserId": "robert", "Reasons": ["ASSOCIATED_TO_AN_EXISTING_USER"]},
        ],
    }
    assert [face["FaceId"] for face in world.do("ListFaces", CollectionId="staff")["Faces"]] == [bob]


def test_both_lists_are_there_when_empty(world: World) -> None:
    (ann,) = world.index("ann")
    assert world.do("DeleteFaces", CollectionId="staff", FaceIds=[ann])["UnsuccessfulFaceDeletions"] == []
    assert world.do("DeleteFaces", CollectionId="staff", FaceIds=[ann])["DeletedFaces"] == []


def test_a_missing_collection_is_named(world: World) -> None:
    with pytest.raises(ResourceNotFound, match=r"^The collection id: nobody does not exist$"):
        world.do("DeleteFaces", CollectionId="nobody", FaceIds=[UNKNOWN])
