"""A world with one empty collection, `staff`."""

import pytest

from tests.operations.fakes.world import World


@pytest.fixture
def world() -> World:
    world = World()
    world.do("CreateCollection", CollectionId="staff")
    return world
