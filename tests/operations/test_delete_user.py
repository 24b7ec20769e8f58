"""DeleteUser."""

import pytest

from openrek.domain.errors import ResourceNotFound
from tests.operations.parts.world import World


def test_the_faces_of_a_deleted_user_stay(world: World) -> None:
    ids = world.index("ann ann1")
    world.do("CreateUser", CollectionId="staff", UserId="ann")
    world.do("AssociateFaces", CollectionId="staff", UserId="ann", FaceIds=ids)
    assert world.do("DeleteUser", CollectionId="staff", UserId="ann") == {}
    assert world.do("ListUsers", CollectionId="staff") == {"Users": []}
    left = world.do("ListFaces", CollectionId="staff")["Faces"]
    assert sorted(face["FaceId"] for face in left) == sorted(ids)
    assert not any("UserId" in face for face in left)


def test_a_deletion_that_is_repeated_with_its_token_is_no_error(world: World) -> None:
    world.do("CreateUser", CollectionId="staff", UserId="ann")
    for _ in range(2):
        assert world.do("DeleteUser", CollectionId="staff", UserId="ann", ClientRequestToken="one") == {}


@pytest.mark.parametrize(("collection", "text"), [("nobody", "collection id: nobody"), ("staff", "user id: ann")])
def test_what_is_missing_is_named(world: World, collection: str, text: str) -> None:
    with pytest.raises(ResourceNotFound, match=rf"^The {text} does not exist$"):
        world.do("DeleteUser", CollectionId=collection, UserId="ann")
