"""What a stored face takes in segments and in memory, beside its vector and metadata alone."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from openrek.domain.models import SFACE
from openrek.store.blobs.folder import FolderBlobs
from openrek.store.faces.faces import StoredFaces
from openrek.store.log.rows import GEOMETRY, SCALE
from openrek.store.search.cache import CollectionCache
from openrek.store.upkeep.upkeep import Upkeep
from tests.store.synthetic import Embedder, new_collection, now, picture, slots
from tests.store.tables import open_fast
from tests.support.clocks import FakeClock

PICTURES, FACES = 25, 90
EXTERNAL = "person-00001"
RAW_BYTES = SFACE.dimensions + SCALE.size + 16 + 16 + GEOMETRY.size + len(EXTERNAL)
"""A vector and its scale, FaceId, ImageId, box and confidence, ExternalImageId."""


@pytest.fixture(autouse=True)
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def test_a_compacted_face_takes_little_more_than_its_raw_bytes(tmp_path: Path) -> None:
    items, blobs = open_fast(tmp_path), FolderBlobs(tmp_path / "blobs")
    people = new_collection(items)
    for number in range(PICTURES):
        of = picture(number, EXTERNAL)
        StoredFaces(items).index(people, of, slots(FACES), Embedder(of))
    Upkeep(items, blobs, clock=FakeClock()).purge()
    people = now(items, people)
    CollectionCache(items, blobs).current(people)  # what is loaded once, such as threads, does not count

    stored_bytes = sum(path.stat().st_size for path in (tmp_path / "blobs").rglob("*") if path.is_file())
    before = tracemalloc.get_traced_memory()[0]
    index = CollectionCache(items, blobs)
    snapshot = index.current(people)
    held_bytes = tracemalloc.get_traced_memory()[0] - before  # the files too: they are small, so they are read

    assert sum(len(block.scales) for block in snapshot.faces.blocks) == PICTURES * FACES
    print(
        f"raw {RAW_BYTES}, stored {stored_bytes / (PICTURES * FACES):.0f}, held {held_bytes / (PICTURES * FACES):.0f}"
    )
    assert stored_bytes / (PICTURES * FACES) < 1.2 * RAW_BYTES
    assert stored_bytes < held_bytes < 1.5 * RAW_BYTES * PICTURES * FACES
    items.close()
