"""Compaction beside writers and other compactors, at every step of each: nothing is lost, nothing comes back."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from openrek.domain.collections import Collection
from openrek.domain.faces import Face
from openrek.store.blobs.port import Blobs
from openrek.store.faces.faces import StoredFaces
from openrek.store.items.port import Items
from openrek.store.log.head import require_head
from openrek.store.upkeep.compaction import current_manifest
from openrek.store.upkeep.upkeep import Upkeep
from tests.store.faults import Fault, FaultyBlobs, FaultyItems, Killed, at
from tests.store.invariants import check_collection
from tests.store.memory_blobs import MemoryBlobs
from tests.store.synthetic import Embedder, new_collection, open_items, picture, slots
from tests.support.clocks import FakeClock

MOST_STEPS = 120


@dataclass
class Store:
    """One collection over items and blobs; `faces` are those that must be there."""

    items: Items
    blobs: Blobs
    collection: Collection
    faces: list[Face]
    pictures: int = 0

    def index(self, items: Items, count: int) -> None:
        """A picture never seen before."""
        self.pictures += 1
        of = picture(self.pictures)
        over = StoredFaces(items, faces_per_commit=5, clock=FakeClock())
        self.faces += over.index(self.collection, of, slots(count), Embedder(of))

    def delete(self, items: Items, count: int) -> None:
        gone, self.faces = self.faces[:count], self.faces[count:]
        StoredFaces(items, clock=FakeClock()).delete(self.collection, [face.face_id for face in gone])

    def purge(self, items: Items, blobs: Blobs) -> None:
        Upkeep(items, blobs, clock=FakeClock()).purge()

    def check(self) -> None:
        check_collection(self.items, self.collection, self.blobs)
        listed = StoredFaces(self.items).page(self.collection, None, 1000).rows
        assert list(listed) == sorted(self.faces, key=lambda face: str(face.face_id))


Work = Callable[[Store, Items, Blobs], None]
WORK: dict[str, Work] = {
    "index": lambda store, items, _: store.index(items, 3),
    "index with a plan": lambda store, items, _: store.index(items, 9),
    "delete": lambda store, items, _: store.delete(items, 4),
    "purge": lambda store, items, blobs: store.purge(items, blobs),
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    items, blobs = open_items(tmp_path), MemoryBlobs()
    made = Store(items, blobs, new_collection(items), [])
    for _ in range(3):
        made.index(items, 4)
    made.purge(items, blobs)
    made.delete(items, 2)
    made.index(items, 4)
    return made


@pytest.mark.parametrize("other", ["purge", "index", "delete"])
@pytest.mark.parametrize("suspended", ["purge", "index", "index with a plan", "delete"])
def test_one_stands_still_at_each_step_while_the_other_works(store: Store, suspended: str, other: str) -> None:
    if "purge" not in (suspended, other):
        other = "purge"
    for step in range(MOST_STEPS):
        ran: list[int] = []

        def before(now: int, step: int = step, ran: list[int] = ran) -> None:
            if now == step:
                ran.append(now)
                WORK[other](store, store.items, store.blobs)

        faulty = FaultyItems(store.items, before=before)
        WORK[suspended](store, faulty, FaultyBlobs(store.blobs, faulty))
        store.check()
        if not ran:
            assert step > 3
            return
        store.index(store.items, 2)
    raise AssertionError("the call has more steps than are tried")


def test_a_compactor_killed_at_each_step_leaves_nothing_that_matters(store: Store) -> None:
    for step in range(MOST_STEPS):
        for fault in (Fault.KILLED_BEFORE, Fault.KILLED_AFTER):
            store.index(store.items, 3)
            store.delete(store.items, 1)
            faulty = FaultyItems(store.items, at(step, fault))
            with suppress(Killed):
                store.purge(faulty, FaultyBlobs(store.blobs, faulty))
            store.check()
            if faulty.steps <= step:
                store.purge(store.items, store.blobs)
                assert named_blobs(store) == list(store.blobs.names())
                return
    raise AssertionError("a purge has more steps than are tried")


def test_after_a_purge_nothing_deleted_is_left(store: Store) -> None:
    gone = [face.face_id.bytes for face in store.faces[:5]]
    store.delete(store.items, 5)
    store.purge(store.items, store.blobs)

    head = require_head(store.items, store.collection)
    assert head.compacted_through == head.seq
    assert head.log_bytes == 0
    everything = b"".join(store.blobs.get(name) for name in store.blobs.names())
    assert not any(face_id in everything for face_id in gone)
    assert all(face.face_id.bytes in everything for face in store.faces)
    store.check()


def named_blobs(store: Store) -> Sequence[str]:
    head = require_head(store.items, store.collection)
    return sorted({*current_manifest(store.blobs, head).blobs, head.manifest})
