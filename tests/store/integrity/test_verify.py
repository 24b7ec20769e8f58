"""`verify` finds every kind of damage and cries wolf over none."""

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from openrek.domain.errors import ResourceNotFound
from openrek.store.blobs.folder import FolderBlobs
from openrek.store.collections.collections import StoredCollections
from openrek.store.faces.faces import StoredFaces
from openrek.store.integrity.verify import collections_of, verify
from openrek.store.items.port import Delete, Put
from openrek.store.log.keys import owned, plan_key
from openrek.store.search.search import StoredSearch
from openrek.store.segments.manifest import blob_name
from openrek.store.upkeep.compaction import current_manifest
from openrek.store.upkeep.upkeep import Upkeep
from tests.store.faults import Fault, FaultyItems, Killed, at
from tests.store.integrity.damage import change_item, first_face
from tests.store.integrity.store import Store, brute_force
from tests.store.synthetic import Embedder, new_collection, picture, slots, unit
from tests.store.tables import open_fast
from tests.support.clocks import FakeClock


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
    Upkeep(items, blobs, clock=FakeClock()).purge()
    assert store.findings() == ""
    StoredFaces(items).delete(store.people, [faces[0].face_id])
    assert store.findings() == ""
    Upkeep(items, blobs, clock=FakeClock()).purge()
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
    Upkeep(items, blobs, clock=FakeClock(4e9)).sweep()
    assert store.check().findings == ()
    items.close()


BEYOND: dict[str, tuple[Callable[[Store], None], str]] = {
    "face moved": (lambda s: change_item(s, first_face(s), seq=99), "its seqs differs"),
    "face's size": (lambda s: change_item(s, first_face(s), vector=b"\1" * 127), "has a bad vector"),
    "face's id": (lambda s: change_item(s, first_face(s), id=bytes(16)), "has a bad id"),
    "face's picture": (lambda s: change_item(s, first_face(s), picture="0" * 64), "has a bad picture"),
    "plan": (lambda s: s.items.transact([Put(plan_key(s.people.uid, "index/x"), {"kind": "?"})]), "makes no sense"),
    "mark": (lambda s: change_item(s, first_face(s), plan="index/x", plan_id=b"x"), "a hidden face whose plan is gone"),
}  # fmt: skip


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
            Upkeep(store.items, store.blobs, clock=FakeClock()).purge()
        else:
            known.extend(face.face_id for face in store.index(100 + turn, 2))

    report = verify(FaultyItems(store.items, before=others), store.blobs, "people", clock=FakeClock())

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

    found = verify(FaultyItems(store.items, before=others), store.blobs, "people", clock=FakeClock()).findings

    assert any("a row without a face item" in line for line in found)
