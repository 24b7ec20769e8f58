"""Search through its port: exact, fresh across processes, and no longer in memory than it must be."""

import gc
import threading
import weakref
from array import array
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from uuid import UUID, uuid4

import numpy as np
import pytest

from openrek.domain.collections import Collection
from openrek.domain.errors import InternalServerError, InvalidParameter, ResourceNotFound
from openrek.domain.faces import Embedding, Face, FaceMatch
from openrek.domain.models import SFACE
from openrek.store.collections.collections import StoredCollections
from openrek.store.faces.faces import StoredFaces
from openrek.store.items.port import Delete, Items, Key, Put
from openrek.store.log.head import require_head
from openrek.store.log.keys import face_key, log_key
from openrek.store.log.quantisation import dequantise, quantise
from openrek.store.search.cache import CollectionCache
from openrek.store.search.search import StoredSearch
from openrek.store.segments.columns import Table, text_column
from openrek.store.segments.manifest import Manifest, SegmentRef, blob_name, encode_manifest
from openrek.store.segments.segment_file import encode_segment
from openrek.store.segments.sketches import LEAST_ROWS
from openrek.store.upkeep.manifest_swap import swap_manifest
from openrek.store.upkeep.upkeep import Upkeep
from tests.store.faults import FaultyItems
from tests.store.memory_blobs import MemoryBlobs, Unreadable
from tests.store.synthetic import (
    Embedder,
    ids,
    new_collection,
    no_pause,
    now,
    picture,
    searcher,
    slots,
    unit,
    vector_of,
)


def large_collection(items: Items, blobs: MemoryBlobs, rows: int) -> Collection:
    """Of one segment, as if one change had added all rows and was compacted since; by twos they are alike."""
    collection = new_collection(items, "large")
    chance = np.random.default_rng(rows)
    vectors = np.repeat(chance.integers(-127, 128, (rows // 2, SFACE.dimensions), dtype=np.int8), 2, axis=0)
    vectors[::2, :9] //= 2
    table = Table(
        ids=np.frombuffer(chance.bytes(16 * rows), np.uint8).reshape(rows, 16),
        seqs=np.ones(rows, np.uint64),
        images=np.zeros((rows, 16), np.uint8),
        geometry=np.zeros((rows, 5), np.float32),
        scales=(1.0 / np.linalg.norm(vectors.astype(np.float32), axis=1)).astype(np.float32),
        vectors=vectors,
        external=text_column([None] * rows),
        owners=text_column([None] * rows),
    ).sorted()
    head = replace(require_head(items, collection), seq=1, faces=rows)
    items.transact([Put(head.key, head.attributes())])
    segment, manifest = (blob_name(head.uid, 0, kind) for kind in ("segment", "manifest"))
    blobs.put(segment, content := encode_segment(table))
    named = Manifest(head.uid, 1, 1, 0, (SegmentRef(segment, rows, len(content)),))
    blobs.put(manifest, encode_manifest(named))
    assert swap_manifest(items, head, manifest, named)
    return now(items, collection)


def test_a_large_segment_is_sketched_after_the_first_search_and_results_stay_the_same(
    items: Items, row_scan: None
) -> None:
    blobs, ordered = MemoryBlobs(), list[Callable[[], None]]()
    collection = large_collection(items, blobs, LEAST_ROWS)
    searched = StoredSearch(items, blobs, later=ordered.append)
    gallery = CollectionCache(items, blobs).current(collection).faces
    probes = [
        dequantise(gallery.blocks[0].vectors[row].tobytes(), float(gallery.blocks[0].scales[row])) for row in (5, 9)
    ]

    def results(limit: int, lowest: float) -> list[list[tuple[UUID, float]]]:
        found = searched.nearest_each(now(items, collection), probes, limit=limit, lowest_cosine=lowest)
        return [[(match.face.face_id, match.cosine) for match in each] for each in found]

    before = [results(2, -1.0), results(4096, 0.4), results(4096, 0.1)]
    assert len(ordered) == 1  # however many searches wait for it
    ordered.pop()()
    after = [results(2, -1.0), results(4096, 0.4), results(4096, 0.1)]
    assert after == before
    assert [len(each) for each in after[0]] == [2, 2]
    assert ordered == []

    index(items, now(items, collection), 1)  # a new snapshot has the same sketches
    assert results(2, -1.0) == before[0]
    assert ordered == []

    best = results(1, -1.0)
    sketch = searched._cache.current(now(items, collection)).faces.sketches[0]
    assert sketch is not None
    assert sketch.made is not None
    sketch.made.nibbles[5] ^= 0xFF
    assert results(1, -1.0)[0] != best[0], "a wrong sketch hides its row, so searches do read them"
    assert results(1, -1.0)[1] == best[1]


def test_the_memory_of_sketches_is_counted(items: Items) -> None:
    blobs = MemoryBlobs()
    large, small = large_collection(items, blobs, LEAST_ROWS), new_collection(items, "small")
    index(items, small, 1)
    searched = StoredSearch(items, blobs, max_bytes=240 * LEAST_ROWS, later=lambda _: None)
    searched.prepare(large)
    for name in list(blobs.names()):
        blobs.delete(name)
    searched.prepare(large)  # it is in memory: about 200 bytes of each row, and 64 for its sketch

    searched.prepare(now(items, small))

    with pytest.raises(InternalServerError):
        searched.prepare(large)


def index(items: Items, collection: Collection, number: int, faces: int = 5) -> Sequence[Face]:
    of = picture(number, f"picture {number}")
    return StoredFaces(items).index(collection, of, slots(faces), Embedder(of))


def stored(face: Face, number: int) -> Embedding:
    return dequantise(*quantise(vector_of(picture(number, f"picture {number}"), face.box)))


def by_hand(probe: Embedding, stored_rows: dict[Face, Embedding]) -> list[tuple[float, str]]:
    query = np.array(probe, np.float64)
    scores = [(float(np.array(row, np.float64) @ query), str(face.face_id)) for face, row in stored_rows.items()]
    return sorted(scores, key=lambda hit: (-hit[0], hit[1]))


def test_the_order_is_that_of_brute_force(items: Items, collection: Collection) -> None:
    rows = {face: stored(face, n) for n in range(20) for face in index(items, collection, n)}
    probe = unit("probe")
    expected = by_hand(probe, rows)

    found = searcher(items).nearest(collection, probe, limit=30, lowest_cosine=-1.0)

    assert [str(match.face.face_id) for match in found] == [face_id for _, face_id in expected[:30]]
    assert [match.cosine for match in found] == pytest.approx([score for score, _ in expected[:30]], abs=1e-6)
    assert {match.face for match in found} <= set(rows)
    above = searcher(items).nearest(collection, probe, limit=100, lowest_cosine=0.05)
    assert len(above) == sum(score >= 0.05 for score, _ in expected)


def test_an_empty_collection(items: Items, collection: Collection) -> None:
    assert searcher(items).nearest(collection, unit(1), limit=5, lowest_cosine=-1.0) == []


def test_every_process_sees_every_write_at_once(items: Items, collection: Collection) -> None:
    searches = [searcher(items) for _ in range(3)]
    everything: set[str] = set()
    for n in range(12):
        added = ids(index(items, collection, n, 3))
        everything |= set(added)
        StoredFaces(items).delete(collection, [UUID(added[n % 3])])
        everything -= {added[n % 3]}
        search = searches[n % 3]
        found = search.nearest(collection, unit(n), limit=100, lowest_cosine=-1.0)
        assert {str(match.face.face_id) for match in found} == everything


def test_a_search_by_face_leaves_that_face_out(items: Items, collection: Collection) -> None:
    rows = {face: stored(face, n) for n in range(4) for face in index(items, collection, n)}
    face, probe = next(iter(rows.items()))

    found = searcher(items).nearest_to_face(collection, face.face_id, limit=7, lowest_cosine=-1.0)

    expected = [hit for hit in by_hand(probe, rows) if hit[1] != str(face.face_id)][:7]
    assert [str(match.face.face_id) for match in found] == [face_id for _, face_id in expected]


def test_equal_vectors_come_in_the_order_of_their_ids(items: Items, collection: Collection) -> None:
    same = vector_of(picture(1), slots(1)[0].box)
    faces = [StoredFaces(items).index(collection, picture(n), slots(1), lambda _: same)[0] for n in range(6)]
    expected = sorted(ids(faces))

    assert names(searcher(items).nearest(collection, same, limit=4, lowest_cosine=0.0)) == expected[:4]
    for face in faces:
        found = searcher(items).nearest_to_face(collection, face.face_id, limit=3, lowest_cosine=0.0)
        assert names(found) == [name for name in expected if name != str(face.face_id)][:3]


def names(found: Sequence[FaceMatch]) -> list[str]:
    return [str(match.face.face_id) for match in found]


def test_a_face_that_is_not_there(items: Items, collection: Collection) -> None:
    other = new_collection(items, "others")
    elsewhere = index(items, other, 1)[0].face_id
    gone = index(items, collection, 1)[0].face_id
    StoredFaces(items).delete(collection, [gone])

    for face_id in (uuid4(), elsewhere, gone):
        with pytest.raises(InvalidParameter, match=r"^faceId was not found in the collection\.$"):
            searcher(items).nearest_to_face(collection, face_id, limit=5, lowest_cosine=-1.0)


def test_cosines_stay_between_minus_one_and_one(items: Items, collection: Collection) -> None:
    """A rounded row may be a little longer than 1; and the opposite of a face is still a match at threshold 0."""
    worst = None
    for n in count():
        vector, scale = quantise(unit(n))
        if sum((x * scale) ** 2 for x in array("b", vector)) > 1.0005:
            worst = unit(n)
            break
    faces = StoredFaces(items).index(collection, picture(1), slots(1), lambda _: worst)
    opposite = array("f", (-x for x in worst))

    assert [match.cosine for match in searcher(items).nearest(collection, worst, limit=1, lowest_cosine=0.9)] == [1.0]
    found = searcher(items).nearest(collection, opposite, limit=1, lowest_cosine=-1.0)
    assert [(match.face, match.cosine) for match in found] == [(faces[0], -1.0)]


def test_threads_share_one_refresh_and_all_see_the_write(items: Items, collection: Collection) -> None:
    search = searcher(items)
    problems: list[object] = []

    def look(expected: set[str]) -> None:
        found = search.nearest(collection, unit(1), limit=1000, lowest_cosine=-1.0)
        if not expected <= set(names(found)):
            problems.append(found)

    acknowledged: set[str] = set()
    for n in range(15):
        acknowledged |= set(ids(index(items, collection, n, 2)))
        threads = [threading.Thread(target=look, args=(set(acknowledged),)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert problems == []


def test_a_write_during_a_refresh_is_not_missed_by_who_asks_after_it(items: Items, collection: Collection) -> None:
    """The first searcher stands still in the middle of its refresh, with an old head in hand."""
    index(items, collection, 0)
    late: list[str] = []
    shared = FaultyItems(items)
    search = searcher(shared)

    def write(step: int) -> None:
        if step == 2 and not late:
            late.extend(ids(index(items, collection, 1)))

    shared.before = write
    search.nearest(collection, unit(1), limit=1000, lowest_cosine=-1.0)

    assert set(late) <= set(names(search.nearest(collection, unit(1), limit=1000, lowest_cosine=-1.0)))


# What the index keeps in memory


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
    Upkeep(items, blobs, pause=no_pause).purge()
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
    cache = CollectionCache(items, MemoryBlobs(), pause=no_pause)
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
