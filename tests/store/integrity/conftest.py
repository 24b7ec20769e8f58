"""A collection in segments, tombstones and a log."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from openrek.store.blobs.folder import FolderBlobs
from openrek.store.faces.faces import StoredFaces
from openrek.store.upkeep.compaction import Compactor
from openrek.store.upkeep.garbage_collection import GarbageCollector
from tests.store.integrity.store import Store, fold_without_merging
from tests.store.synthetic import new_collection
from tests.store.tables import open_fast
from tests.support.clocks import FakeClock


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Two segments, one with tombstones; a log of rows and deletions."""
    items = open_fast(tmp_path)
    blobs = FolderBlobs(tmp_path / "blobs")
    made = Store(tmp_path, items, blobs, new_collection(items))
    faces = [face for number in range(8) for face in made.index(number)]
    compactor = Compactor(items, blobs, clock=FakeClock())
    compactor.step("people", force=True)
    StoredFaces(items).delete(made.people, [face.face_id for face in faces[::9]])
    made.index(50, 1)
    fold_without_merging(made)
    gone = [face.face_id for face in faces[1::9]]
    StoredFaces(items).delete(made.people, gone)
    for number in range(60, 64):
        made.index(number)
    GarbageCollector(items, blobs, clock=FakeClock()).collect("people")
    yield made
    items.close()
