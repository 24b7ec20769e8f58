"""Deleted vectors are gone from every byte of every file: at once by a purge, and within a day by the sweeps."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from openrek.store.blobs.folder import ASIDE, FolderBlobs
from openrek.store.blobs.port import BlobMissing
from openrek.store.faces.faces import StoredFaces
from openrek.store.integrity.verify import verify
from openrek.store.items.port import Items
from openrek.store.segments.manifest import blob_name
from openrek.store.upkeep.compaction import Compactor, current_manifest
from openrek.store.upkeep.garbage_collection import GarbageCollector
from openrek.store.upkeep.sqlite_vacuum import vacuum_if_due
from openrek.store.upkeep.upkeep import Upkeep
from tests.store.faults import FaultyItems
from tests.store.upkeep.traced_store import TracedStore
from tests.support.clocks import FakeClock


@pytest.fixture
def store(tmp_path: Path) -> Iterator[TracedStore]:
    """Faces in segments and in the log; some deleted from each, and a collection too. The segment of "kept" is too
    large to be merged with others at once."""
    made = TracedStore(tmp_path)
    kept = made.fill("kept", range(10), 80)
    made.fill("other", range(20, 22))
    gone = made.fill("gone", range(30, 36))
    Upkeep(made.items, made.blobs, clock=FakeClock()).purge()
    late = made.fill("late", range(40, 46))
    made.delete(kept, [face.face_id for face in StoredFaces(made.items).page(kept, None, 4096).rows[::20]])
    made.delete(late, [face.face_id for face in StoredFaces(made.items).page(late, None, 4096).rows[::3]])
    made.delete_collection(gone)
    yield made
    made.items.close()


def test_a_purge_leaves_no_trace(store: TracedStore) -> None:
    living, traces = store.traces.found(store.folder)
    assert living == len(store.traces.living)
    assert traces > 2 * len(store.traces.gone)

    Upkeep(store.items, store.blobs, clock=FakeClock()).purge()
    assert store.items.vacuum()

    assert store.traces.found(store.folder) == (len(store.traces.living), 0)
    assert (store.folder / "items.sqlite3-wal").stat().st_size == 0
    for name in ("kept", "late", "other"):
        assert verify(store.items, store.blobs, name).findings == ()
    assert list((store.folder / "blobs" / ASIDE).iterdir()) == []


def test_the_sweeps_of_a_day_leave_no_trace(store: TracedStore) -> None:
    """A segment is rewritten for a single dead row, and a log of one entry is folded."""
    start_s = time.time()
    for quarter in range(24 * 4):
        now_s = start_s + quarter * 900
        Upkeep(store.items, store.blobs, clock=FakeClock(now_s)).sweep()
        vacuum_if_due(store.items, clock=FakeClock(now_s))

    assert store.traces.found(store.folder) == (len(store.traces.living), 0)
    for name in ("kept", "late", "other"):
        assert verify(store.items, store.blobs, name).findings == ()


def test_the_first_sweep_after_a_day_without_a_server_leaves_no_trace(store: TracedStore) -> None:
    """The last deletion is still in the log, and nothing tells its time."""
    now_s = time.time() + 24 * 3600

    Upkeep(store.items, store.blobs, clock=FakeClock(now_s)).sweep()
    assert vacuum_if_due(store.items, clock=FakeClock(now_s))

    assert store.traces.found(store.folder) == (len(store.traces.living), 0)


def test_what_killed_uploads_left_goes(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)
    old, young = tmp_path / ASIDE / "old", tmp_path / ASIDE / "young"
    for path in (old, young):
        path.write_bytes(b"vectors")
    os.utime(old, (time.time() - 61, time.time() - 61))

    assert blobs.clear_aside(60.0) == 1

    assert not old.exists()
    assert young.exists()


@pytest.mark.parametrize("step", range(0, 40, 2))
def test_a_purge_wins_over_others_who_compact_meanwhile(tmp_path: Path, step: int) -> None:
    """Somebody moves the manifest on without removing anything, just before the purge would."""
    store = TracedStore(tmp_path)
    kept = store.fill("kept", range(3), 4)
    Upkeep(store.items, store.blobs, clock=FakeClock()).purge()
    store.delete(kept, [next(iter(store.traces.living))])
    store.blobs.put(blob_name(kept.uid, store.head("kept").version, "segment"), b"of a killed compactor")

    def others(now: int) -> None:
        if now == step:
            GarbageCollector(store.items, store.blobs, clock=FakeClock())._move_version(store.head("kept"))

    faulty: Items = FaultyItems(store.items, before=others)
    Upkeep(faulty, store.blobs, clock=FakeClock()).purge()

    assert [ref.dead for ref in current_manifest(store.blobs, store.head("kept")).segments] == [0]
    assert len(list(store.blobs.names())) <= 3
    assert not any(b"killed" in store.blobs.get(name) for name in store.blobs.names())
    assert not Compactor(store.items, store.blobs, clock=FakeClock()).step("kept", force=True)
    store.items.close()


def test_foreign_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    store = TracedStore(tmp_path)
    made = store.fill("kept", range(2), 2)
    for name in ("thumbs.db", "a/b/c", f"{made.uid.hex}/notes", "0" * 32):
        store.blobs.put(name, b"somebody else's")

    Upkeep(store.items, store.blobs, clock=FakeClock()).purge()

    assert {"thumbs.db", "a/b/c", f"{made.uid.hex}/notes", "0" * 32} <= set(store.blobs.names())
    assert verify(store.items, store.blobs, "kept").findings == ()
    store.items.close()


def test_a_damaged_collection_does_not_keep_others_from_being_purged(store: TracedStore) -> None:
    for name in list(store.blobs.names(store.head("kept").uid.hex)):
        store.blobs.delete(name)
    at_s = time.time() + 12 * 3600

    for upkeep in (
        Upkeep(store.items, store.blobs, clock=FakeClock(at_s)).sweep,
        Upkeep(store.items, store.blobs).purge,
    ):
        with pytest.raises(BlobMissing):
            upkeep()

    assert all(not ref.dead for ref in current_manifest(store.blobs, store.head("late")).segments)
    assert store.head("late").compacted_through == store.head("late").seq
    assert len({name.split("/")[0] for name in store.blobs.names()}) == 2
