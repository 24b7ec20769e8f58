"""Faces through their port: one fault at any step, doubts, and stores that never answer."""

import contextlib
from itertools import count

import pytest

from openrek.domain.collections import Collection
from openrek.domain.errors import InternalServerError, Throttling
from openrek.store.items.port import Delete, Items
from openrek.store.log.keys import head_key, log_key
from tests.store.faults import READ_FAULTS, Fault, FaultyItems, Wire, always, at, first
from tests.store.indexing import SMALL, faces_over, index, listed
from tests.store.invariants import check_collection
from tests.store.synthetic import picture


@pytest.mark.parametrize("fault", [Fault.CONTENDED, Fault.LOST, Fault.UNSAID, Fault.LATE])
@pytest.mark.parametrize("per_commit", [97, SMALL], ids=["one commit", "a plan"])
def test_one_fault_at_any_step_changes_no_result(
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
