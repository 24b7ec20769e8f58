"""Two stores, and a collection in the first."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from openrek.domain.collections import Collection
from openrek.domain.models import SFACE
from openrek.store.collections.collections import StoredCollections
from openrek.store.faces.faces import StoredFaces
from openrek.store.items.port import Items
from openrek.store.items.sqlite import SqliteItems
from tests.store.tables import open_fast
from tests.store.transfer.exports import index


@pytest.fixture
def items(tmp_path: Path) -> Iterator[SqliteItems]:
    opened = open_fast(tmp_path / "one")
    yield opened
    opened.close()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[SqliteItems]:
    opened = open_fast(tmp_path / "other")
    yield opened
    opened.close()


@pytest.fixture
def people(items: Items) -> Collection:
    """90 faces of pictures with and without external ids; of some pictures a face was deleted."""
    made = StoredCollections(items).create("people", SFACE, {"who": "Łukasz & co".replace("&", "+"), "empty": ""})
    for number in range(12):
        index(items, made, number, 8)
    gone = StoredFaces(items).page(made, None, 6).rows
    StoredFaces(items).delete(made, [face.face_id for face in gone])
    return made
