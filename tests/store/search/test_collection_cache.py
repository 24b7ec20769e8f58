"""What search keeps in memory: no longer than it must be, and never changed under a reader."""

import gc
import weakref
from dataclasses import replace
from uuid import UUID

import pytest

from openrek.domain.collections import Collection
from openrek.domain.errors import InternalServerError, ResourceNotFound
from openrek.domain.faces import FaceMatch
from openrek.domain.models import SFACE
from openrek.store.collections.collections import StoredCollections
from openrek.store.faces.faces import StoredFaces
from openrek.store.items.port import Delete, Items, Key, Put
from openrek.store.log.keys import face_key, log_key
from openrek.store.search.cache import CollectionCache
from openrek.store.upkeep.upkeep import Upkeep
from tests.store.faults import FaultyItems
from tests.store.memory_blobs import MemoryBlobs, Unreadable
from tests.store.search.pictures import index
from tests.store.synthetic import new_collection, now, searcher, unit
from tests.support.clocks import FakeClock


def vectors_of(items: Items, cache: CollectionCache, collection: Collection) -> "weakref.ref[object]":
    vectors = cache.current(now(items, collection)).faces.blocks[-1].vectors
    return weakref.ref(vectors.base if vectors.base is not None else vectors)


def test_a_warm_search_reads_one_item(items: Items, collection: Collection) -> None:
    index(items, collection, 1)
    counted = FaultyItems(items)
    search = searcher(counted)
    search.nearest(collection, unit(1), limit=1, lowest_cosine=-1.0)
    before = counted.steps

    search.nearest(collection, unit(2), limit=1, lowest_cosine=-1.0)

    assert counted.steps == before + 1


def test_a_collection_found_gone_leaves_memory(items: Items, collection: Collection) -> None:
    index(items, collection, 1)
    cache = CollectionCache(items, MemoryBlobs())
    kept = vectors_of(items, cache, collection)
    StoredCollections(items).delete("people")
    cache.tidy()
    gc.collect()

    assert kept() is None


@pytest.mark.parametrize("bad_one", ["manifest", "segment", "nothing to be read"])
def test_a_damaged_collection_keeps_no_other_in_memory(items: Items, bad_one: str) -> None:
    """Its segments are read in turn; the dead rows of the others leave memory all the same."""
    blobs = Unreadable()
    cache = CollectionCache(items, blobs)
    bad, good = (new_collection(items, name) for name in ("bad", "good"))
    for each in (bad, good):
        index(items, each, 1)
    kept = [vectors_of(items, cache, each) for each in (bad, good)]
    Upkeep(items, blobs, clock=FakeClock()).purge()
    for name in [name for name in blobs.names(bad.uid.hex) if name.endswith(bad_one)]:
        blobs.delete(name)
        blobs.put(name, b"damaged")
    blobs.uid = bad.uid if bad_one == "nothing to be read" else None

    cache.tidy()
    gc.collect()

    assert [each() is None for each in kept] == [False, True]


def test_a_re_created_collection_takes_the_place_of_the_old_one(items: Items, collection: Collection) -> None:
    index(items, collection, 1)
    cache = CollectionCache(items, MemoryBlobs())
    kept = vectors_of(items, cache, collection)
    StoredCollections(items).delete("people")
    again = StoredCollections(items).create("people", SFACE, {})
    assert cache.current(again).seq == 0
    gc.collect()

    assert kept() is None
    with pytest.raises(ResourceNotFound):
        cache.current(now(items, collection))
    assert cache.current(again).seq == 0


def test_the_collections_used_last_stay_in_memory(items: Items) -> None:
    made = [new_collection(items, f"c{n}") for n in range(4)]
    for each in made:
        index(items, each, 1)
    cache = CollectionCache(items, MemoryBlobs(), max_bytes=150_000)  # three of about 50,000
    kept = [vectors_of(items, cache, each) for each in made[:2]]
    cache.current(now(items, made[0]))
    kept += [vectors_of(items, cache, each) for each in made[2:]]
    gc.collect()

    assert [each() is not None for each in kept].count(True) <= 3
    assert kept[0]() is not None
    assert kept[1]() is None
    assert kept[3]() is not None


def test_deleted_faces_leave_memory_when_they_are_the_most(items: Items, collection: Collection) -> None:
    cache = CollectionCache(items, MemoryBlobs())
    everyone = [face for n in range(10) for face in index(items, collection, n, 97)]
    assert len(cache.current(now(items, collection)).faces.blocks[-1].scales) == 970

    StoredFaces(items).delete(collection, [face.face_id for face in everyone[:600]])
    block = cache.current(now(items, collection)).faces.blocks[-1]

    assert len(block.scales) < 600
    assert block.dead is None or not block.dead.any() or block.dead.sum() < 300
    alive = {
        UUID(bytes=block.ids[n].tobytes()) for n in range(len(block.scales)) if block.dead is None or not block.dead[n]
    }
    assert alive == {face.face_id for face in everyone[600:]}
    expected = searcher(items).nearest(collection, unit(1), limit=50, lowest_cosine=-1.0)
    face = cache.current(now(items, collection)).faces.labels[-1].face
    ids_of = {UUID(bytes=block.ids[n].tobytes()): n for n in range(len(block.scales))}
    assert [face(ids_of[match.face.face_id]) for match in expected] == [match.face for match in expected]
    more = index(items, collection, 50, 5)
    assert {match.face for match in _all(items, cache, collection)} == {*everyone[600:], *more}


def _all(items: Items, cache: CollectionCache, collection: Collection) -> list[FaceMatch]:
    snapshot = cache.current(now(items, collection))
    dead = snapshot.faces.blocks[-1].dead
    rows = [row for row in range(len(snapshot.faces.blocks[-1].scales)) if dead is None or not dead[row]]
    return [FaceMatch(snapshot.faces.labels[-1].face(row), 0.0) for row in rows]


def test_a_snapshot_never_changes(items: Items, collection: Collection) -> None:
    cache = CollectionCache(items, MemoryBlobs())
    first = index(items, collection, 0, 51)
    StoredFaces(items).delete(collection, [first[50].face_id])
    old = cache.current(now(items, collection))
    block, face = old.faces.blocks[-1], old.faces.labels[-1].face
    assert block.dead is not None
    was = (block.vectors.copy(), block.ids.copy(), [face(row) for row in range(51)], block.dead.copy())

    for n in range(1, 12):
        faces = index(items, collection, n, 50)
        StoredFaces(items).delete(collection, [face.face_id for face in (*first[n : n + 1], *faces[:40])])
        cache.current(now(items, collection))

    assert (block.dead == was[3]).all()
    assert (block.vectors == was[0]).all()
    assert (block.ids == was[1]).all()
    assert [face(row) for row in range(51)] == was[2]


def test_a_hole_in_the_log_is_said_and_not_searched(items: Items, collection: Collection) -> None:
    for n in range(5):
        index(items, collection, n)
    missing = items.get(log_key(collection.uid, 3))
    assert missing is not None
    cache = CollectionCache(items, MemoryBlobs(), clock=FakeClock())
    items.transact([Delete(missing.key)])

    with pytest.raises(InternalServerError):
        cache.current(now(items, collection))

    items.transact([Put(missing.key, missing.attributes)])
    assert cache.current(now(items, collection)).seq == 5
    assert len(cache.current(now(items, collection)).faces.blocks[-1].scales) == 25


def test_an_entry_that_cannot_be_applied_is_not_half_applied(items: Items, collection: Collection) -> None:
    index(items, collection, 0)
    cache = CollectionCache(items, MemoryBlobs())
    cache.current(now(items, collection))
    index(items, collection, 1)
    entry = items.get(log_key(collection.uid, 2))
    assert entry is not None
    rows = [dict(row) for row in entry.attributes["rows"]]
    rows[-1]["vector"] = b"short"
    items.transact([Put(entry.key, {**entry.attributes, "rows": rows})])
    with pytest.raises(ValueError, match=r"broadcast|shape|size"):
        cache.current(now(items, collection))

    items.transact([Put(entry.key, entry.attributes)])

    assert len(_all(items, cache, collection)) == 10


def test_a_row_logged_again_replaces_the_former(items: Items, collection: Collection) -> None:
    """As a change of a face's owner will do: in another entry, and beside a deletion of the same id in its own."""
    face = index(items, collection, 0, 1)[0]
    entry = items.get(log_key(collection.uid, 1))
    head = items.get(Key("collection/people", "head"))
    assert entry is not None
    assert head is not None
    row = entry.attributes["rows"][0]
    for seq, deleted in ((2, []), (3, [row["id"]])):
        changed = {**row, "owner": f"user{seq}"}
        items.transact(
            [
                Put(log_key(collection.uid, seq), {**entry.attributes, "rows": [changed], "deleted": deleted}),
                Put(head.key, {**head.attributes, "seq": seq}),
            ]
        )
    items.get(face_key(collection.uid, face.face_id))

    found = searcher(items).nearest(collection, unit(1), limit=10, lowest_cosine=-1.0)

    assert [match.face for match in found] == [replace(face, user_id="user3")]
