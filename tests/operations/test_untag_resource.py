"""UntagResource."""

import pytest

from openrek.domain.errors import InvalidParameter
from tests.operations.parts.world import World

ARN = "arn:aws:rekognition:eu-west-1:123456789012:collection/staff"


def test_keys_that_are_not_there_are_passed_over(world: World) -> None:
    world.do("TagResource", ResourceArn=ARN, Tags={"team": "doors", "cost": "7"})
    for _ in range(2):
        assert world.do("UntagResource", ResourceArn=ARN, TagKeys=["team", "never"]) == {}
    assert world.do("ListTagsForResource", ResourceArn=ARN)["Tags"] == {"cost": "7"}


def test_what_is_no_arn_is_refused(world: World) -> None:
    with pytest.raises(InvalidParameter):
        world.do("UntagResource", ResourceArn="collection/staff-and-more", TagKeys=["team"])
