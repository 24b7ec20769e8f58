"""ErasePerson."""

from typing import Any

import pytest

from openrek.domain.errors import InvalidParameter, ResourceNotFound
from tests.operations.parts.world import World


@pytest.fixture
def ids(world: World) -> list[str]:
    """Two faces of ann's, from a desk and a door photo, and bob's, from the desk photo."""
    ids = [*world.index("ann bob", ExternalImageId="desk"), *world.index("ann1", ExternalImageId="door")]
    for user_id, face_ids in (("ann", [ids[0], ids[2]]), ("bob", [ids[1]])):
        world.do("CreateUser", CollectionId="staff", UserId=user_id)
        world.do("AssociateFaces", CollectionId="staff", UserId=user_id, FaceIds=face_ids)
    return ids


def erase(world: World, **request: Any) -> tuple[list[str], list[str]]:
    done = world.do("ErasePerson", CollectionId="staff", **request)
    assert done.keys() == {"DeletedFaces", "DeletedUsers"}
    return done["DeletedFaces"], done["DeletedUsers"]


def listed(world: World) -> tuple[set[str], list[str]]:
    faces = world.do("ListFaces", CollectionId="staff")["Faces"]
    users = world.do("ListUsers", CollectionId="staff")["Users"]
    return {face["FaceId"] for face in faces}, [user["UserId"] for user in users]


def test_a_user_goes_with_all_its_faces(world: World, ids: list[str]) -> None:
    assert erase(world, UserId="ann") == (sorted([ids[0], ids[2]]), ["ann"])
    assert listed(world) == ({ids[1]}, ["bob"])
    with pytest.raises(ResourceNotFound, match=r"^The user id: ann does not exist$"):
        erase(world, UserId="ann")


def test_an_external_image_id_goes_with_the_users_that_have_nothing_else(world: World, ids: list[str]) -> None:
    assert erase(world, ExternalImageId="desk") == (sorted(ids[:2]), ["bob"])
    assert listed(world) == ({ids[2]}, ["ann"])
    assert erase(world, ExternalImageId="desk") == ([], [])


def test_exactly_one_of_user_and_external_image_id_is_needed(world: World, ids: list[str]) -> None:
    for request in ({}, {"UserId": "ann", "ExternalImageId": "desk"}):
        with pytest.raises(InvalidParameter) as caught:
            erase(world, **request)
        assert caught.value.reason == "ErasePerson needs either UserId or ExternalImageId, and not both."
    assert listed(world) == (set(ids), ["ann", "bob"])


def test_a_missing_collection_is_named(world: World) -> None:
    with pytest.raises(ResourceNotFound, match=r"^The collection id: nobody does not exist$"):
        world.do("ErasePerson", CollectionId="nobody", UserId="ann")
