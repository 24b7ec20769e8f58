"""A world with one empty collection, `staff`, and one without any."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.operations.parts.world import World


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    with closing(world.items):
        yield world


@pytest.fixture
def world(empty: World) -> World:
    empty.do("CreateCollection", CollectionId="staff")
    return empty
