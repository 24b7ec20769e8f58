"""TagResource."""

import pytest

from openrek.domain.errors import ResourceNotFound, ServiceQuotaExceeded
from tests.operations.parts.world import World

ARN = "arn:aws:rekognition:eu-west-1:123456789012:collection/staff"


def tags(world: World) -> dict[str, str]:
    return world.do("ListTagsForResource", ResourceArn=ARN)["Tags"]


def test_tags_are_added_and_overwritten(world: World) -> None:
    assert world.do("TagResource", ResourceArn=ARN, Tags={"team": "doors", "cost": "7"}) == {}
    assert world.do("TagResource", ResourceArn=ARN, Tags={"team": "gates"}) == {}
    assert tags(world) == {"team": "gates", "cost": "7"}


def test_the_arn_of_create_collection_is_taken_as_it_came(world: World) -> None:
    arn = world.do("CreateCollection", CollectionId="guests", Tags={"a": ""})["CollectionArn"]
    assert not arn.startswith("arn:")
    world.do("TagResource", ResourceArn=arn, Tags={"b": "2"})
    assert world.do("ListTagsForResource", ResourceArn=f"arn:{arn}")["Tags"] == {"a": "", "b": "2"}


def test_two_hundred_are_the_most(world: World) -> None:
    world.do("TagResource", ResourceArn=ARN, Tags={str(number): "" for number in range(200)})
    with pytest.raises(ServiceQuotaExceeded):
        world.do("TagResource", ResourceArn=ARN, Tags={"one": "more"})


def test_a_collection_that_does_not_exist_is_named(world: World) -> None:
    with pytest.raises(ResourceNotFound, match=r"^The collection id: nobody does not exist$"):
        world.do("TagResource", ResourceArn=ARN.replace("staff", "nobody"), Tags={})
