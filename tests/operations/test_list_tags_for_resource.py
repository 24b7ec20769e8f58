"""ListTagsForResource."""

import pytest

from openrek.domain.errors import ResourceNotFound
from tests.operations.parts.world import World

ARN = "arn:aws:rekognition:eu-west-1:123456789012:collection/staff"


def test_a_collection_without_tags_has_an_empty_map(world: World) -> None:
    assert world.do("ListTagsForResource", ResourceArn=ARN) == {"Tags": {}}


def test_a_collection_of_another_region_is_not_found(world: World) -> None:
    with pytest.raises(ResourceNotFound) as caught:
        world.do("ListTagsForResource", ResourceArn=ARN.replace("eu-west-1", "us-east-1"))
    assert caught.value.reason == (
        "Tags are those of collections here, in the region eu-west-1 and account 123456789012."
    )
