"""ListFaces."""

import pytest

from openrek.domain.errors import InvalidPaginationToken, ResourceNotFound
from tests.operations.parts.world import World

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def listed(world: World, **request: object) -> tuple[list[str], str | None]:
    page = world.do("ListFaces", CollectionId="staff", **request)
    return [face["FaceId"] for face in page["Faces"]], page.get("NextToken")


def test_faces_come_in_the_order_of_their_ids_with_version_and_user(world: World) -> None:
    ids = world.index("ann bob", ExternalImageId="desk")
    world.user("robert", ids[1])
    page = world.do("ListFaces", CollectionId="staff")
    assert [face["FaceId"] for face in page["Faces"]] == sorted(ids)
    by_id = {face["FaceId"]: face for face in page["Faces"]}
    assert by_id[ids[0]].keys() == {
        "FaceId",
        "BoundingBox",
        "ImageId",
        "ExternalImageId",
        "Confidence",
        "IndexFacesModelVersion",
    }
    assert by_id[ids[0]]["IndexFacesModelVersion"] == page["FaceModelVersion"] == "7.0"
    assert by_id[ids[1]]["UserId"] == "robert"
    assert "NextToken" not in page


def test_pages_survive_inserts_and_deletes(world: World) -> None:
    ids = sorted(world.index("ann bob cyd dan ann1 bob1"))
    first, token = listed(world, MaxResults=2)
    assert first == ids[:2]
    world.do("DeleteFaces", CollectionId="staff", FaceIds=[ids[1], ids[2]])
    added = world.index("cyd1 dan1")
    rest: list[str] = []
    while token:
        page, token = listed(world, MaxResults=2, NextToken=token)
        rest += page
    assert rest == sorted([*ids[3:], *(each for each in added if each > ids[1])])


def test_the_filter_returns_those_that_exist_in_pages_of_their_own(world: World) -> None:
    ids = sorted(world.index("ann bob cyd dan"))
    wanted = [ids[3], UNKNOWN, ids[0], ids[2], ids[0]]
    assert listed(world, FaceIds=wanted) == ([ids[0], ids[2], ids[3]], None)
    assert listed(world, FaceIds=[UNKNOWN]) == ([], None)
    first, token = listed(world, FaceIds=wanted, MaxResults=2)
    assert first == [ids[0], ids[2]]
    assert listed(world, FaceIds=wanted, MaxResults=2, NextToken=token) == ([ids[3]], None)
    world.do("DeleteFaces", CollectionId="staff", FaceIds=[ids[2]])
    assert listed(world, FaceIds=wanted, MaxResults=2, NextToken=token) == ([ids[3]], None)


def test_a_page_has_a_thousand_faces_unless_told_otherwise(world: World) -> None:
    for number in range(11):
        world.index(" ".join(["ann"] * 100), ExternalImageId=str(number))
    for request in ({}, {"MaxResults": 0}):
        page, token = listed(world, **request)
        assert (len(page), token is None) == (1000, False)
    assert len(listed(world, MaxResults=4096)[0]) == 1100


def test_a_token_is_good_for_its_own_listing_only(world: World) -> None:
    ids = world.index("ann bob cyd")
    _, token = listed(world, MaxResults=1)
    _, filtered = listed(world, MaxResults=1, FaceIds=ids)
    world.do("CreateCollection", CollectionId="guests")
    for request in (
        {"CollectionId": "guests", "NextToken": token},
        {"CollectionId": "staff", "NextToken": token, "FaceIds": ids},
        {"CollectionId": "staff", "NextToken": filtered},
        {"CollectionId": "staff", "NextToken": filtered, "FaceIds": ids[:2]},
        {"CollectionId": "staff", "NextToken": "garbage"},
    ):
        with pytest.raises(InvalidPaginationToken):
            world.do("ListFaces", **request)
    world.do("DeleteCollection", CollectionId="staff")
    world.do("CreateCollection", CollectionId="staff")
    with pytest.raises(InvalidPaginationToken):
        world.do("ListFaces", CollectionId="staff", NextToken=token)


def test_the_faces_of_a_user_and_those_that_are_wanted_too(world: World) -> None:
    ids = sorted(world.index("ann ann1 ann2 ann3 bob"))
    world.user("ann", ids[0], ids[2], ids[3])
    assert listed(world, UserId="ann") == ([ids[0], ids[2], ids[3]], None)
    assert listed(world, UserId="nobody") == ([], None)
    both = {"UserId": "ann", "FaceIds": [ids[3], ids[1], UNKNOWN, ids[0], ids[3]]}
    assert listed(world, **both) == ([ids[0], ids[3]], None)
    assert listed(world, UserId="ann", FaceIds=[ids[1]]) == ([], None)

    first, token = listed(world, UserId="ann", MaxResults=2)
    assert first == [ids[0], ids[2]]
    assert listed(world, UserId="ann", MaxResults=2, NextToken=token) == ([ids[3]], None)
    first, narrow = listed(world, **both, MaxResults=1)
    assert (first, listed(world, **both, NextToken=narrow)) == ([ids[0]], ([ids[3]], None))
    for wrong in ({}, {"UserId": "bob"}, {"FaceIds": both["FaceIds"]}, both):
        with pytest.raises(InvalidPaginationToken):
            listed(world, **wrong, NextToken=token)
    with pytest.raises(InvalidPaginationToken):
        listed(world, UserId="ann", NextToken=narrow)


def test_a_missing_collection_is_named(world: World) -> None:
    with pytest.raises(ResourceNotFound, match=r"^The collection id: nobody does not exist$"):
        world.do("ListFaces", CollectionId="nobody")
