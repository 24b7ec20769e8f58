"""GetCelebrityInfo."""

import pytest

from openrek.domain.celebrities import CelebrityRule
from openrek.domain.errors import ResourceNotFound
from tests.operations.parts.world import World


def test_a_gender_that_nobody_gave_is_unlisted(world: World) -> None:
    world.do("PutCelebrityInfo", CollectionId="staff", Id="a", Name="Ada")
    assert world.do("GetCelebrityInfo", Id="a") == {"Name": "Ada", "Urls": [], "KnownGender": {"Type": "Unlisted"}}


@pytest.mark.parametrize("celebrity_id", ["nobody", "", "plain", "a" * 2000])
def test_an_id_that_no_celebrity_has_is_not_found(world: World, celebrity_id: str) -> None:
    world.user("plain")
    with pytest.raises(ResourceNotFound, match=r"The celebrity id: .* does not exist"):
        world.do("GetCelebrityInfo", Id=celebrity_id)


def test_without_the_collection_the_reason_says_how_to_fill_it(world: World) -> None:
    world.celebrity_rule = CelebrityRule("stars")
    with pytest.raises(ResourceNotFound, match="a does not exist") as raised:
        world.do("GetCelebrityInfo", Id="a")
    assert raised.value.reason == (
        "There are no celebrities in the collection stars: add some with `openrek celebrities add NAME PHOTO`."
    )
