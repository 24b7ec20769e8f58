"""CreateUser."""

import pytest

from openrek.domain.errors import Conflict, IdempotentParameterMismatch, ResourceNotFound
from tests.operations.parts.world import World


def test_a_new_user_has_no_faces(world: World) -> None:
    assert world.do("CreateUser", CollectionId="staff", UserId="ann") == {}
    assert world.do("ListUsers", CollectionId="staff") == {"Users": [{"UserId": "ann", "UserStatus": "CREATED"}]}


def test_a_user_is_created_once(world: World) -> None:
    world.do("CreateUser", CollectionId="staff", UserId="ann", ClientRequestToken="one")
    assert world.do("CreateUser", CollectionId="staff", UserId="ann", ClientRequestToken="one") == {}
    for more in ({}, {"ClientRequestToken": "two"}):
        with pytest.raises(Conflict):
            world.do("CreateUser", CollectionId="staff", UserId="ann", **more)


def test_a_token_stands_for_one_operation_and_one_input(world: World) -> None:
    world.do("CreateUser", CollectionId="staff", UserId="ann", ClientRequestToken="one")
    used = r"^The ClientRequestToken: one you have supplied is already in use\.$"
    for operation, user_id in (("CreateUser", "bob"), ("DeleteUser", "ann")):
        with pytest.raises(IdempotentParameterMismatch, match=used):
            world.do(operation, CollectionId="staff", UserId=user_id, ClientRequestToken="one")
    assert [user["UserId"] for user in world.do("ListUsers", CollectionId="staff")["Users"]] == ["ann"]


def test_a_missing_collection_is_named(world: World) -> None:
    with pytest.raises(ResourceNotFound, match=r"^The collection id: nobody does not exist$"):
        world.do("CreateUser", CollectionId="nobody", UserId="ann")
