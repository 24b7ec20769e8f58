"""Tags through their port: one item, changed by many."""

import threading
from collections.abc import Callable
from itertools import count

import pytest

from openrek.domain.errors import InternalServerError, ResourceNotFound, ServiceQuotaExceeded, Throttling
from openrek.domain.models import SFACE
from openrek.store.collections.collections import StoredCollections
from openrek.store.collections.tags import StoredTags
from openrek.store.upkeep.orphan_sweep import OrphanSweep
from tests.store.faults import Fault, FaultyItems, Wire, always, at
from tests.store.invariants import owned_items
from tests.store.people import NOW_S, People
from tests.support.clocks import FakeClock


def test_tags_are_added_overwritten_and_removed(people: People) -> None:
    tags = StoredTags(people.items)
    assert tags.read(people.collection) == {}

    tags.put(people.collection, {"a": "1", "b": ""})
    tags.put(people.collection, {"b": "2", "c": "Łukasz + co"})
    assert tags.read(people.collection) == {"a": "1", "b": "2", "c": "Łukasz + co"}
    tags.remove(people.collection, ["a", "x", "c"])
    assert tags.read(people.collection) == {"b": "2"}
    tags.remove(people.collection, ["b"])

    assert tags.read(people.collection) == {}


def test_tags_given_at_creation_are_changed_like_any(people: People) -> None:
    made = StoredCollections(people.items).create("tagged", SFACE, {"a": "1"})
    tags = StoredTags(people.items)

    tags.put(made, {"b": "2"})

    assert tags.read(made) == {"a": "1", "b": "2"}


def test_a_collection_has_at_most_200_tags(people: People) -> None:
    tags = StoredTags(people.items)
    full = {f"{'k' * 124}{number:03d}": "v" * 256 for number in range(200)}
    tags.put(people.collection, full)

    with pytest.raises(ServiceQuotaExceeded) as refused:
        tags.put(people.collection, {"one": "more"})

    assert refused.value.reason == "A collection has at most 200 tags, not 201."
    changed = next(iter(full))
    tags.put(people.collection, {changed: "other"})
    assert tags.read(people.collection) == {**full, changed: "other"}


def test_tags_of_a_collection_that_is_gone_are_not_found(people: People) -> None:
    tags = StoredTags(people.items)
    tags.put(people.collection, {"a": "1"})
    StoredCollections(people.items).delete("people")
    StoredCollections(people.items).create("people", SFACE, {})

    for call in (
        lambda: tags.read(people.collection),
        lambda: tags.put(people.collection, {"b": "2"}),
        lambda: tags.remove(people.collection, ["a"]),
    ):
        with pytest.raises(ResourceNotFound, match="The collection id: people does not exist"):
            call()


def test_a_collection_deleted_while_its_tags_are_written_gets_none(local: People) -> None:
    deleted = count()

    def delete(step: int) -> None:
        if step == 1 and next(deleted) == 0:
            StoredCollections(local.items).delete("people")

    tags = StoredTags(FaultyItems(local.items, before=delete), clock=FakeClock())

    with pytest.raises(ResourceNotFound):
        tags.put(local.collection, {"a": "1"})

    OrphanSweep(local.items, local.blobs, clock=FakeClock(NOW_S)).sweep()
    assert owned_items(local.items, local.collection) == 0


def test_changes_at_once_are_all_kept(local: People) -> None:
    tags = StoredTags(local.items)
    threads = [
        threading.Thread(
            target=_patiently, args=(lambda number=number: tags.put(local.collection, {f"k{number}": "v"}),)
        )
        for number in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert tags.read(local.collection) == {f"k{number}": "v" for number in range(16)}


def _patiently(call: Callable[[], None]) -> None:
    while True:
        try:
            return call()
        except Throttling:
            continue


@pytest.mark.parametrize("fault", [Fault.LOST, Fault.UNSAID, Fault.LATE, Fault.CONTENDED])
def test_a_change_whose_outcome_is_unknown_is_made_once(local: People, fault: Fault) -> None:
    """A change by somebody else in between is never undone by a second attempt."""
    tags = StoredTags(local.items)
    wire = Wire(local.items)
    for step in range(4):
        unsure = StoredTags(FaultyItems(local.items, at(step, fault), wire=wire), clock=FakeClock())
        unsure.put(local.collection, {"a": str(step)})
        tags.put(local.collection, {"a": "newer", "b": str(step)})
        wire.deliver_all()
        assert tags.read(local.collection) == {"a": "newer", "b": str(step)}


def test_a_change_that_landed_unsaid_is_not_made_again_over_a_newer_one(local: People) -> None:
    tags = StoredTags(local.items)

    def newer(step: int) -> None:
        if step == 2:  # the second attempt, after one of unknown outcome
            tags.put(local.collection, {"a": "newer"})

    unsure = StoredTags(FaultyItems(local.items, at(1, Fault.UNSAID), before=newer), clock=FakeClock())

    with pytest.raises(InternalServerError):
        unsure.put(local.collection, {"a": "older"})
    assert tags.read(local.collection) == {"a": "newer"}


def test_silence_is_our_fault_and_too_much_work_is_said(local: People) -> None:
    for fault, refusal in ((Fault.LOST, InternalServerError), (Fault.CONTENDED, Throttling)):
        with pytest.raises(refusal):
            StoredTags(FaultyItems(local.items, always(fault)), clock=FakeClock()).put(local.collection, {"a": "1"})
        assert StoredTags(local.items).read(local.collection) == {}
    StoredTags(FaultyItems(local.items, always(Fault.UNSAID)), clock=FakeClock()).put(local.collection, {"a": "1"})
    assert StoredTags(local.items).read(local.collection) == {"a": "1"}


def test_who_loses_every_race_is_throttled(local: People) -> None:
    tags = StoredTags(local.items)
    numbers = count()
    beaten = StoredTags(
        FaultyItems(local.items, before=lambda _: tags.put(local.collection, {"other": str(next(numbers))})),
        clock=FakeClock(),
    )

    with pytest.raises(Throttling):
        beaten.put(local.collection, {"a": "1"})

    assert "a" not in tags.read(local.collection)
