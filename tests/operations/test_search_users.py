"""SearchUsers."""

from typing import Any

import pytest

from openrek.domain.errors import InvalidParameter, ResourceNotFound
from openrek.domain.faces import float32
from openrek.domain.models import SFACE
from tests.operations.parts.world import World


@pytest.fixture
def ids(world: World) -> dict[str, str]:
    """Faces by name: each of the first three is its user's only one, `ann4` is nobody's."""
    names = ("ann", "ann9", "bob", "ann4")
    ids = dict(zip(names, world.index(" ".join(names)), strict=True))
    for name in names[:3]:
        world.do("CreateUser", CollectionId="staff", UserId=name)
        world.do("AssociateFaces", CollectionId="staff", UserId=name, FaceIds=[ids[name]])
    world.do("CreateUser", CollectionId="staff", UserId="empty")
    return ids


def search(world: World, **request: Any) -> dict[str, Any]:
    return world.do("SearchUsers", CollectionId="staff", **request)


def found(world: World, **request: Any) -> list[str]:
    return [match["User"]["UserId"] for match in search(world, **request)["UserMatches"]]


def test_a_face_finds_its_own_user_too(world: World, ids: dict[str, str]) -> None:
    done = search(world, FaceId=ids["ann"])
    assert done.keys() == {"UserMatches", "FaceModelVersion", "SearchedFace"}
    assert (done["FaceModelVersion"], done["SearchedFace"]) == ("7.0", {"FaceId": ids["ann"]})
    assert done["UserMatches"][0] == {"Similarity": 100.0, "User": {"UserId": "ann", "UserStatus": "ACTIVE"}}
    assert [match["User"]["UserId"] for match in done["UserMatches"]] == ["ann", "ann9"]


def test_a_face_of_nobodys_finds_users(world: World, ids: dict[str, str]) -> None:
    assert found(world, FaceId=ids["ann4"]) == ["ann", "ann9"]


def test_a_user_never_finds_itself(world: World, ids: dict[str, str]) -> None:
    done = search(world, UserId="ann")
    assert done.keys() == {"UserMatches", "FaceModelVersion", "SearchedUser"}
    assert done["SearchedUser"] == {"UserId": "ann"}
    assert [match["User"]["UserId"] for match in done["UserMatches"]] == ["ann9"]
    assert search(world, UserId="empty")["UserMatches"] == []
    assert found(world, UserId="bob", UserMatchThreshold=0) == ["ann", "ann9"]


def test_eighty_and_all_that_fit_are_the_defaults(world: World, ids: dict[str, str]) -> None:
    world.search.asked.clear()
    search(world, FaceId=ids["ann"])
    search(world, UserId="ann")
    assert world.search.limits == [500, 500]
    assert world.search.lowest[-2:] == [SFACE.lowest_cosine(80.0)] * 2


def test_threshold_and_number_are_respected(world: World, ids: dict[str, str]) -> None:
    exact = search(world, UserId="ann")["UserMatches"][0]["Similarity"]
    assert 80 < exact < 100
    assert found(world, UserId="ann", UserMatchThreshold=exact) == ["ann9"]
    assert found(world, UserId="ann", UserMatchThreshold=float32(exact * (1 + 2e-7))) == []
    assert found(world, UserId="ann", UserMatchThreshold=0) == ["ann9", "bob"]
    assert found(world, UserId="ann", UserMatchThreshold=0, MaxUsers=1) == ["ann9"]
    assert found(world, FaceId=ids["ann"], UserMatchThreshold=0, MaxUsers=2) == ["ann", "ann9"]


def test_exactly_one_of_face_and_user_is_needed(world: World, ids: dict[str, str]) -> None:
    for request in ({}, {"UserId": "ann", "FaceId": ids["ann"]}):
        with pytest.raises(InvalidParameter, match=r"^Request has invalid parameters$") as caught:
            search(world, **request)
        assert caught.value.reason == "SearchUsers needs either UserId or FaceId, and not both."


def test_what_is_missing_is_named(world: World) -> None:
    with pytest.raises(ResourceNotFound, match=r"^The user id: cyd does not exist$"):
        search(world, UserId="cyd")
    with pytest.raises(InvalidParameter, match=r"^faceId was not found in the collection\.$"):
        search(world, FaceId="00000000-0000-4000-8000-000000000000")
    with pytest.raises(ResourceNotFound, match=r"^The collection id: nobody does not exist$"):
        world.do("SearchUsers", CollectionId="nobody", UserId="ann")
