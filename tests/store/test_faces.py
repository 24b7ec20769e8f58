"""Faces through their port: indexing and its repetition, plans, listings, deletions, and what a crash leaves."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from openrek.domain.collections import Collection
from openrek.domain.errors import (
    InternalServerError,
    InvalidImageFormat,
    InvalidParameter,
    ResourceNotFound,
    ServiceQuotaExceeded,
    Throttling,
)
from openrek.domain.faces import DetectedFace, Embedding, Face, FaceNotDeleted, Picture
from openrek.domain.models import SFACE
from openrek.store.collections import StoredCollections
from openrek.store.eraser import ABANDONED_AFTER_S, FORGOTTEN_AFTER_S, Eraser
from openrek.store.exporting import export
from openrek.store.faces import StoredFaces
from openrek.store.importing import import_archive
from openrek.store.items import Delete, Items
from openrek.store.table import head_key, log_key
from openrek.store.users import StoredUsers
from tests.store.faults import READ_FAULTS, Fault, FaultyItems, Killed, Wire, always, at, first
from tests.store.invariants import check_collection, marked_faces, owned_items, plan_items
from tests.store.memory_blobs import MemoryBlobs
from tests.store.synthetic import (
    Embedder,
    ids,
    new_collection,
    no_pause,
    now,
    open_items,
    picture,
    searcher,
    slots,
    vector_of,
)

NOW_S = 1_700_000_000.0
FACES, SMALL = 7, 3
"""A call of seven faces against three per commit: it needs a plan."""


@pytest.fixture
def items(tmp_path: Path) -> Iterator[Items]:
    opened = open_items(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def collection(items: Items) -> Collection:
    return new_collection(items)


def faces_over(items: Items, *, per_commit: int = 97, max_faces: int = 1_000_000) -> StoredFaces:
    return StoredFaces(items, max_faces=max_faces, faces_per_commit=per_commit, clock=lambda: NOW_S, pause=no_pause)


def index(
    items: Items, collection: Collection, of: Picture, number: int = FACES, *, per_commit: int = 97
) -> Sequence[Face]:
    return faces_over(items, per_commit=per_commit).index(collection, of, slots(number), Embedder(of))


def listed(items: Items, collection: Collection) -> Sequence[Face]:
    return faces_over(items).page(collection, None, 100_000).rows


def seq(items: Items, collection: Collection) -> int:
    return searcher(items).over._index.current(now(items, collection)).seq


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


# Deleting


def test_delete_says_what_it_deleted_in_the_callers_order(items: Items, collection: Collection) -> None:
    faces = index(items, collection, picture(1), 4)
    unknown = uuid4()
    asked = [faces[2].face_id, unknown, faces[0].face_id, faces[2].face_id]

    deletion = faces_over(items).delete(collection, asked)

    assert deletion.deleted == (faces[2].face_id, faces[0].face_id)
    assert deletion.left == (FaceNotDeleted(unknown, "FACE_NOT_FOUND"),)
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
    assert [face.face_id for face in deletion.left] == [face for face in asked if face not in set(faces)]
    assert plan_items(items, collection) == []
    check_collection(items, collection)


def test_ids_that_are_all_unknown_write_nothing(items: Items, collection: Collection) -> None:
    index(items, collection, picture(1), 2)
    before = seq(items, collection)

    deletion = faces_over(items).delete(collection, [uuid4() for _ in range(300)])

    assert deletion.deleted == ()
    assert len(deletion.left) == 300
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

    Eraser(items, MemoryBlobs(), clock=lambda: NOW_S).sweep()
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
                Eraser(items, MemoryBlobs()).sweep()

        faulty = FaultyItems(items, before=others)
        with contextlib.suppress(ResourceNotFound):
            index(faulty, doomed, picture(1), per_commit=per_commit)
        for fresh in again:
            assert StoredCollections(items).require("people") == fresh
            Eraser(items, MemoryBlobs()).sweep()
            assert owned_items(items, doomed) == 0
            assert listed(items, fresh) == ()
            check_collection(items, fresh)
        if faulty.steps <= step:
            break
    assert step > 3


# Faults and crashes


@pytest.mark.parametrize("fault", [Fault.CONTENDED, Fault.LOST, Fault.UNSAID, Fault.LATE])
@pytest.mark.parametrize("per_commit", [97, SMALL], ids=["one commit", "a plan"])
def test_one_fault_at_any_step_changes_no_answer(
    items: Items, collection: Collection, fault: Fault, per_commit: int
) -> None:
    of = (picture(n) for n in count())
    for step in count():
        wire = Wire(items)
        mine = next(of)
        faulty = FaultyItems(items, at(step, fault), wire=wire)
        faces = index(faulty, collection, mine, per_commit=per_commit)
        wire.deliver_all()
        assert index(items, collection, mine) == faces
        taken = faulty.steps

        faulty = FaultyItems(items, at(step, fault), wire=wire)
        asked = [face.face_id for face in faces]
        deletion = faces_over(faulty, per_commit=per_commit).delete(collection, asked)
        assert deletion.deleted == tuple(asked)
        wire.deliver_all()
        check_collection(items, collection)
        if step > max(taken, faulty.steps):
            break
    assert step > (10 if per_commit == SMALL else 3)


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.UNSAID, Fault.LATE])
@pytest.mark.parametrize("per_commit", [97, SMALL], ids=["one commit", "a plan"])
def test_a_doubt_is_settled_by_reading_although_others_commit_meanwhile(
    items: Items, collection: Collection, fault: Fault, per_commit: int
) -> None:
    """Nobody says what became of a transaction, and before it is sent again, another client takes its place."""
    for step in count():
        of, wire = picture(step), Wire(items)

        def commit(now: int, when: int = step) -> None:
            if now == when + 1:
                index(items, collection, picture(1000 + when), 2)

        faulty = FaultyItems(items, at(step, fault), wire=wire, before=commit)
        faces = index(faulty, collection, of, per_commit=per_commit)
        stored = {face for face in listed(items, collection) if face.image_id == of.image_id}
        assert stored == set(faces)
        wire.deliver_all()
        check_collection(items, collection)

        ran = faulty.steps
        faulty = FaultyItems(items, at(step, fault), wire=wire, before=commit)
        asked = [face.face_id for face in faces]
        assert faces_over(faulty, per_commit=per_commit).delete(collection, asked).deleted == tuple(asked)
        assert not [face for face in listed(items, collection) if face.image_id == of.image_id]
        wire.deliver_all()
        check_collection(items, collection)
        if step > max(ran, faulty.steps):
            break
    assert step > (10 if per_commit == SMALL else 3)


def test_a_late_commit_whose_log_entry_was_trimmed_meanwhile_does_not_land(
    items: Items, collection: Collection
) -> None:
    """Only the head tells then that its moment has passed."""
    wire = Wire(items)
    index(FaultyItems(items, at(3, Fault.LATE), wire=wire), collection, picture(0), 1)
    assert len(wire) == 1
    faces_over(items).delete(collection, [face.face_id for face in index(items, collection, picture(0), 1)])
    head = items.get(head_key("people"))
    items.transact([Delete(log_key(collection.uid, seq)) for seq in range(1, 3)])

    wire.deliver_all()

    assert items.get(head_key("people")) == head
    assert listed(items, collection) == ()


@pytest.mark.parametrize(
    ("fault", "refusal"), [(Fault.CONTENDED, Throttling), (Fault.LOST, InternalServerError)], ids=["busy", "silent"]
)
@pytest.mark.parametrize("per_commit", [97, SMALL], ids=["one commit", "a plan"])
def test_a_store_that_never_answers_ends_the_call(
    items: Items, collection: Collection, fault: Fault, refusal: type[Exception], per_commit: int
) -> None:
    faces = index(items, collection, picture(1))
    faulty = FaultyItems(items, always(fault))

    with pytest.raises(refusal):
        index(faulty, collection, picture(2), per_commit=per_commit)
    with pytest.raises(refusal):
        faces_over(faulty, per_commit=per_commit).delete(collection, [face.face_id for face in faces])

    assert faulty.steps < 60
    assert set(listed(items, collection)) == set(faces)
    check_collection(items, collection)


@pytest.mark.parametrize("fault", READ_FAULTS, ids=["busy", "silent"])
@pytest.mark.parametrize("per_commit", [97, SMALL], ids=["one commit", "a plan"])
def test_what_may_have_been_written_is_never_told_as_refused(
    items: Items, collection: Collection, fault: Fault, per_commit: int
) -> None:
    """Nobody says what became of a transaction, and then nothing can be read."""
    doubts = 0
    for step in count():
        faulty = FaultyItems(items, first(Fault.UNSAID, step, fault))
        of, busy = picture(step), False
        try:
            index(faulty, collection, of, per_commit=per_commit)
        except InternalServerError:
            doubts += 1
        except Throttling:
            busy = True
        assert not busy or of.image_id not in {face.image_id for face in listed(items, collection)}
        ran = faulty.steps
        gone = [face.face_id for face in index(items, collection, of, per_commit=per_commit)[:SMALL]]
        faulty.steps = 0
        with contextlib.suppress(InternalServerError):
            try:
                faces_over(faulty, per_commit=per_commit).delete(collection, gone)
            except Throttling:
                assert faces_over(items).delete(collection, gone).deleted == tuple(gone)
        check_collection(items, collection)
        if step > max(ran, faulty.steps):
            break
    assert doubts


def crash_points(items: Items, run: Callable[[Items], object]) -> Iterator[tuple[int, bool]]:
    """Runs it again and again, killed before and after each step; yields what was tried and whether it was killed."""
    for step in count():
        for fault in (Fault.KILLED_BEFORE, Fault.KILLED_AFTER):
            faulty = FaultyItems(items, at(step, fault))
            try:
                run(faulty)
            except Killed:
                yield step, True
            else:
                yield step, False
                return


@pytest.mark.parametrize(
    ("number", "per_commit"), [(3, 97), (FACES, SMALL), (100, 97)], ids=["one commit", "a plan", "100"]
)
def test_an_unfinished_call_is_invisible_and_its_retry_completes_it(
    items: Items, collection: Collection, number: int, per_commit: int
) -> None:
    """Killed at each step in turn. Another client then sees all of it or nothing, by every way of looking."""
    pictures = (picture(n) for n in count())
    of = next(pictures)
    outcomes = set()
    for _, killed in crash_points(items, lambda over: index(over, collection, of, number, per_commit=per_commit)):  # noqa: B023
        check_collection(items, collection)
        faces = faces_over(items)
        known = {face.face_id for face in listed(items, collection) if face.image_id == of.image_id}
        assert len(known) in (0, number)
        pending = {UUID(item.key.sort) for item in marked_faces(items, collection)} - known
        planned = [UUID(bytes=face) for plan in plan_items(items, collection) for face in plan.attributes["faces"]]
        outcomes.add((len(known), len(pending)))

        assert {face.face_id for face in faces.named(collection, sorted(pending | known))} == known
        assert faces.delete(collection, sorted(pending)).deleted == ()
        assert StoredCollections(items).require(collection.collection_id).face_count == len(listed(items, collection))
        probe = vector_of(of, slots(1)[0].box)
        matches = searcher(items).nearest(collection, probe, limit=number, lowest_cosine=0.9)
        assert len(matches) == (1 if known else 0)
        for face_id in sorted(pending)[:2]:
            with pytest.raises(InvalidParameter):
                searcher(items).nearest_to_face(collection, face_id, limit=5, lowest_cosine=-1)

        again = index(items, collection, of, number, per_commit=per_commit)
        if known:
            assert {face.face_id for face in again} == known
        elif planned:
            assert [face.face_id for face in again] == planned, "the retry resumes the plan"
        Eraser(items, MemoryBlobs(), clock=lambda: NOW_S).sweep()  # a finished plan is settled at once
        assert marked_faces(items, collection) == []
        check_collection(items, collection)
        if killed:
            of = next(pictures)
            collection = new_collection(items, f"people {of.image_id}")
    assert {known for known, _ in outcomes} == {0, number}
    assert per_commit != SMALL or any(pending for _, pending in outcomes)


def abandon(items: Items, collection: Collection, of: Picture) -> None:
    """A call that is killed when its faces are staged and not yet visible."""

    def kill(step: int) -> None:
        if step and marked_faces(items, collection):
            raise Killed

    with pytest.raises(Killed):
        index(FaultyItems(items, before=kill), collection, of, per_commit=SMALL)


@pytest.mark.parametrize("by", ["sweep", "a retry of something else", "deletion of the collection"])
def test_an_abandoned_call_is_erased(items: Items, collection: Collection, by: str) -> None:
    of = picture(1)
    seen_pending = 0
    for step, killed in crash_points(items, lambda over: index(over, collection, of, per_commit=SMALL)):  # noqa: B023
        seen_pending += len(marked_faces(items, collection))
        if by == "sweep":
            assert Eraser(items, MemoryBlobs(), clock=lambda: NOW_S + ABANDONED_AFTER_S - 1).sweep() >= 0
            Eraser(items, MemoryBlobs(), clock=lambda: NOW_S + ABANDONED_AFTER_S + 1).sweep()
        elif by == "a retry of something else":
            index(items, collection, of, 2, per_commit=SMALL)
            Eraser(items, MemoryBlobs(), clock=lambda: NOW_S + ABANDONED_AFTER_S + 1).sweep()
        else:
            StoredCollections(items).delete("people")
            Eraser(items, MemoryBlobs(), clock=lambda: NOW_S).sweep()
            assert owned_items(items, collection) == 0
            collection = new_collection(items)
        assert plan_items(items, collection) == []
        assert marked_faces(items, collection) == []
        check_collection(items, collection)
        assert len(listed(items, collection)) in (0, 2, FACES)
        if listed(items, collection):
            assert len(index(items, collection, of, per_commit=SMALL)) == FACES
            faces_over(items).delete(collection, [face.face_id for face in listed(items, collection)])
        assert killed or step > 5
    assert seen_pending > 0


def test_a_plan_swept_away_in_the_middle_of_its_call_is_made_anew(items: Items, collection: Collection) -> None:
    """The client is suspended for more than an hour at each step in turn."""
    for step in count():
        of = picture(step)

        def sweep(now: int, when: int = step) -> None:
            if now == when:
                Eraser(items, MemoryBlobs(), clock=lambda: NOW_S + ABANDONED_AFTER_S + 1).sweep()

        faulty = FaultyItems(items, before=sweep)
        faces = index(faulty, collection, of, per_commit=SMALL)
        assert len(faces) == FACES
        assert index(items, collection, of) == faces
        check_collection(items, collection)
        assert plan_items(items, collection) == []
        if faulty.steps <= step:
            break
    assert step > 8


def test_a_plan_half_swept_away_in_the_middle_of_its_call_is_made_anew(items: Items, collection: Collection) -> None:
    """The sweep dies just after it has marked the plan as abandoned, at each step of the call in turn."""

    def die(_: int) -> None:
        if any(plan.attributes["state"] == "abandoned" for plan in plan_items(items, collection)):
            raise Killed

    for step in count():
        of = picture(step)

        def sweep(now: int, when: int = step) -> None:
            if now == when:
                with contextlib.suppress(Killed):
                    dying = FaultyItems(items, before=die)
                    Eraser(dying, MemoryBlobs(), clock=lambda: NOW_S + ABANDONED_AFTER_S + 1).sweep()

        faulty = FaultyItems(items, before=sweep)
        assert len(index(faulty, collection, of, per_commit=SMALL)) == FACES
        check_collection(items, collection)
        if faulty.steps <= step:
            break
    assert step > 8


@pytest.mark.parametrize("step", range(4, 11))
@pytest.mark.parametrize("erased", range(1, 10))
def test_a_call_overtaken_by_the_eraser_leaves_nothing_behind(
    items: Items, collection: Collection, erased: int, step: int
) -> None:
    """The collection is deleted before a step of the call, which then goes on while the eraser is half through."""
    halfway, go_on = threading.Event(), threading.Event()

    def wait(now: int) -> None:
        if now == erased:
            halfway.set()
            go_on.wait(20)

    def sweep() -> None:
        over = FaultyItems(items, before=wait)
        Eraser(over, MemoryBlobs(), clock=lambda: time.time() + FORGOTTEN_AFTER_S + 1, pause=no_pause).sweep()
        halfway.set()

    eraser = threading.Thread(target=sweep)

    def overtake(now: int) -> None:
        if now == step:
            StoredCollections(items).delete("people")
            eraser.start()
            halfway.wait(20)

    with pytest.raises(ResourceNotFound):
        index(FaultyItems(items, before=overtake), collection, picture(1), per_commit=SMALL)
    go_on.set()
    eraser.join(20)

    assert not eraser.is_alive()
    assert owned_items(items, collection) == 0


def test_a_sweep_killed_at_any_step_leaves_a_plan_that_can_be_retried(items: Items, collection: Collection) -> None:
    abandon(items, collection, picture(0))
    for _, _killed in crash_points(
        items, lambda over: Eraser(over, MemoryBlobs(), clock=lambda: NOW_S + ABANDONED_AFTER_S + 1).sweep()
    ):
        check_collection(items, collection)
        faces = index(items, collection, picture(0), per_commit=SMALL)
        assert len(listed(items, collection)) == FACES
        faces_over(items).delete(collection, [face.face_id for face in faces])
        abandon(items, collection, picture(0))


@pytest.mark.parametrize("also", [FACES, 4, 2], ids=["the same call", "part of it, planned", "part of it"])
def test_two_calls_for_one_picture_at_once(items: Items, collection: Collection, also: int) -> None:
    """The second runs whole while the first is suspended, at each step in turn: one face is never stored twice."""
    for step in count():
        of = picture(step)
        others: list[Sequence[Face]] = []

        def second(now: int, when: int = step, mine: Picture = of, got: list[Sequence[Face]] = others) -> None:
            if now == when:
                got.append(index(items, collection, mine, also, per_commit=SMALL))

        faulty = FaultyItems(items, before=second)
        first = index(faulty, collection, of, per_commit=SMALL)
        for got in others:
            assert list(got) == list(first[:also])
        assert len([face for face in listed(items, collection) if face.image_id == of.image_id]) == FACES
        check_collection(items, collection)
        Eraser(items, MemoryBlobs(), clock=lambda: NOW_S + ABANDONED_AFTER_S + 1).sweep()
        assert plan_items(items, collection) == []
        check_collection(items, collection)
        if not others:
            break
    assert step > 8


def test_faces_deleted_as_soon_as_they_are_seen_stay_deleted(items: Items, collection: Collection) -> None:
    """Another client deletes what it sees of a larger call, at each step of that call in turn."""
    deleted = 0
    for step in count():
        seen: list[UUID] = []

        def delete(now: int, when: int = step, gone: list[UUID] = seen) -> None:
            if now == when:
                gone.extend(face.face_id for face in listed(items, collection))
                faces_over(items).delete(collection, gone)

        faulty = FaultyItems(items, before=delete)
        faces = index(faulty, collection, picture(0), per_commit=SMALL)
        left = listed(items, collection)
        assert {face.face_id for face in left} == {face.face_id for face in faces} - set(seen)
        check_collection(items, collection)
        faces_over(items).delete(collection, [face.face_id for face in left])
        deleted += len(seen)
        if faulty.steps <= step:
            break
    assert deleted >= FACES


@pytest.mark.parametrize("per_commit", [97, 1], ids=["one commit", "a plan"])
def test_a_face_deleted_in_the_middle_of_a_repetition(items: Items, collection: Collection, per_commit: int) -> None:
    for step in count():
        of = picture(step)
        kept = index(items, collection, of, 5)

        def delete(now: int, when: int = step, gone: UUID = kept[0].face_id) -> None:
            if now == when:
                faces_over(items).delete(collection, [gone])

        faulty = FaultyItems(items, before=delete)
        faces = index(faulty, collection, of, FACES, per_commit=per_commit)
        assert len(faces) == FACES
        assert list(faces[1:5]) == list(kept[1:])
        check_collection(items, collection)
        if faulty.steps <= step:
            break
    assert step > (10 if per_commit == 1 else 3)


@pytest.mark.parametrize("step", range(1, 4))
def test_nobody_waits_while_a_face_is_embedded(items: Items, collection: Collection, step: int) -> None:
    """Even if faces turn out to be missing late: embedding one, another call of the same process can commit."""
    of = picture(0)
    kept = index(items, collection, of, 3)
    gone = [face.face_id for face in kept]
    faulty = FaultyItems(items, before=lambda now: now == step and faces_over(items).delete(collection, gone) and None)
    over = faces_over(faulty)

    def embed(face: DetectedFace) -> Embedding:
        other = picture(100 + round(face.box.left * 10))
        over.index(collection, other, slots(1), Embedder(other))
        return vector_of(of, face.box)

    assert len(over.index(collection, of, slots(3), embed)) == 3
    check_collection(items, collection)


def test_a_deletion_killed_in_the_middle_answers_for_both_when_retried(items: Items, collection: Collection) -> None:
    unknown = uuid4()
    for n in count():
        of = picture(n)
        faces = [face.face_id for face in index(items, collection, of, 10)]
        asked = [*faces[:5], unknown, *faces[5:]]
        faulty = FaultyItems(items, at(n // 2, Fault.KILLED_BEFORE if n % 2 else Fault.KILLED_AFTER))
        try:
            deletion = faces_over(faulty, per_commit=SMALL).delete(collection, asked)
        except Killed:
            left = [face.face_id for face in listed(items, collection)]
            assert len(left) in (0, 1, 2, 5, 7, 8, 10), "chunks of three ids are deleted whole"
            check_collection(items, collection)
            deletion = faces_over(items, per_commit=SMALL).delete(collection, asked)
            done = not left
            if done:  # the last chunk took the record with it: nothing is known of the first attempt
                assert deletion.deleted in ((), tuple(faces))
            else:
                assert deletion.deleted == tuple(faces)
            assert plan_items(items, collection) == []
            check_collection(items, collection)
        else:
            assert deletion.deleted == tuple(faces)
            break
        assert listed(items, collection) == ()
    assert n > 10


@pytest.mark.parametrize("begun", [False, True])
def test_a_deletion_that_is_refused_tells_whether_it_has_begun(
    items: Items, collection: Collection, begun: bool
) -> None:
    faces = [face.face_id for face in index(items, collection, picture(1), 10)]
    busy = FaultyItems(items)
    busy.choose = lambda _: Fault.CONTENDED if len(listed(items, collection)) < 10 or not begun else Fault.NONE
    with pytest.raises(Throttling) as told:
        faces_over(busy, per_commit=SMALL).delete(collection, faces)

    assert len(listed(items, collection)) == (7 if begun else 10)
    assert told.value.reason is not None
    assert ("nothing was written" in told.value.reason) == (not begun)
    assert ("repeat the call to finish it" in told.value.reason) == begun
    check_collection(items, collection)


def test_a_repeated_deletion_deletes_what_an_import_brought_back(items: Items, collection: Collection) -> None:
    """Or tells why not, but not that it is gone."""
    faces = [face.face_id for face in index(items, collection, picture(1), 10)]
    archive = export(items, collection.collection_id)
    with pytest.raises(Killed):
        faces_over(FaultyItems(items, at(6, Fault.KILLED_BEFORE)), per_commit=SMALL).delete(collection, faces)
    assert len(listed(items, collection)) == 7
    import_archive(items, archive, collection.collection_id)
    users = StoredUsers(items, pause=no_pause)
    users.create(collection, "ann", None)
    users.associate(collection, "ann", faces[:1], lowest_cosine=-1.0, once=None)

    deletion = faces_over(items, per_commit=SMALL).delete(collection, faces)

    assert deletion.deleted == tuple(faces[1:])
    assert deletion.left == (FaceNotDeleted(faces[0], "ASSOCIATED_TO_AN_EXISTING_USER", "ann"),)
    assert [face.face_id for face in listed(items, collection)] == faces[:1]
    assert plan_items(items, collection) == []
    check_collection(items, collection)


def test_the_progress_of_an_abandoned_deletion_is_erased(items: Items, collection: Collection) -> None:
    faces = [face.face_id for face in index(items, collection, picture(1), 10)]
    with pytest.raises(Killed):
        faces_over(FaultyItems(items, at(6, Fault.KILLED_BEFORE)), per_commit=SMALL).delete(collection, faces)
    assert len(plan_items(items, collection)) == 1

    Eraser(items, MemoryBlobs(), clock=lambda: NOW_S + ABANDONED_AFTER_S - 1).sweep()
    assert len(plan_items(items, collection)) == 1
    Eraser(items, MemoryBlobs(), clock=lambda: NOW_S + ABANDONED_AFTER_S + 1).sweep()

    assert plan_items(items, collection) == []
    check_collection(items, collection)


def test_what_a_plan_stored_first_is_what_it_logs(items: Items, collection: Collection) -> None:
    """A retry whose model computes a little otherwise must not leave two vectors for one face."""
    of = picture(1)
    abandon(items, collection, of)

    faces_over(items, per_commit=SMALL).index(collection, of, slots(FACES), Embedder(picture(2)))

    check_collection(items, collection)
