"""PutCelebrityInfo."""

import pytest

from openrek.domain.errors import ResourceNotFound
from tests.operations.parts.world import World

ADA = {"Name": "Ada", "Urls": ["www.example.com/ada"], "KnownGender": {"Type": "Female"}}


def test_it_makes_a_user_a_celebrity(world: World) -> None:
    world.user("ann", *world.index("ann"))
    for user_id in ("ann", "3Ir0du6"):
        assert world.do("PutCelebrityInfo", CollectionId="staff", Id=user_id, **ADA) == {}
        assert world.do("GetCelebrityInfo", Id=user_id) == ADA
    assert [user["UserStatus"] for user in world.do("ListUsers", CollectionId="staff")["Users"]] == [
        "CREATED",
        "ACTIVE",
    ]


def test_what_is_not_given_stays(world: World) -> None:
    world.do("PutCelebrityInfo", CollectionId="staff", Id="a", **ADA)
    world.do("PutCelebrityInfo", CollectionId="staff", Id="a", Name="Ada King")
    assert world.do("GetCelebrityInfo", Id="a") == {**ADA, "Name": "Ada King"}
    world.do("PutCelebrityInfo", CollectionId="staff", Id="a", Name="Ada King", Urls=[])
    assert world.do("GetCelebrityInfo", Id="a")["Urls"] == []


def test_the_collection_must_be_there(world: World) -> None:
    with pytest.raises(ResourceNotFound, match="nowhere"):
        world.do("PutCelebrityInfo", CollectionId="nowhere", Id="a", **ADA)
