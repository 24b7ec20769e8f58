"""Erasures that are interrupted, refused or not answered: whoever takes them up again tells everything."""

import contextlib
from itertools import count
from pathlib import Path

import pytest

from openrek.domain.errors import InternalServerError, ResourceNotFound, Throttling
from openrek.domain.users import Erased
from openrek.store.erasure.erasure import StoredErasure
from openrek.store.integrity.verify import verify
from openrek.store.upkeep.orphan_sweep import ABANDONED_AFTER_S, OrphanSweep
from tests.store.erasure.people_to_erase import ERASURES, erased, ids, scene
from tests.store.faults import Fault, FaultyItems, Killed, always, at
from tests.store.invariants import plan_items
from tests.store.memory_blobs import MemoryBlobs
from tests.store.people import NOW_S, People, sound
from tests.store.synthetic import new_collection
from tests.store.tables import open_fast
from tests.support.clocks import FakeClock


@pytest.mark.parametrize("fault", [Fault.KILLED_BEFORE, Fault.KILLED_AFTER, Fault.UNSAID])
@pytest.mark.parametrize("what", ERASURES)
def test_an_erasure_that_is_interrupted_is_taken_up_again_and_tells_everything(
    tmp_path: Path, what: str, fault: Fault
) -> None:
    erase, users, which = ERASURES[what]
    for step in range(200):
        folder = tmp_path / str(step)
        folder.mkdir()
        items = open_fast(folder)
        people = People(items, MemoryBlobs(), new_collection(items))
        faces = scene(people)
        expected = Erased(ids(*faces[which]), users)
        faulty = FaultyItems(items, at(step, fault))
        unlucky = StoredErasure(faulty, faces_per_commit=3, clock=FakeClock(NOW_S))
        with contextlib.suppress(Killed):
            assert erase(unlucky, people) == expected
            if step >= faulty.steps:
                assert step > 15
                return
        sound(people)
        over = not plan_items(items, people.collection) and not set(people.owners()) & set(expected.face_ids)
        if over and what == "user":
            with pytest.raises(ResourceNotFound):
                erase(people.erasure, people)
        else:
            assert erase(people.erasure, people) == (Erased((), ()) if over else expected)
        assert not set(people.owners()) & set(expected.face_ids)
        erased(people)
        items.close()
    raise AssertionError("never finished")


@pytest.mark.parametrize("what", ERASURES)
def test_an_erasure_that_nobody_comes_back_for_is_completed_by_the_sweep(local: People, what: str) -> None:
    erase, users, which = ERASURES[what]
    faces = scene(local)
    doomed = set(ids(*faces[which]))
    numbers = count()

    def die(_: int) -> None:
        if len(doomed & set(local.owners())) < len(doomed) and next(numbers) > 1:
            raise Killed

    with contextlib.suppress(Killed):
        erase(StoredErasure(FaultyItems(local.items, before=die), faces_per_commit=3, clock=FakeClock()), local)
    assert 0 < len(doomed & set(local.owners())) < len(doomed)
    report = verify(local.items, local.blobs, "people", clock=FakeClock())
    assert report.findings == ()
    assert any("a call is under way, or was interrupted: plan erase/" in note for note in report.notes)

    began_s = plan_items(local.items, local.collection)[0].attributes["made_ms"] / 1000
    OrphanSweep(local.items, local.blobs, clock=FakeClock(began_s + ABANDONED_AFTER_S - 1)).sweep()
    assert doomed & set(local.owners())
    OrphanSweep(local.items, local.blobs, clock=FakeClock(began_s + ABANDONED_AFTER_S + 1)).sweep()

    assert not doomed & set(local.owners())
    left = {entry.cursor for entry in local.users.page(local.collection, None, 9).rows}
    assert left == {"ada", "bob", "eve"} - set(users)
    erased(local)


def test_silence_is_our_fault_and_the_retry_finishes(local: People) -> None:
    faces = local.add("ada", 3)
    local.user("ada", faces)

    with pytest.raises(InternalServerError):
        StoredErasure(FaultyItems(local.items, always(Fault.LOST)), clock=FakeClock()).erase_user(
            local.collection, "ada"
        )

    assert local.erasure.erase_user(local.collection, "ada") == Erased(ids(*faces), ("ada",))
    erased(local)


def test_who_is_refused_in_the_middle_is_told_to_finish(local: People) -> None:
    faces = local.add("ada", 6)
    local.user("ada", faces)
    busy = FaultyItems(local.items)
    busy.choose = lambda _: Fault.CONTENDED if len(local.owners()) < 6 else Fault.NONE

    with pytest.raises(Throttling) as raised:
        StoredErasure(busy, faces_per_commit=2, clock=FakeClock()).erase_user(local.collection, "ada")

    assert (
        raised.value.reason == "Others were in the way. A part may be done and stays so; repeat the call to finish it."
    )
    assert len(local.owners()) == 4
    assert local.erasure.erase_user(local.collection, "ada") == Erased(ids(*faces), ("ada",))
    erased(local)
