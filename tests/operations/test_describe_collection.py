"""DescribeCollection."""

import pytest

from openrek.domain.errors import ResourceNotFound
from tests.operations.parts.world import World


def test_a_collection_is_described_with_its_full_arn(world: World) -> None:
    world.index("ann bob cyd")
    world.user("ann")
    assert world.do("DescribeCollection", CollectionId="staff") == {
        "FaceCount": 3,
        "FaceModelVersion": "7.0",
        "CollectionARN": "arn:aws:rekognition:eu-west-1:123456789012:collection/staff",
        "CreationTimestamp": 1569444828.274,
        "UserCount": 1,
    }


def test_a_missing_collection_is_named(world: World) -> None:
    with pytest.raises(ResourceNotFound, match=r"^The collection id: nobody does not exist$"):
        world.do("DescribeCollection", CollectionId="nobody")
