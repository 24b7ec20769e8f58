"""DeleteCollection."""

import pytest

from openrek.domain.errors import ResourceNotFound
from tests.operations.parts.world import World


def test_a_collection_is_deleted_once(world: World) -> None:
    assert world.do("DeleteCollection", CollectionId="staff") == {"StatusCode": 200}
    assert world.do("ListCollections")["CollectionIds"] == []
    with pytest.raises(ResourceNotFound, match=r"^The collection id: staff does not exist$"):
        world.do("DeleteCollection", CollectionId="staff")
