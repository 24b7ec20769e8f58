"""The orphan sweep: what nobody names is removed, and nothing else, whatever interrupts it."""

import contextlib
from itertools import count

import pytest

from openrek.domain.collections import Collection
from openrek.domain.models import SFACE
from openrek.store.collections.collections import StoredCollections
from openrek.store.faces.faces import StoredFaces
from openrek.store.items.port import Item, Items, Put
from openrek.store.log.keys import UIDS, plan_key
from openrek.store.upkeep.orphan_sweep import FORGOTTEN_AFTER_S, OrphanSweep
from tests.store.faults import Fault, FaultyItems, Killed, always, at
from tests.store.invariants import all_items, check_collection, owned_items, plan_items
from tests.store.memory_blobs import MemoryBlobs
from tests.store.synthetic import Embedder, picture, slots
from tests.support.clocks import FakeClock

NOW_S = 1_700_000_000.0


def filled(items: Items, name: str, pictures: int = 3) -> Collection:
    made = StoredCollections(items, clock=FakeClock(NOW_S)).create(name, SFACE, {"tag": "value"})
    for n in range(pictures):
        StoredFaces(items).index(made, picture(n), slots(50), Embedder(picture(n)))
    return made


def sweep(items: Items, *, later_s: float = 0.0) -> int:
    return OrphanSweep(items, MemoryBlobs(), clock=FakeClock(NOW_S + later_s)).sweep()


def test_a_deleted_collection_is_erased_and_no_other(items: Items) -> None:
    gone, kept = filled(items, "gone"), filled(items, "kept")
    StoredCollections(items).delete("gone")
    owned = owned_items(items, gone)
    before = owned_items(items, kept)

    assert sweep(items) == owned == 150 + 3 + 3 + 1

    assert owned_items(items, gone) == 0
    assert owned_items(items, kept) == before
    check_collection(items, kept)
    assert sweep(items) == 0


def test_the_line_of_a_uid_goes_last_and_late(items: Items) -> None:
    gone = filled(items, "gone", 0)
    filled(items, "kept", 0)
    StoredCollections(items).delete("gone")

    sweep(items, later_s=FORGOTTEN_AFTER_S - 1)
    assert len(all_items(items, UIDS)) == 2
    sweep(items, later_s=FORGOTTEN_AFTER_S + 1)

    assert [line.attributes["id"] for line in all_items(items, UIDS)] == ["kept"]
    assert gone.uid.hex not in [line.key.sort for line in all_items(items, UIDS)]


def test_a_re_created_collection_keeps_its_own(items: Items) -> None:
    old = filled(items, "people")
    StoredCollections(items).delete("people")
    new = filled(items, "people", 1)

    sweep(items)

    assert owned_items(items, old) == 0
    check_collection(items, new)
    assert len(StoredFaces(items).page(new, None, 100).rows) == 50


@pytest.mark.parametrize("fault", [Fault.KILLED_BEFORE, Fault.KILLED_AFTER, Fault.CONTENDED, Fault.LOST, Fault.UNSAID])
def test_interrupted_at_any_step_the_next_pass_completes_it(items: Items, fault: Fault) -> None:
    for step in count():
        name = f"gone{step}"
        gone = filled(items, name, 1)
        StoredCollections(items).delete(name)
        faulty = FaultyItems(items, at(step, fault))
        with contextlib.suppress(Killed):
            sweep(faulty, later_s=FORGOTTEN_AFTER_S + 1)
        sweep(items, later_s=FORGOTTEN_AFTER_S + 1)
        assert owned_items(items, gone) == 0
        assert all_items(items, UIDS) == []
        if faulty.steps <= step:
            break
    assert step > 8


def test_two_sweeps_at_once(items: Items) -> None:
    for step in count():
        gone = filled(items, "gone", 1)
        StoredCollections(items).delete("gone")
        other = lambda now, when=step: sweep(items, later_s=FORGOTTEN_AFTER_S + 1) if now == when else None  # noqa: E731
        faulty = FaultyItems(items, before=other)  # type: ignore[arg-type]
        sweep(faulty, later_s=FORGOTTEN_AFTER_S + 1)
        assert owned_items(items, gone) == 0
        assert all_items(items, UIDS) == []
        if faulty.steps <= step:
            break
    assert step > 8


@pytest.mark.parametrize("fault", [Fault.CONTENDED, Fault.LOST])
def test_a_store_that_never_answers_ends_the_pass(items: Items, fault: Fault) -> None:
    """Nothing of it is raised: the next pass tries again."""
    filled(items, "gone", 1)
    made = filled(items, "people", 0)
    with pytest.raises(Killed):
        StoredFaces(
            FaultyItems(items, at(9, Fault.KILLED_BEFORE)),
            faces_per_commit=3,
            clock=FakeClock(NOW_S),
        ).index(made, picture(1), slots(5), Embedder(picture(1)))
    StoredCollections(items).delete("gone")
    faulty = FaultyItems(items, always(fault))

    sweep(faulty, later_s=FORGOTTEN_AFTER_S + 1)

    assert faulty.steps < 100
    sweep(items, later_s=FORGOTTEN_AFTER_S + 1)
    assert [line.attributes["id"] for line in all_items(items, UIDS)] == ["people"]


def test_a_plan_of_another_openrek_is_passed_over(items: Items) -> None:
    gone, made = filled(items, "gone", 1), filled(items, "people", 1)
    unknown = Put(plan_key(made.uid, "merge/1"), {"kind": "merge", "state": "pending", "made_ms": 1})
    items.transact([unknown])
    StoredCollections(items).delete("gone")

    sweep(items)

    assert owned_items(items, gone) == 0
    assert plan_items(items, made) == [Item(unknown.key, unknown.attributes)]
    check_collection(items, made)
