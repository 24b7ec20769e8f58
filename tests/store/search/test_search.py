"""Search through its port: exact, and fresh across processes and threads."""

import threading
from array import array
from collections.abc import Sequence
from itertools import count
from uuid import UUID, uuid4

import numpy as np
import pytest

from openrek.domain.collections import Collection
from openrek.domain.errors import InvalidParameter
from openrek.domain.faces import Embedding, Face, FaceMatch
from openrek.store.faces.faces import StoredFaces
from openrek.store.items.port import Items
from openrek.store.log.quantisation import dequantise, quantise
from tests.store.faults import FaultyItems
from tests.store.search.pictures import index
from tests.store.synthetic import (
    ids,
    new_collection,
    picture,
    searcher,
    slots,
    unit,
    vector_of,
)


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
