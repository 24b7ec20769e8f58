"""`verify` finds every kind of damage and cries wolf over none; `rebuild` mends what the items alone can mend."""

import contextlib
import itertools
import os
import threading
import time
import zlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from openrek.domain.collections import Collection
from openrek.domain.errors import ResourceNotFound
from openrek.domain.faces import Face
from openrek.store.blobs.folder import FolderBlobs
from openrek.store.collections.collections import StoredCollections
from openrek.store.faces.faces import StoredFaces
from openrek.store.integrity.rebuild import BadFaces, WritersBusy, rebuild
from openrek.store.integrity.verify import Report, collections_of, verify
from openrek.store.items.port import Delete, Item, Items, Key, Put
from openrek.store.items.sqlite import SqliteItems
from openrek.store.log.head import Head, head_now
from openrek.store.log.keys import directory_key, duplicate_key, face_key, log_key, owned, plan_key, uid_key
from openrek.store.log.quantisation import dequantise
from openrek.store.search.search import StoredSearch
from openrek.store.segments.manifest import blob_name, encode_manifest
from openrek.store.segments.segment_file import CRC, HEAD, HEADER_BYTES, MAGIC, Segment, decode_segment, encode_segment
from openrek.store.upkeep.compaction import Compactor, current_manifest
from openrek.store.upkeep.garbage_collection import GarbageCollector
from openrek.store.upkeep.upkeep import Upkeep
from tests.store.faults import Fault, FaultyItems, Killed, at
from tests.store.invariants import all_items
from tests.store.synthetic import Embedder, new_collection, no_pause, picture, slots, unit, vector_of
from tests.store.tables import open_fast


@dataclass(frozen=True)
class Store:
    folder: Path
    items: SqliteItems
    blobs: FolderBlobs
    people: Collection

    @property
    def head(self) -> Head:
        head = head_now(self.items, "people")
        assert head is not None
        return head

    def index(self, number: int, faces: int = 5) -> list[Face]:
        of = picture(number, f"p:{number}" if number % 2 else None)
        return list(StoredFaces(self.items).index(self.people, of, slots(faces), Embedder(of)))

    def check(self) -> Report:
        return verify(self.items, self.blobs, "people", pause=no_pause)

    def findings(self) -> str:
        return "\n".join(self.check().findings)

    def path(self, name: str) -> Path:
        return self.folder / "blobs" / name


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Two segments, one with tombstones; a log of rows and deletions."""
    items = open_fast(tmp_path)
    blobs = FolderBlobs(tmp_path / "blobs")
    made = Store(tmp_path, items, blobs, new_collection(items))
    faces = [face for number in range(8) for face in made.index(number)]
    compactor = Compactor(items, blobs, pause=no_pause)
    compactor.step("people", force=True)
    StoredFaces(items).delete(made.people, [face.face_id for face in faces[::9]])
    made.index(50, 1)
    fold_without_merging(made)
    gone = [face.face_id for face in faces[1::9]]
    StoredFaces(items).delete(made.people, gone)
    for number in range(60, 64):
        made.index(number)
    GarbageCollector(items, blobs, pause=no_pause).collect("people")
    yield made
    items.close()


def fold_without_merging(store: Store) -> None:
    """One step that is due by its age: the new segment is too small to take in the other."""
    later = time.time() + 13 * 3600
    compactor = Compactor(store.items, store.blobs, clock=lambda: later, pause=no_pause, small_bytes=0)
    assert compactor.step("people")


def brute_force(items: Items, uid: UUID, probe: "array[float]") -> list[str]:
    query = np.array(probe, np.float64)
    scored = []
    for item in all_items(items, owned(uid, "face")):
        row = np.array(dequantise(item.attributes["vector"], np.frombuffer(item.attributes["scale"], "<f4")[0]))
        scored.append((-float(row.astype(np.float64) @ query), item.key.sort))
    return [face_id for _, face_id in sorted(scored)]


def searched(store: Store, probe: "array[float]") -> list[str]:
    people = StoredCollections(store.items).require("people")
    found = StoredSearch(store.items, store.blobs).nearest(people, probe, limit=4096, lowest_cosine=-1.0)
    return [str(match.face.face_id) for match in found]


def test_a_whole_collection(store: Store) -> None:
    report = store.check()

    assert report.findings == report.notes == ()
    assert report.faces == store.head.faces == len(brute_force(store.items, store.people.uid, unit("x")))
    assert report.segments == 2
    assert report.log_entries == 5
    assert any(ref.dead for ref in current_manifest(store.blobs, store.head).segments)


def test_every_state_on_the_way_is_whole(tmp_path: Path) -> None:
    items, blobs = open_fast(tmp_path), FolderBlobs(tmp_path / "blobs")
    store = Store(tmp_path, items, blobs, new_collection(items))
    assert store.findings() == ""
    faces = store.index(1, 1)
    assert store.findings() == ""
    Upkeep(items, blobs, pause=no_pause).purge()
    assert store.findings() == ""
    StoredFaces(items).delete(store.people, [faces[0].face_id])
    assert store.findings() == ""
    Upkeep(items, blobs, pause=no_pause).purge()
    assert store.check().findings == ()
    StoredCollections(items).delete("people")
    with pytest.raises(ResourceNotFound):
        store.check()
    items.close()


def test_calls_that_were_killed_leave_nothing_wrong(tmp_path: Path) -> None:
    items, blobs = open_fast(tmp_path), FolderBlobs(tmp_path / "blobs")
    store = Store(tmp_path, items, blobs, new_collection(items))
    for step in range(40):
        of = picture(step)
        faulty = FaultyItems(items, at(step, Fault.KILLED_AFTER))
        try:
            StoredFaces(faulty, faces_per_commit=3).index(store.people, of, slots(7), Embedder(of))
        except Killed:
            assert store.findings() == ""
    assert store.check().notes != ()
    Upkeep(items, blobs, clock=lambda: 4e9, pause=no_pause).sweep()
    assert store.check().findings == ()
    items.close()


def flip(store: Store, suffix: str, place: float) -> None:
    refs = current_manifest(store.blobs, store.head)
    name = next(iter(sorted(name for name in (*refs.blobs, store.head.manifest) if name.endswith(suffix))))
    content = bytearray(store.path(name).read_bytes())
    content[int(place * (len(content) - 1))] ^= 0x10
    store.path(name).write_bytes(content)


def lose(store: Store, suffix: str) -> None:
    for name in list(store.blobs.names(store.people.uid.hex)):
        if name.endswith(suffix):
            store.blobs.delete(name)


def rewrite_segment(store: Store, change: Callable[[Segment], bytes]) -> None:
    """Another segment under the same name, its checksums right."""
    ref = max(current_manifest(store.blobs, store.head).segments, key=lambda ref: ref.rows)
    changed = change(decode_segment(store.blobs.get(ref.name)))
    store.path(ref.name).write_bytes(changed)


def rewrite_manifest(store: Store, **members: object) -> None:
    manifest = replace(current_manifest(store.blobs, store.head), **members)  # type: ignore[arg-type]
    name = blob_name(store.people.uid, store.head.version - 1, "manifest")
    store.blobs.put(name, encode_manifest(manifest))
    store.items.transact([Put(store.head.key, replace(store.head, manifest=name).attributes())])


def change_head(store: Store, **members: int) -> None:
    store.items.transact([Put(store.head.key, replace(store.head, **members).attributes())])  # type: ignore[arg-type]


def first_face(store: Store) -> Key:
    return store.items.query(owned(store.people.uid, "face"), limit=1).rows[0].key


def change_item(store: Store, key: Key, **members: object) -> None:
    item = store.items.get(key)
    assert item is not None
    store.items.transact([Put(key, {**item.attributes, **members})])


def with_longer_norm(segment: Segment) -> bytes:
    content = bytearray(encode_segment(segment.table))
    HEAD.pack_into(content, 0, MAGIC, 1, 1, segment.table.dimensions, 10, len(segment.table), 1.5)
    end = HEADER_BYTES - 4
    CRC.pack_into(content, end, zlib.crc32(content[:end]))
    return bytes(content)


def shuffled(segment: Segment) -> bytes:
    return encode_segment(segment.table.take(np.arange(len(segment.table))[::-1]))


def other_vector(segment: Segment) -> bytes:
    return encode_segment(replace(segment.table, vectors=-segment.table.vectors))


MENDED: dict[str, tuple[Callable[[Store], None], str]] = {
    "manifest lost": (lambda s: lose(s, ".manifest"), "the manifest is missing"),
    "manifest flipped": (lambda s: flip(s, ".manifest", 0.5), "the manifest is corrupt"),
    "segments lost": (lambda s: lose(s, ".segment"), "a blob that the manifest names is missing"),
    "segment's header flipped": (lambda s: flip(s, ".segment", 0.0), "a corrupt segment"),
    "segment's vector flipped": (lambda s: flip(s, ".segment", 0.6), "a corrupt segment"),
    "tombstones lost": (lambda s: lose(s, ".tombstones"), "a blob that the manifest names is missing"),
    "tombstones flipped": (lambda s: flip(s, ".tombstones", 1.0), "a corrupt segment"),
    "segment of other order": (lambda s: rewrite_segment(s, shuffled), "not in strictly ascending order"),
    "segment of another vector": (lambda s: rewrite_segment(s, other_vector), "its vectors differs"),
    "segment of a wrong longest": (lambda s: rewrite_segment(s, with_longer_norm), "the longest norm"),
    "manifest of another version": (lambda s: rewrite_manifest(s, version=77), "head and manifest differ"),
    "manifest without segments": (lambda s: rewrite_manifest(s, segments=()), "is in no segment and not in the log"),
    "log entry lost": (lambda s: s.items.transact([Delete(log_key(s.people.uid, s.head.seq - 1))]), "has a hole"),
    "log lost": (lambda s: [s.items.transact([Delete(i.key)]) for i in log(s)] and None, "has a hole"),
    "stray entry": (lambda s: stray(s), "a log entry after the head"),
    "count wrong": (lambda s: change_head(s, faces=3), "the head's count is wrong"),
    "segment's count wrong": (lambda s: miscounted(s), "tombstones, 7 in the manifest"),
    "directory": (lambda s: s.items.transact([Delete(directory_key("people"))]), "the directory's line"),
    "directory's model": (lambda s: change_item(s, directory_key("people"), model="x"), "the directory's line"),
    "uid": (lambda s: s.items.transact([Delete(uid_key(s.people.uid))]), "the uid's line"),
    "face lost": (lambda s: s.items.transact([Delete(first_face(s))]), "a row without a face item"),
    "face's image": (lambda s: change_item(s, first_face(s), image=bytes(16)), "its images differs"),
    "face's owner": (lambda s: change_item(s, first_face(s), owner="me"), "its owners differs"),
    "face's vector": (lambda s: change_item(s, first_face(s), vector=b"\1" * 128), "its vectors differs"),
    "record lost": (lambda s: s.items.transact([Delete(record(s))]), "a face that its picture's record does not name"),
    "record empty": (lambda s: change_item(s, record(s), faces=[]), "an empty record of a picture"),
    "records lost": (lambda s: [s.items.transact([Delete(i.key)]) for i in records(s)] and None, "does not name"),
    "record of a stranger": (lambda s: stranger(s), "names a face that is not there"),
    "record of another's face": (lambda s: twice(s), "a face and its picture's record differ"),
}  # fmt: skip


def log(store: Store) -> list[Delete]:
    return [Delete(item.key) for item in store.items.query(owned(store.people.uid, "log")).rows]


def stray(store: Store) -> None:
    store.items.transact([Put(log_key(store.people.uid, store.head.seq + 1), {"rows": [], "deleted": []})])


def miscounted(store: Store) -> None:
    refs = current_manifest(store.blobs, store.head).segments
    rewrite_manifest(store, segments=tuple(replace(ref, dead=7) for ref in refs))


@pytest.mark.parametrize("name", MENDED)
def test_what_the_items_can_mend(store: Store, name: str) -> None:
    damage, expected = MENDED[name]
    damage(store)

    assert expected in store.findings()
    before = sorted(brute_force(store.items, store.people.uid, unit("probe")))
    rebuilt = rebuild(store.items, store.blobs, "people", pause=no_pause)

    assert rebuilt.faces == len(before) == store.head.faces
    report = store.check()
    assert report.findings == report.notes == ()
    assert report.log_entries == 0
    for probe in (unit("probe"), unit("other")):
        assert searched(store, probe) == brute_force(store.items, store.people.uid, probe)
    store.index(99)
    assert store.findings() == ""


BEYOND: dict[str, tuple[Callable[[Store], None], str]] = {
    "face moved": (lambda s: change_item(s, first_face(s), seq=99), "its seqs differs"),
    "face's size": (lambda s: change_item(s, first_face(s), vector=b"\1" * 127), "has a bad vector"),
    "face's id": (lambda s: change_item(s, first_face(s), id=bytes(16)), "has a bad id"),
    "face's picture": (lambda s: change_item(s, first_face(s), picture="0" * 64), "has a bad picture"),
    "plan": (lambda s: s.items.transact([Put(plan_key(s.people.uid, "index/x"), {"kind": "?"})]), "makes no sense"),
    "mark": (lambda s: change_item(s, first_face(s), plan="index/x", plan_id=b"x"), "a hidden face whose plan is gone"),
}  # fmt: skip


def records(store: Store) -> Sequence[Item]:
    return store.items.query(owned(store.people.uid, "duplicate")).rows


def record(store: Store, number: int = 61) -> Key:
    return duplicate_key(store.people.uid, picture(number, f"p:{number}" if number % 2 else None))


def stranger(store: Store) -> None:
    change_item(store, record(store), faces=[{"id": os.urandom(16), "geometry": bytes(20)}])


def twice(store: Store) -> None:
    other = store.items.get(record(store, 62))
    assert other is not None
    change_item(store, record(store), faces=other.attributes["faces"])


@pytest.mark.parametrize("name", BEYOND)
def test_damage_to_items(store: Store, name: str) -> None:
    damage, expected = BEYOND[name]
    damage(store)

    assert expected in store.findings()
    assert list(collections_of(store.items)) == ["people"]


def test_findings_of_one_kind_are_told_ten_times(store: Store) -> None:
    for item in store.items.query(owned(store.people.uid, "duplicate")).rows:
        store.items.transact([Delete(item.key)])

    lines = store.check().findings

    assert len(lines) == 11
    assert lines[-1] == f"a face that its picture's record does not name: {store.head.faces - 10} more"


def test_blobs_that_nobody_names_are_only_mentioned(store: Store) -> None:
    store.blobs.put(blob_name(store.people.uid, store.head.version, "segment"), b"left by a killed compactor")

    report = store.check()

    assert report.findings == ()
    assert report.notes == ("1 blobs that nobody names; `openrek purge` removes them",)


@pytest.mark.parametrize("compacting", [False, True])
def test_a_check_at_any_moment_of_other_clients_work(store: Store, compacting: bool) -> None:
    """Before each of its steps, somebody adds a picture, deletes faces, or compacts."""
    known = [face.face_id for face in store.index(70)]
    turn = 0

    def others(step: int) -> None:
        nonlocal turn
        turn += 1
        if turn > 24:
            return
        if turn % 3 == 0:
            StoredFaces(store.items).delete(store.people, [known.pop()])
        elif compacting and turn % 3 == 1:
            Upkeep(store.items, store.blobs, pause=no_pause).purge()
        else:
            known.extend(face.face_id for face in store.index(100 + turn, 2))

    report = verify(FaultyItems(store.items, before=others), store.blobs, "people", pause=no_pause)

    assert report.findings == ()
    assert turn > 8
    assert store.findings() == ""


def test_checks_beside_threads_that_write_delete_compact_and_search(store: Store) -> None:
    stop = threading.Event()

    def repeat(work: Callable[[int], object]) -> None:
        for number in itertools.count(1000):
            if stop.is_set():
                return
            work(number)

    def write(number: int) -> None:
        stop.wait(0.02)  # or the store grows faster than it is checked
        faces = store.index(number, 4)
        StoredFaces(store.items).delete(store.people, [face.face_id for face in faces[:2]])

    search = StoredSearch(store.items, store.blobs)
    works: list[Callable[[int], object]] = [
        write,
        lambda _: Upkeep(store.items, store.blobs).purge(),
        lambda _: search.nearest(store.people, unit("x"), limit=5, lowest_cosine=-1.0),
    ]
    with ThreadPoolExecutor(len(works)) as pool:
        running = [pool.submit(repeat, work) for work in works]
        try:
            checks = [verify(store.items, store.blobs, "people").findings for _ in range(6)]
        finally:
            stop.set()
        for each in running:
            each.result()

    assert checks == [()] * 6
    assert store.findings() == ""


def test_real_damage_is_told_while_others_write(store: Store) -> None:
    store.items.transact([Delete(first_face(store))])
    number = 200

    def others(step: int) -> None:
        nonlocal number
        number += 1
        store.index(number, 1)

    found = verify(FaultyItems(store.items, before=others), store.blobs, "people", pause=no_pause).findings

    assert any("a row without a face item" in line for line in found)


def test_a_rebuild_gives_way_to_writers_and_says_so(store: Store) -> None:
    number = 300

    def others(step: int) -> None:
        nonlocal number
        number += 1
        store.index(number, 1)

    before = store.head.version
    with pytest.raises(WritersBusy, match="stop the servers"):
        rebuild(FaultyItems(store.items, before=others), store.blobs, "people", pause=no_pause)

    assert store.head.version == before
    assert store.findings() == ""
    assert rebuild(store.items, store.blobs, "people").faces == store.head.faces


@pytest.mark.parametrize("fault", [Fault.CONTENDED, Fault.LOST, Fault.UNSAID, Fault.KILLED_BEFORE, Fault.KILLED_AFTER])
def test_a_rebuild_interrupted_at_any_step(store: Store, fault: Fault) -> None:
    for step in range(12):
        with contextlib.suppress(Killed):
            rebuild(FaultyItems(store.items, at(step, fault)), store.blobs, "people", pause=no_pause)
        assert store.findings() == ""
        store.index(400 + step, 1)
    assert searched(store, unit("x")) == brute_force(store.items, store.people.uid, unit("x"))


def test_a_rebuild_leaves_unfinished_calls_alone(store: Store) -> None:
    of = picture(70)

    def index(items: Items) -> list[Face]:
        return list(
            StoredFaces(items, faces_per_commit=3, pause=no_pause).index(store.people, of, slots(7), Embedder(of))
        )

    with pytest.raises(Killed):
        index(FaultyItems(store.items, at(9, Fault.KILLED_BEFORE)))
    assert len(store.check().notes) == 1
    for item in records(store):
        store.items.transact([Delete(item.key)])

    rebuild(store.items, store.blobs, "people", pause=no_pause)

    assert store.findings() == ""
    faces = index(store.items)
    assert len(faces) == 7
    assert index(store.items) == faces
    assert store.findings() == ""


def test_segments_stay_below_their_size(store: Store) -> None:
    for number in range(500, 530):
        store.index(number, 40)

    rebuilt = rebuild(store.items, store.blobs, "people", segment_bytes=220 << 10)

    assert rebuilt.segments > 1
    sizes = [ref.size_bytes for ref in current_manifest(store.blobs, store.head).segments]
    assert max(sizes) <= 220 << 10
    assert store.findings() == ""
    assert searched(store, unit("x"))[:9] == brute_force(store.items, store.people.uid, unit("x"))[:9]


def test_bad_faces_are_not_rebuilt_from(store: Store) -> None:
    change_item(store, first_face(store), vector=b"")
    before = store.head

    with pytest.raises(BadFaces, match="has a bad vector"):
        rebuild(store.items, store.blobs, "people")

    assert store.head == before


def test_a_process_with_the_collection_in_memory_reads_it_anew(store: Store) -> None:
    search = StoredSearch(store.items, store.blobs)
    people = StoredCollections(store.items).require("people")
    search.nearest(people, unit("x"), limit=5, lowest_cosine=-1.0)
    gone = UUID(searched(store, unit("x"))[0])
    store.items.transact([Delete(face_key(store.people.uid, gone))])

    rebuild(store.items, store.blobs, "people")

    people = StoredCollections(store.items).require("people")
    found = search.nearest(people, unit("x"), limit=4096, lowest_cosine=-1.0)
    assert [str(match.face.face_id) for match in found] == brute_force(store.items, store.people.uid, unit("x"))
    assert str(gone) not in {str(match.face.face_id) for match in found}


def test_vectors_survive_bit_by_bit(store: Store) -> None:
    lose(store, ".segment")
    rebuild(store.items, store.blobs, "people")

    for ref in current_manifest(store.blobs, store.head).segments:
        table = decode_segment(store.blobs.get(ref.name)).table
        for row in range(len(table)):
            face = store.items.get(face_key(store.people.uid, table.labels.face(row).face_id))
            assert face is not None
            assert face.attributes["vector"] == table.vectors[row].tobytes()
            assert face.attributes["scale"] == table.scales[row].tobytes()
            assert int(face.attributes["seq"]) == int(table.seqs[row])
    assert vector_of(picture(1, "p:1"), slots(1)[0].box)
