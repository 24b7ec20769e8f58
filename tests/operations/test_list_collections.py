"""ListCollections."""

import pytest

from openrek.domain.errors import InvalidPaginationToken
from tests.operations.parts.world import World


def test_ids_and_versions_come_in_two_lists_of_one_order(world: World) -> None:
    world.do("CreateCollection", CollectionId="a")
    assert world.do("ListCollections") == {"CollectionIds": ["a", "staff"], "FaceModelVersions": ["7.0", "7.0"]}


def test_no_collections_give_two_empty_lists(empty: World) -> None:
    assert empty.do("ListCollections") == {"CollectionIds": [], "FaceModelVersions": []}


def test_pages_survive_what_comes_and_goes_between_them(world: World) -> None:
    for name in "bdfh":
        world.do("CreateCollection", CollectionId=name)
    first = world.do("ListCollections", MaxResults=2)
    assert first["CollectionIds"] == ["b", "d"]

    world.do("DeleteCollection", CollectionId="d")
    world.do("CreateCollection", CollectionId="a")
    world.do("CreateCollection", CollectionId="e")
    second = world.do("ListCollections", MaxResults=2, NextToken=first["NextToken"])
    assert second["CollectionIds"] == ["e", "f"]
    third = world.do("ListCollections", MaxResults=0, NextToken=second["NextToken"])
    assert third == {"CollectionIds": ["h", "staff"], "FaceModelVersions": ["7.0", "7.0"]}


def test_the_token_of_another_operation_is_refused(world: World) -> None:
    world.index("ann bob")
    token = world.do("ListFaces", CollectionId="staff", MaxResults=1)["NextToken"]
    with pytest.raises(InvalidPaginationToken):
        world.do("ListCollections", NextToken=token)
