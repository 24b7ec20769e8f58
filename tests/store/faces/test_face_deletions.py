"""Faces through their port: deletions, and a collection that is gone."""

import contextlib
from collections.abc import Callable
from itertools import count
from uuid import uuid4

import pytest

from openrek.domain.collections import Collection
from openrek.domain.errors import ResourceNotFound
from openrek.domain.faces import FaceNotDeleted
from openrek.domain.models import SFACE
from openrek.store.collections.collections import StoredCollections
from openrek.store.items.port import Items
from openrek.store.upkeep.orphan_sweep import OrphanSweep
from tests.store.faults import FaultyItems
from tests.store.indexing import FACES, NOW_S, SMALL, faces_over, index, listed, seq
from tests.store.invariants import check_collection, owned_items, plan_items
from tests.store.memory_blobs import MemoryBlobs
from tests.store.synthetic import Embedder, ids, new_collection, picture, searcher, slots, vector_of
from tests.support.clocks import FakeClock

# Deleting


def test_delete_says_what_it_deleted_in_the_callers_order(items: Items, collection: Collection) -> None:
    faces = index(items, collection, picture(1), 4)
    unknown = uuid4()
    asked = [faces[2].face_id, unknown, faces[0].face_id, faces[2].face_id]

    deletion = faces_over(items).delete(collection, asked)

    assert deletion.deleted == (faces[2].face_id, faces[0].face_id)
    assert deletion.skipped == (FaceNotDeleted(unknown, "FACE_NOT_FOUND"),)
    assert {face.face_id for face in listed(items, collection)} == {faces[1].face_id, faces[3].face_id}
    assert faces_over(items).delete(collection, asked).deleted == ()
    assert StoredCollections(items).require("people").face_count == 2
    check_collection(items, collection)


def test_the_record_of_a_picture_goes_with_its_last_face(items: Items, collection: Collection) -> None:
    faces = index(items, collection, picture(1), 2)
    faces_over(items).delete(collection, [faces[0].face_id])
    assert owned_items(items, collection) == 2 + 1 + 1  # two log entries, a face, its picture's record
    faces_over(items).delete(collection, [faces[1].face_id])

    assert owned_items(items, collection) == 3
    check_collection(items, collection)


def test_4096_ids_at_once(items: Items, collection: Collection) -> None:
    faces = [face.face_id for n in range(10) for face in index(items, collection, picture(n), 97)]
    asked = [face for pair in zip(faces, (uuid4() for _ in faces), strict=True) for face in pair]
    asked += [uuid4() for _ in range(4096 - len(asked))]

    deletion = faces_over(items).delete(collection, asked)

    assert deletion.deleted == tuple(faces)
    assert [face.face_id for face in deletion.skipped] == [face for face in asked if face not in set(faces)]
    assert plan_items(items, collection) == []
    check_collection(items, collection)


def test_ids_that_are_all_unknown_write_nothing(items: Items, collection: Collection) -> None:
    index(items, collection, picture(1), 2)
    before = seq(items, collection)

    deletion = faces_over(items).delete(collection, [uuid4() for _ in range(300)])

    assert deletion.deleted == ()
    assert len(deletion.skipped) == 300
    assert seq(items, collection) == before
    assert plan_items(items, collection) == []


def test_a_face_of_another_collection_is_not_found(items: Items, collection: Collection) -> None:
    other = new_collection(items, "others")
    face = index(items, other, picture(1), 1)[0]

    assert faces_over(items).delete(collection, [face.face_id]).deleted == ()
    assert ids(listed(items, other)) == [str(face.face_id)]


# A collection that is gone


@pytest.mark.parametrize("again", [False, True], ids=["deleted", "re-created"])
@pytest.mark.parametrize("per_commit", [97, SMALL], ids=["one commit", "a plan"])
def test_a_deleted_collection_refuses_everything(
    items: Items, collection: Collection, again: bool, per_commit: int
) -> None:
    faces = index(items, collection, picture(1))
    StoredCollections(items).delete("people")
    fresh = StoredCollections(items).create("people", SFACE, {}) if again else None
    over = faces_over(items, per_commit=per_commit)
    calls: list[Callable[[], object]] = [
        lambda: over.index(collection, picture(1), slots(FACES), Embedder(picture(1))),
        lambda: over.index(collection, picture(2), slots(FACES), Embedder(picture(2))),
        lambda: over.page(collection, None, 10),
        lambda: over.named(collection, [faces[0].face_id]),
        lambda: over.delete(collection, [face.face_id for face in faces]),
        lambda: searcher(items).nearest(collection, vector_of(picture(1), slots(1)[0].box), limit=5, lowest_cosine=-1),
        lambda: searcher(items).nearest_to_face(collection, faces[0].face_id, limit=5, lowest_cosine=-1),
    ]
    for call in calls:
        with pytest.raises(ResourceNotFound, match="The collection id: people does not exist"):
            call()

    OrphanSweep(items, MemoryBlobs(), clock=FakeClock(NOW_S)).sweep()
    assert owned_items(items, collection) == 0
    if fresh is not None:
        assert listed(items, fresh) == ()
        assert over.delete(fresh, [faces[0].face_id]).deleted == ()
        check_collection(items, fresh)


@pytest.mark.parametrize("per_commit", [97, SMALL], ids=["one commit", "a plan"])
def test_a_collection_deleted_and_made_again_in_the_middle_of_a_call(
    items: Items, collection: Collection, per_commit: int
) -> None:
    for step in count():
        StoredCollections(items).delete("people")
        doomed = StoredCollections(items).create("people", SFACE, {})

        again: list[Collection] = []

        def others(now: int, when: int = step, made: list[Collection] = again) -> None:
            if now == when:
                StoredCollections(items).delete("people")
                made.append(StoredCollections(items).create("people", SFACE, {}))
                OrphanSweep(items, MemoryBlobs()).sweep()

        faulty = FaultyItems(items, before=others)
        with contextlib.suppress(ResourceNotFound):
            index(faulty, doomed, picture(1), per_commit=per_commit)
        for fresh in again:
            assert StoredCollections(items).require("people") == fresh
            OrphanSweep(items, MemoryBlobs()).sweep()
            assert owned_items(items, doomed) == 0
            assert listed(items, fresh) == ()
            check_collection(items, fresh)
        if faulty.steps <= step:
            break
    assert step > 3
