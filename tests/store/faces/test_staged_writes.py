"""Faces through their port: calls that are killed, overtaken, swept away or made twice, and their retries."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from uuid import UUID, uuid4

import pytest

from openrek.domain.collections import Collection
from openrek.domain.errors import InvalidParameter, ResourceNotFound, Throttling
from openrek.domain.faces import DetectedFace, Embedding, Face, FaceNotDeleted, Picture
from openrek.store.collections.collections import StoredCollections
from openrek.store.items.port import Items
from openrek.store.transfer.export import export
from openrek.store.transfer.import_faces import import_archive
from openrek.store.upkeep.orphan_sweep import ABANDONED_AFTER_S, FORGOTTEN_AFTER_S, OrphanSweep
from openrek.store.users.users import StoredUsers
from tests.store.faults import Fault, FaultyItems, Killed, at
from tests.store.indexing import FACES, NOW_S, SMALL, faces_over, index, listed
from tests.store.invariants import check_collection, marked_faces, owned_items, plan_items
from tests.store.memory_blobs import MemoryBlobs
from tests.store.synthetic import Embedder, new_collection, picture, searcher, slots, vector_of
from tests.support.clocks import FakeClock


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
        OrphanSweep(items, MemoryBlobs(), clock=FakeClock(NOW_S)).sweep()  # a finished plan is settled at once
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
            assert OrphanSweep(items, MemoryBlobs(), clock=FakeClock(NOW_S + ABANDONED_AFTER_S - 1)).sweep() >= 0
            OrphanSweep(items, MemoryBlobs(), clock=FakeClock(NOW_S + ABANDONED_AFTER_S + 1)).sweep()
        elif by == "a retry of something else":
            index(items, collection, of, 2, per_commit=SMALL)
            OrphanSweep(items, MemoryBlobs(), clock=FakeClock(NOW_S + ABANDONED_AFTER_S + 1)).sweep()
        else:
            StoredCollections(items).delete("people")
            OrphanSweep(items, MemoryBlobs(), clock=FakeClock(NOW_S)).sweep()
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
                OrphanSweep(items, MemoryBlobs(), clock=FakeClock(NOW_S + ABANDONED_AFTER_S + 1)).sweep()

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
                    OrphanSweep(dying, MemoryBlobs(), clock=FakeClock(NOW_S + ABANDONED_AFTER_S + 1)).sweep()

        faulty = FaultyItems(items, before=sweep)
        assert len(index(faulty, collection, of, per_commit=SMALL)) == FACES
        check_collection(items, collection)
        if faulty.steps <= step:
            break
    assert step > 8


@pytest.mark.parametrize("step", range(4, 11))
@pytest.mark.parametrize("erased", range(1, 10))
def test_a_call_overtaken_by_the_sweep_leaves_nothing_behind(
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
        OrphanSweep(over, MemoryBlobs(), clock=FakeClock(time.time() + FORGOTTEN_AFTER_S + 1)).sweep()
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
        items, lambda over: OrphanSweep(over, MemoryBlobs(), clock=FakeClock(NOW_S + ABANDONED_AFTER_S + 1)).sweep()
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
        OrphanSweep(items, MemoryBlobs(), clock=FakeClock(NOW_S + ABANDONED_AFTER_S + 1)).sweep()
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


def test_a_deletion_killed_in_the_middle_returns_both_parts_when_retried(items: Items, collection: Collection) -> None:
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
    with pytest.raises(Throttling) as raised:
        faces_over(busy, per_commit=SMALL).delete(collection, faces)

    assert len(listed(items, collection)) == (7 if begun else 10)
    assert raised.value.reason is not None
    assert ("nothing was written" in raised.value.reason) == (not begun)
    assert ("repeat the call to finish it" in raised.value.reason) == begun
    check_collection(items, collection)


def test_a_repeated_deletion_deletes_what_an_import_brought_back(items: Items, collection: Collection) -> None:
    """Or tells why not, but not that it is gone."""
    faces = [face.face_id for face in index(items, collection, picture(1), 10)]
    archive = export(items, collection.collection_id)
    with pytest.raises(Killed):
        faces_over(FaultyItems(items, at(6, Fault.KILLED_BEFORE)), per_commit=SMALL).delete(collection, faces)
    assert len(listed(items, collection)) == 7
    import_archive(items, archive, collection.collection_id)
    users = StoredUsers(items, clock=FakeClock())
    users.create(collection, "ann", None)
    users.associate(collection, "ann", faces[:1], lowest_cosine=-1.0, idempotency_token=None)

    deletion = faces_over(items, per_commit=SMALL).delete(collection, faces)

    assert deletion.deleted == tuple(faces[1:])
    assert deletion.skipped == (FaceNotDeleted(faces[0], "ASSOCIATED_TO_AN_EXISTING_USER", "ann"),)
    assert [face.face_id for face in listed(items, collection)] == faces[:1]
    assert plan_items(items, collection) == []
    check_collection(items, collection)


def test_the_progress_of_an_abandoned_deletion_is_erased(items: Items, collection: Collection) -> None:
    faces = [face.face_id for face in index(items, collection, picture(1), 10)]
    with pytest.raises(Killed):
        faces_over(FaultyItems(items, at(6, Fault.KILLED_BEFORE)), per_commit=SMALL).delete(collection, faces)
    assert len(plan_items(items, collection)) == 1

    OrphanSweep(items, MemoryBlobs(), clock=FakeClock(NOW_S + ABANDONED_AFTER_S - 1)).sweep()
    assert len(plan_items(items, collection)) == 1
    OrphanSweep(items, MemoryBlobs(), clock=FakeClock(NOW_S + ABANDONED_AFTER_S + 1)).sweep()

    assert plan_items(items, collection) == []
    check_collection(items, collection)


def test_what_a_plan_stored_first_is_what_it_logs(items: Items, collection: Collection) -> None:
    """A retry whose model computes a little otherwise must not leave two vectors for one face."""
    of = picture(1)
    abandon(items, collection, of)

    faces_over(items, per_commit=SMALL).index(collection, of, slots(FACES), Embedder(picture(2)))

    check_collection(items, collection)
