"""Faces through their port: indexing and its repetition, and listings."""

from itertools import count
from uuid import UUID, uuid4

import pytest

from openrek.domain.collections import Collection
from openrek.domain.errors import InvalidImageFormat, ServiceQuotaExceeded
from openrek.store.collections.collections import StoredCollections
from openrek.store.faces.faces import StoredFaces
from openrek.store.items.port import Items
from tests.store.faults import FaultyItems
from tests.store.indexing import FACES, SMALL, faces_over, index, listed, seq
from tests.store.invariants import check_collection, marked_faces, owned_items, plan_items
from tests.store.synthetic import Embedder, ids, new_collection, picture, slots, vector_of

# Indexing


def test_index_returns_the_faces_in_the_order_found(items: Items, collection: Collection) -> None:
    of = picture(1, "Ada")
    found = slots(5)
    shuffled = [found[n] for n in (3, 0, 4, 1, 2)]

    faces = faces_over(items).index(collection, of, shuffled, Embedder(of))

    assert [face.box for face in faces] == [face.box for face in shuffled]
    assert [face.confidence for face in faces] == [face.confidence for face in shuffled]
    assert {face.image_id for face in faces} == {of.image_id}
    assert {face.external_image_id for face in faces} == {"Ada"}
    assert len({face.face_id for face in faces}) == 5
    assert all(face.face_id.version == 4 for face in faces)
    assert sorted(listed(items, collection), key=lambda face: face.box.left) == sorted(
        faces, key=lambda face: face.box.left
    )
    assert StoredCollections(items).require("people").face_count == 5
    check_collection(items, collection)


@pytest.mark.parametrize("per_commit", [97, SMALL], ids=["one commit", "a plan"])
def test_the_same_picture_returns_the_same_faces_and_embeds_nothing(
    items: Items, collection: Collection, per_commit: int
) -> None:
    of = picture(1, "Ada")
    first = index(items, collection, of, per_commit=per_commit)
    before = seq(items, collection)

    embedder = Embedder(of)
    again = faces_over(items, per_commit=per_commit).index(collection, of, slots(FACES), embedder)

    assert again == first
    assert embedder.asked == []
    assert seq(items, collection) == before
    assert plan_items(items, collection) == []
    check_collection(items, collection)


def test_a_box_that_moved_a_little_is_the_same_face(items: Items, collection: Collection) -> None:
    from dataclasses import replace

    of = picture(1)
    first = index(items, collection, of, 3)
    moved = [replace(face, box=replace(face.box, left=face.box.left + 0.01)) for face in slots(3)]

    assert faces_over(items).index(collection, of, moved, Embedder(of)) == first


@pytest.mark.parametrize("per_commit", [97, SMALL], ids=["one commit", "a plan"])
def test_a_repetition_adds_only_what_is_missing(items: Items, collection: Collection, per_commit: int) -> None:
    of = picture(1)
    first = index(items, collection, of, per_commit=per_commit)
    gone = [face.face_id for face in first[1:6]]
    faces_over(items).delete(collection, gone)

    embedder = Embedder(of)
    again = faces_over(items, per_commit=per_commit).index(collection, of, slots(FACES), embedder)

    assert [again[0], again[6]] == [first[0], first[6]]
    assert [face.box for face in again] == [face.box for face in first]
    assert len({face.face_id for face in (*again, *first)}) == 12, "an id is never given twice"
    assert set(embedder.asked) == set(slots(FACES)[1:6])
    assert len(listed(items, collection)) == 7
    check_collection(items, collection)


def test_another_max_faces(items: Items, collection: Collection) -> None:
    of = picture(1)
    two = index(items, collection, of, 2)
    five = index(items, collection, of, 5)
    one = index(items, collection, of, 1)

    assert list(five[:2]) == list(two)
    assert list(one) == list(two[:1])
    assert len(listed(items, collection)) == 5
    check_collection(items, collection)


def test_another_external_image_id_makes_other_faces(items: Items, collection: Collection) -> None:
    found = {external: index(items, collection, picture(1, external), 2) for external in (None, "a", "A", "b:c")}

    assert len({face for faces in found.values() for face in ids(faces)}) == 8
    assert len({face.image_id for faces in found.values() for face in faces}) == 1
    assert ids(index(items, collection, picture(1, "a"), 2)) == ids(found["a"])
    check_collection(items, collection)


@pytest.mark.parametrize("number", [97, 98, 100])
def test_as_many_faces_as_a_picture_may_have(items: Items, collection: Collection, number: int) -> None:
    of = picture(1, "x" * 255)
    found = slots(number)

    faces = StoredFaces(items).index(collection, of, found, Embedder(of))

    assert [face.box for face in faces] == [face.box for face in found]
    assert StoredFaces(items).index(collection, of, found, Embedder(of)) == faces
    assert plan_items(items, collection) == []
    check_collection(items, collection)
    deletion = StoredFaces(items).delete(collection, [face.face_id for face in faces])
    assert len(deletion.deleted) == number
    check_collection(items, collection)


def test_a_picture_without_faces_changes_nothing(items: Items, collection: Collection) -> None:
    assert index(items, collection, picture(1), 0) == []
    assert seq(items, collection) == 0


@pytest.mark.parametrize("per_commit", [97, SMALL], ids=["one commit", "a plan"])
def test_quota(items: Items, collection: Collection, per_commit: int) -> None:
    faces = faces_over(items, per_commit=per_commit, max_faces=10)
    index(items, collection, picture(0), 3)
    first = faces.index(collection, picture(1), slots(7), Embedder(picture(1)))

    with pytest.raises(ServiceQuotaExceeded):
        faces.index(collection, picture(2), slots(4), Embedder(picture(2)))
    assert faces.index(collection, picture(1), slots(7), Embedder(picture(1))) == first
    assert StoredCollections(items).require("people").face_count == 10
    assert marked_faces(items, collection) == []
    check_collection(items, collection)


def test_a_large_call_that_others_leave_no_room_for_leaves_nothing(items: Items, collection: Collection) -> None:
    """There was room when it began to write."""

    def fill(step: int) -> None:
        if marked_faces(items, collection) and not listed(items, collection):
            index(items, collection, picture(2), FACES)

    faulty = FaultyItems(items, before=fill)
    faces = faces_over(faulty, per_commit=SMALL, max_faces=FACES + 1)
    with pytest.raises(ServiceQuotaExceeded):
        faces.index(collection, picture(1), slots(FACES), Embedder(picture(1)))

    assert plan_items(items, collection) == marked_faces(items, collection) == []
    assert len(listed(items, collection)) == FACES
    check_collection(items, collection)


@pytest.mark.parametrize("per_commit", [97, SMALL], ids=["one commit", "a plan"])
def test_a_face_that_cannot_be_embedded_leaves_nothing(items: Items, collection: Collection, per_commit: int) -> None:
    def refuse(face: object) -> object:
        raise InvalidImageFormat

    for embed, error in (
        (refuse, InvalidImageFormat),
        (lambda _: vector_of(picture(1), slots(1)[0].box)[:64], ValueError),
    ):
        with pytest.raises(error):
            faces_over(items, per_commit=per_commit).index(collection, picture(1), slots(FACES), embed)  # type: ignore[arg-type]
    assert owned_items(items, collection) == 0


# Listing


def test_pages_hold_every_face_once_in_ascending_order(items: Items, collection: Collection) -> None:
    expected = sorted(face for n in range(5) for face in ids(index(items, collection, picture(n), 5)))

    seen: list[str] = []
    after = None
    while True:
        page = faces_over(items).page(collection, after, 4)
        seen += ids(page.rows)
        if not page.more:
            break
        assert len(page.rows) == 4
        after = page.rows[-1].face_id

    assert seen == expected
    assert seen == [str(UUID(face)) for face in seen]


def test_a_listing_is_stable_while_faces_come_and_go(items: Items, collection: Collection) -> None:
    stay = {face for n in range(4) for face in ids(index(items, collection, picture(n), 6))}

    seen: list[str] = []
    after = None
    for n in count(100):
        page = faces_over(items).page(collection, after, 3)
        seen += ids(page.rows)
        if not page.more:
            break
        after = page.rows[-1].face_id
        other = index(items, collection, picture(n), 2)
        faces_over(items).delete(collection, [other[0].face_id])

    assert len(seen) == len(set(seen))
    assert seen == sorted(seen)
    assert stay <= set(seen)


@pytest.mark.parametrize("step", range(12))
def test_a_page_never_mixes_two_moments(items: Items, collection: Collection, step: int) -> None:
    """A page that takes several queries; before one of them, others delete a face that was seen, and add some."""
    before = {face for n in range(4) for face in ids(index(items, collection, picture(n), 3))}
    states = [before]

    def commit(now: int) -> None:
        if now == step:
            gone = min(before)
            faces_over(items).delete(collection, [UUID(gone)])
            states.append(before - {gone})
            states.append(states[-1] | set(ids(index(items, collection, picture(9), 20))))

    page = faces_over(FaultyItems(items, before=commit, most_rows=2)).page(collection, None, 100)

    assert set(ids(page.rows)) in states


def test_a_listing_under_constant_writes_ends(items: Items, collection: Collection) -> None:
    before = set(ids(index(items, collection, picture(0), 10)))

    def commit(now: int) -> None:
        index(items, collection, picture(100 + now), 1)

    faulty = FaultyItems(items, before=commit, most_rows=2)
    page = faces_over(faulty).page(collection, None, 100)

    assert before <= set(ids(page.rows))
    assert faulty.steps < 150


def test_named_gives_those_that_exist_once_and_in_order(items: Items, collection: Collection) -> None:
    faces = [face for n in range(3) for face in index(items, collection, picture(n), 100)]
    other = index(items, new_collection(items, "others"), picture(9), 1)
    asked = [face.face_id for face in faces]
    asked = [*asked, *asked[:50], *(uuid4() for _ in range(500)), other[0].face_id]

    found = faces_over(items).named(collection, asked)

    assert ids(found) == sorted(ids(faces))
    assert set(found) == set(faces)
    assert faces_over(items).named(collection, []) == []
