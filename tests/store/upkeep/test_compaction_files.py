"""What compaction makes of any log is what a dictionary would hold, whatever it folds, merges, rewrites and trims."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openrek.domain.collections import Collection
from openrek.store.blobs.folder import FolderBlobs
from openrek.store.collections.collections import StoredCollections
from openrek.store.items.port import ABSENT, Put, Write
from openrek.store.items.sqlite import SqliteItems
from openrek.store.log.entries import LogGap
from openrek.store.log.head import Head, head_now
from openrek.store.log.keys import log_key, owned
from openrek.store.segments.columns import Table
from openrek.store.segments.manifest import Manifest, SegmentRef, base_version, blob_name, encode_manifest
from openrek.store.segments.segment_file import decode_segment
from openrek.store.segments.tombstones import decode_tombstones
from openrek.store.upkeep import compaction
from openrek.store.upkeep.compaction import FOLD_AFTER_MS, REWRITE_AFTER_MS, Compactor, current_manifest
from openrek.store.upkeep.folding import fold
from openrek.store.upkeep.garbage_collection import GarbageCollector
from openrek.store.upkeep.manifest_swap import swap_manifest
from openrek.store.upkeep.upkeep import Upkeep
from tests.store.synthetic import new_collection, no_pause
from tests.store.tables import open_fast

NOW_S = 1_900_000_000.0
Model = dict[bytes, tuple[int, bytes]]
"""Id -> (change, vector): the collection as a dictionary."""


class Store:
    """A collection whose log is written directly: any rows, replaced and deleted in any order."""

    def __init__(self, folder: Path, name: str = "people") -> None:
        self.items: SqliteItems = open_fast(folder)
        self.blobs = FolderBlobs(folder / "blobs")
        self.name = name
        self.made: Collection = new_collection(self.items, name)
        self.model: Model = {}
        self.now_s = NOW_S
        self.fold_entries = compaction.FOLD_ENTRIES
        self.small_bytes = compaction.SMALL_BYTES

    @property
    def head(self) -> Head:
        head = head_now(self.items, self.name)
        assert head is not None
        return head

    @property
    def manifest(self) -> Manifest:
        return current_manifest(self.blobs, self.head)

    @property
    def compactor(self) -> Compactor:
        return Compactor(
            self.items, self.blobs, clock=lambda: self.now_s, pause=no_pause,
            fold_entries=self.fold_entries, small_bytes=self.small_bytes,
        )  # fmt: skip

    def write(self, added: dict[bytes, bytes], deleted: list[bytes]) -> None:
        head = self.head
        seq = head.seq + 1
        for face_id in deleted:
            self.model.pop(face_id, None)
        self.model |= {face_id: (seq, vector) for face_id, vector in added.items()}
        entry = {"writer": b"", "rows": [row(*each) for each in added.items()], "deleted": deleted}
        moved = head.advanced(faces=0, users=0, entry_bytes=1000)
        operations: list[Write] = [
            Put(head.key, moved.attributes()),
            Put(log_key(head.uid, seq), entry, expect=ABSENT),
        ]
        self.items.transact(operations)

    def stored(self) -> Model:
        """The current segments without their dead rows, then the log, read plainly."""
        found: Model = {}
        for ref in self.manifest.segments:
            table = decode_segment(self.blobs.get(ref.name)).table
            dead = np.zeros(len(table), np.bool_)
            if ref.tombstones is not None:
                dead = decode_tombstones(self.blobs.get(ref.tombstones), len(table))
            assert (len(table), int(dead.sum())) == (ref.rows, ref.dead)
            for place in np.flatnonzero(~dead):
                face_id = table.ids[place].tobytes()
                assert face_id not in found, "a row in two segments"
                found[face_id] = (int(table.seqs[place]), table.vectors[place].tobytes())
        assert all(seq <= self.head.compacted_through for seq, _ in found.values())
        for entry in self.items.query(owned(self.made.uid, "log")).rows:
            if (seq := int(entry.key.sort)) > self.head.compacted_through:
                for face_id in entry.attributes["deleted"]:
                    found.pop(face_id, None)
                found |= {each["id"]: (seq, each["vector"]) for each in entry.attributes["rows"]}
        return found

    def log(self) -> list[int]:
        return [int(entry.key.sort) for entry in self.items.query(owned(self.made.uid, "log")).rows]


def row(face_id: bytes, vector: bytes) -> dict[str, object]:
    scale = np.float32(1 / 127).tobytes()
    return {"kind": "face", "id": face_id, "image": bytes(16), "geometry": bytes(20), "vector": vector, "scale": scale}


def name_of(number: int) -> bytes:
    return bytes([number * 37 % 256]) + bytes(14) + bytes([number])


def vector(seed: int) -> bytes:
    return np.random.default_rng(seed).integers(-127, 128, 128, np.int8).tobytes()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path)
    yield made
    made.items.close()


WRITES = st.tuples(st.sets(st.integers(0, 40), max_size=12), st.sets(st.integers(0, 40), max_size=5))
STEPS = st.one_of(
    st.tuples(st.just("write"), WRITES),
    st.tuples(st.just("step"), st.booleans()),
    st.tuples(st.just("wait"), st.integers(0, 24)),
    st.tuples(st.just("collect"), st.booleans()),
)


@given(st.lists(STEPS, max_size=25), st.integers(0, 3))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_log_compacted_at_any_time_is_what_a_dictionary_holds(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, object]], few: int
) -> None:
    store = Store(tmp_path_factory.mktemp("store"))
    with pytest.MonkeyPatch.context() as patch:
        if few:  # small limits, so that folds and rewrites come in parts
            store.fold_entries = few
            patch.setattr("openrek.store.upkeep.folding.ROWS_PER_STEP", 8 * few)
            store.small_bytes = 500 * few
            patch.setattr(compaction, "STEP_BYTES", 3000 * few)
            patch.setattr(compaction, "SEGMENT_BYTES", 6000 * few)
        for position, (what, how) in enumerate(steps):
            if what == "write":
                added, deleted = how  # type: ignore[misc]
                rows = {name_of(number): vector(100 * position + number) for number in sorted(added)}
                store.write(rows, [name_of(number) for number in sorted(deleted - added)])
            elif what == "step":
                store.compactor.step(store.name, force=bool(how))
            elif what == "wait":
                store.now_s += 3600 * int(how)  # type: ignore[call-overload]
            else:
                GarbageCollector(store.items, store.blobs, pause=no_pause).collect(store.name, force=bool(how))
            assert store.stored() == store.model
        Upkeep(store.items, store.blobs, clock=lambda: store.now_s, pause=no_pause).purge()
        assert store.stored() == store.model
        assert store.log() == []
        assert all(ref.tombstones is None for ref in store.manifest.segments)
        assert sum(ref.rows for ref in store.manifest.segments) == len(store.model)
        assert set(store.blobs.names()) == store.manifest.blobs | ({store.head.manifest} - {""})
    store.items.close()


def fill(store: Store, numbers: range, seed: int = 0) -> None:
    store.write({name_of(number): vector(seed + number) for number in numbers}, [])


def test_folding_keeps_the_last_of_each_row_and_remembers_all_names(store: Store) -> None:
    fill(store, range(5))
    fill(store, range(3, 8), seed=50)
    store.write({}, [name_of(4), name_of(30)])

    log = fold(store.items, store.head, after=0)
    folded = log.faces

    assert log.through == 3
    assert {table_id(folded.rows, place) for place in range(len(folded.rows))} == {*map(name_of, (0, 1, 2, 3, 5, 6, 7))}
    assert folded.named[name_of(4)] == folded.named[name_of(30)] == 3
    assert folded.named[name_of(0)] == 1
    outdated = folded.outdated(folded.rows.sorted().ids, np.zeros(7, np.uint64))
    assert sorted(outdated.tolist()) == list(range(7))
    assert not len(folded.outdated(folded.rows.sorted().ids, folded.rows.sorted().seqs))
    with pytest.raises(LogGap):
        fold(store.items, store.head.advanced(faces=0, users=0, entry_bytes=0), after=0)


def table_id(table: Table, place: int) -> bytes:
    return table.ids[place].tobytes()


def test_a_log_is_folded_when_it_is_long_or_old(store: Store) -> None:
    assert not store.compactor.step(store.name)
    fill(store, range(4))
    store.now_s = store.head.created_ms / 1000
    assert not store.compactor.step(store.name)
    assert store.head.version == 0

    store.now_s += FOLD_AFTER_MS / 1000 + 1
    assert store.compactor.step(store.name)

    assert (store.head.version, store.head.compacted_through, store.head.log_bytes) == (1, 1, 0)
    assert store.log() == []
    assert store.stored() == store.model
    assert not store.compactor.step(store.name)


def test_a_row_is_written_again_only_for_good_reason(store: Store) -> None:
    """Small segments are merged with one of their size; a large one is left alone until enough of it is dead."""
    store.small_bytes = 3000
    fill(store, range(100))
    store.compactor.step(store.name, force=True)
    large = store.manifest.segments[0].name
    for number in range(101, 104):
        fill(store, range(number, number + 1))
        store.now_s += FOLD_AFTER_MS / 1000 + 1
        assert store.compactor.step(store.name)
    assert [ref.rows for ref in store.manifest.segments] == [100, 3]
    assert store.manifest.segments[0].name == large

    folded_s = store.now_s
    store.write({}, [name_of(number) for number in range(5)])
    store.now_s += FOLD_AFTER_MS / 1000 + 1
    assert store.compactor.step(store.name)
    marked = store.manifest.segments[0]
    assert (marked.name, marked.dead, marked.dead_since_ms) == (large, 5, int(folded_s * 1000))
    assert not store.compactor.step(store.name)

    store.now_s = folded_s + REWRITE_AFTER_MS / 1000 - 1
    assert not store.compactor.step(store.name)
    store.now_s += 2
    assert store.compactor.step(store.name)
    assert sorted((ref.rows, ref.dead) for ref in store.manifest.segments) == [(3, 0), (95, 0)]
    assert store.stored() == store.model


def test_more_rows_of_a_segment_die_later(store: Store) -> None:
    store.fold_entries, store.small_bytes = 1, 0
    fill(store, range(100))
    store.compactor.step(store.name, force=True)
    for dead, place in ((1, 7), (2, 99)):
        store.write({}, [name_of(place)])
        store.compactor.step(store.name)
        assert [(ref.rows, ref.dead) for ref in store.manifest.segments] == [(100, dead)]
        assert store.stored() == store.model


def test_a_rewrite_does_not_put_off_the_fold_of_what_waits(store: Store) -> None:
    store.small_bytes = 0
    fill(store, range(100))
    store.compactor.step(store.name, force=True)
    begun_s = store.now_s
    store.write({}, [name_of(0)])
    store.now_s = begun_s + REWRITE_AFTER_MS / 2000 + 60
    assert store.compactor.step(store.name)
    folded_s = store.now_s

    store.write({}, [name_of(1)])
    store.now_s = begun_s + REWRITE_AFTER_MS / 1000
    assert store.compactor.step(store.name)
    assert [(ref.rows, ref.dead) for ref in store.manifest.segments] == [(99, 0)]
    assert len(store.log()) == 1
    assert not store.compactor.step(store.name)

    store.now_s = folded_s + FOLD_AFTER_MS / 1000
    assert store.compactor.step(store.name)
    assert store.log() == []
    assert store.stored() == store.model


def test_what_came_while_a_step_was_at_work_is_not_taken_for_younger(store: Store) -> None:
    """A step reads the head, and is done an hour later."""
    fill(store, range(4))
    begun_s, hour = store.now_s, iter((0.0, *(3600.0,) * 99))

    Compactor(store.items, store.blobs, clock=lambda: begun_s + next(hour), pause=no_pause).step(store.name, force=True)

    assert store.manifest.made_ms == int(begun_s * 1000)


def test_folds_of_single_rows_do_not_pile_up_files(store: Store) -> None:
    for number in range(40):
        fill(store, range(number, number + 1))
        store.now_s += FOLD_AFTER_MS / 1000 + 1
        store.compactor.step(store.name)
        GarbageCollector(store.items, store.blobs, pause=no_pause).collect(store.name)

    assert [ref.rows for ref in store.manifest.segments] == [40]
    assert len(list(store.blobs.names())) <= 3
    assert store.stored() == store.model


def test_a_quarter_of_dead_rows_is_enough_at_once(store: Store) -> None:
    fill(store, range(100))
    store.compactor.step(store.name, force=True)
    store.write({}, [name_of(number) for number in range(25)])
    store.now_s += FOLD_AFTER_MS / 1000 + 1

    store.compactor.step(store.name)

    assert [(ref.rows, ref.dead) for ref in store.manifest.segments] == [(75, 0)]


def test_a_collection_of_which_everything_is_deleted_has_no_segment(store: Store) -> None:
    fill(store, range(9))
    store.compactor.step(store.name, force=True)
    store.write({}, [name_of(number) for number in range(9)])

    while store.compactor.step(store.name, force=True):
        pass

    assert store.manifest.segments == ()
    assert store.stored() == {}


def test_trimming_takes_what_is_covered_and_no_more(store: Store) -> None:
    for number in range(230):
        fill(store, range(number % 100, number % 100 + 1))

    store.compactor.trim(store.head, 205)

    assert store.log() == list(range(206, 231))
    store.compactor.trim(store.head, 205)
    assert len(store.log()) == 25


def test_names_follow_the_version_that_was_read(store: Store) -> None:
    fill(store, range(10))
    store.compactor.step(store.name, force=True)
    fill(store, range(50, 52))
    store.write({}, [name_of(1)])
    store.now_s += FOLD_AFTER_MS / 1000 + 1
    store.compactor.step(store.name)

    assert store.head.version == 2
    assert base_version(store.head.manifest) == 1
    assert {base_version(name) for name in store.manifest.blobs} == {1}
    assert all(name.startswith(f"{store.made.uid.hex}/") for name in store.blobs.names())


def test_garbage_of_a_lower_base_goes_and_no_other(store: Store) -> None:
    fill(store, range(10))
    store.compactor.step(store.name, force=True)
    fill(store, range(20))
    store.compactor.step(store.name, force=True)
    uid, version = store.head.uid, store.head.version
    lower, same, higher = (blob_name(uid, version + offset, "segment") for offset in (-1, 0, 1))
    for name in (lower, same, higher):
        store.blobs.put(name, b"of a compactor that nobody knows of")
    elsewhere = blob_name(UUID(int=7), 0, "segment")
    store.blobs.put(elsewhere, b"of another collection")

    removed = GarbageCollector(store.items, store.blobs, pause=no_pause).collect(store.name)

    remaining = set(store.blobs.names())
    assert lower not in remaining
    assert removed >= 1
    assert remaining == store.manifest.blobs | {store.head.manifest, same, higher, elsewhere}


def test_a_swap_under_way_finds_its_blobs_however_often_garbage_is_collected(store: Store) -> None:
    """It wins with them, or it has lost for good before they go."""
    fill(store, range(10))
    store.compactor.step(store.name, force=True)
    head, manifest = store.head, store.manifest
    content = store.blobs.get(manifest.segments[0].name)
    segment = blob_name(head.uid, head.version, "segment")
    store.blobs.put(segment, content)
    ref = SegmentRef(segment, 10, len(content))
    successor = Manifest(head.uid, head.version + 1, manifest.through, 0, (ref,))
    name = blob_name(head.uid, head.version, "manifest")
    store.blobs.put(name, encode_manifest(successor))
    garbage = GarbageCollector(store.items, store.blobs, pause=no_pause)

    garbage.collect(store.name)
    assert {segment, name} <= set(store.blobs.names())
    assert swap_manifest(store.items, head, name, successor, pause=no_pause)
    garbage.collect(store.name)
    assert store.stored() == store.model

    head = store.head
    late = blob_name(head.uid, head.version, "manifest")
    store.blobs.put(late, encode_manifest(successor))
    garbage.collect(store.name, force=True)
    assert late not in set(store.blobs.names())
    assert not swap_manifest(store.items, head, late, successor, pause=no_pause)
    assert store.stored() == store.model


def test_a_collection_that_is_gone(store: Store) -> None:
    fill(store, range(10))
    StoredCollections(store.items).delete(store.name)

    assert not store.compactor.step(store.name, force=True)
    assert GarbageCollector(store.items, store.blobs, pause=no_pause).collect(store.name, force=True) == 0
