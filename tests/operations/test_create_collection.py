"""CreateCollection."""

import pytest

from openrek.domain.errors import ResourceAlreadyExists
from tests.operations.parts.world import World


def test_a_collection_is_created_with_an_arn_that_lacks_its_first_word(world: World) -> None:
    assert world.do("CreateCollection", CollectionId="guests", Tags={"team": "door"}) == {
        "StatusCode": 200,
        "CollectionArn": "aws:rekognition:eu-west-1:123456789012:collection/guests",
        "FaceModelVersion": "7.0",
    }
    arn = "arn:aws:rekognition:eu-west-1:123456789012:collection/guests"
    assert world.do("ListTagsForResource", ResourceArn=arn) == {"Tags": {"team": "door"}}


def test_an_id_is_taken_once(world: World) -> None:
    with pytest.raises(ResourceAlreadyExists, match=r"^The collection id: staff already exists$"):
        world.do("CreateCollection", CollectionId="staff")
