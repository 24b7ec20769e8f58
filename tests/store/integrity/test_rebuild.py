"""`rebuild` mends what the items alone can mend, and gives way to everybody else."""

import contextlib
from collections.abc import Callable
from uuid import UUID

import pytest

from openrek.domain.faces import Face
from openrek.store.collections.collections import StoredCollections
from openrek.store.faces.faces import StoredFaces
from openrek.store.integrity.rebuild import BadFaces, WritersBusy, rebuild
from openrek.store.items.port import Delete, Items
from openrek.store.log.keys import directory_key, face_key, log_key, uid_key
from openrek.store.search.search import StoredSearch
from openrek.store.segments.segment_file import decode_segment
from openrek.store.upkeep.compaction import current_manifest
from tests.store.faults import Fault, FaultyItems, Killed, at
from tests.store.integrity.damage import (
    change_head,
    change_item,
    first_face,
    flip,
    log,
    lose,
    miscounted,
    other_vector,
    record,
    records,
    rewrite_manifest,
    rewrite_segment,
    shuffled,
    stranger,
    stray,
    twice,
    with_longer_norm,
)
from tests.store.integrity.store import Store, brute_force, searched
from tests.store.synthetic import Embedder, picture, slots, unit, vector_of
from tests.support.clocks import FakeClock

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


@pytest.mark.parametrize("name", MENDED)
def test_what_the_items_can_mend(store: Store, name: str) -> None:
    damage, expected = MENDED[name]
    damage(store)

    assert expected in store.findings()
    before = sorted(brute_force(store.items, store.people.uid, unit("probe")))
    rebuilt = rebuild(store.items, store.blobs, "people", clock=FakeClock())

    assert rebuilt.faces == len(before) == store.head.faces
    report = store.check()
    assert report.findings == report.notes == ()
    assert report.log_entries == 0
    for probe in (unit("probe"), unit("other")):
        assert searched(store, probe) == brute_force(store.items, store.people.uid, probe)
    store.index(99)
    assert store.findings() == ""


def test_a_rebuild_gives_way_to_writers_and_says_so(store: Store) -> None:
    number = 300

    def others(step: int) -> None:
        nonlocal number
        number += 1
        store.index(number, 1)

    before = store.head.version
    with pytest.raises(WritersBusy, match="stop the servers"):
        rebuild(FaultyItems(store.items, before=others), store.blobs, "people", clock=FakeClock())

    assert store.head.version == before
    assert store.findings() == ""
    assert rebuild(store.items, store.blobs, "people").faces == store.head.faces


@pytest.mark.parametrize("fault", [Fault.CONTENDED, Fault.LOST, Fault.UNSAID, Fault.KILLED_BEFORE, Fault.KILLED_AFTER])
def test_a_rebuild_interrupted_at_any_step(store: Store, fault: Fault) -> None:
    for step in range(12):
        with contextlib.suppress(Killed):
            rebuild(FaultyItems(store.items, at(step, fault)), store.blobs, "people", clock=FakeClock())
        assert store.findings() == ""
        store.index(400 + step, 1)
    assert searched(store, unit("x")) == brute_force(store.items, store.people.uid, unit("x"))


def test_a_rebuild_leaves_unfinished_calls_alone(store: Store) -> None:
    of = picture(70)

    def index(items: Items) -> list[Face]:
        return list(
            StoredFaces(items, faces_per_commit=3, clock=FakeClock()).index(store.people, of, slots(7), Embedder(of))
        )

    with pytest.raises(Killed):
        index(FaultyItems(store.items, at(9, Fault.KILLED_BEFORE)))
    assert len(store.check().notes) == 1
    for item in records(store):
        store.items.transact([Delete(item.key)])

    rebuild(store.items, store.blobs, "people", clock=FakeClock())

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
