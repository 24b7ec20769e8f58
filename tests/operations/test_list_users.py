"""ListUsers."""

import pytest

from openrek.domain.errors import InvalidPaginationToken, ResourceNotFound
from tests.operations.parts.world import World


def create(world: World, *user_ids: str) -> None:
    for user_id in user_ids:
        world.do("CreateUser", CollectionId="staff", UserId=user_id)


def test_users_with_and_without_faces_are_listed(world: World) -> None:
    create(world, "ann", "bob")
    world.do("AssociateFaces", CollectionId="staff", UserId="bob", FaceIds=world.index("bob"))
    assert world.do("ListUsers", CollectionId="staff")["Users"] == [
        {"UserId": "ann", "UserStatus": "CREATED"},
        {"UserId": "bob", "UserStatus": "ACTIVE"},
    ]


def test_pages_survive_inserts_and_deletes(world: World) -> None:
    create(world, "ann", "bob", "cyd", "dan")
    page = world.do("ListUsers", CollectionId="staff", MaxResults=2)
    assert [user["UserId"] for user in page["Users"]] == ["ann", "bob"]
    world.do("DeleteUser", CollectionId="staff", UserId="bob")
    create(world, "abe", "eve")
    rest: list[str] = []
    while "NextToken" in page:
        page = world.do("ListUsers", CollectionId="staff", MaxResults=2, NextToken=page["NextToken"])
        rest += [user["UserId"] for user in page["Users"]]
    assert rest == ["cyd", "dan", "eve"]


def test_a_page_has_five_hundred_users_unless_told_otherwise(world: World) -> None:
    create(world, *(f"user{number:03}" for number in range(501)))
    page = world.do("ListUsers", CollectionId="staff")
    assert len(page["Users"]) == 500
    assert len(world.do("ListUsers", CollectionId="staff", NextToken=page["NextToken"])["Users"]) == 1


def test_a_token_is_good_for_its_own_listing_only(world: World) -> None:
    create(world, "ann", "bob")
    world.index("ann bob")
    token = world.do("ListUsers", CollectionId="staff", MaxResults=1)["NextToken"]
    of_faces = world.do("ListFaces", CollectionId="staff", MaxResults=1)["NextToken"]
    world.do("CreateCollection", CollectionId="guests")
    for operation, collection, wrong in (
        ("ListUsers", "guests", token),
        ("ListUsers", "staff", of_faces),
        ("ListFaces", "staff", token),
    ):
        with pytest.raises(InvalidPaginationToken):
            world.do(operation, CollectionId=collection, NextToken=wrong)


def test_a_missing_collection_is_named(world: World) -> None:
    with pytest.raises(ResourceNotFound, match=r"^The collection id: nobody does not exist$"):
        world.do("ListUsers", CollectionId="nobody")
