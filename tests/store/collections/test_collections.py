"""Collections through their port: made, found, listed and deleted, whatever the store says or does not say."""

import pytest

from openrek.domain.errors import InternalServerError, ResourceAlreadyExists, ResourceNotFound, Throttling
from openrek.domain.models import SFACE
from openrek.store.collections.collections import StoredCollections
from openrek.store.items.port import Items, Key
from tests.store.faults import READ_FAULTS, Fault, FaultyItems, Killed, Wire, always, at, first
from tests.support.clocks import FakeClock


def collections_over(items: Items) -> StoredCollections:
    return StoredCollections(items, clock=FakeClock(1_700_000_000.25))


def test_a_new_collection_is_empty(items: Items) -> None:
    made = collections_over(items).create("people", SFACE, {"team": "red"})

    assert made == collections_over(items).require("people")
    assert (made.collection_id, made.model_version, made.created_s) == ("people", "7.0", 1_700_000_000.25)
    assert (made.face_count, made.user_count) == (0, 0)
    tags = items.get(Key(f"{made.uid.hex}/tags", "tags"))
    assert tags is not None
    assert tags.attributes["tags"] == {"team": "red"}


def test_names_are_unique_until_deleted(items: Items) -> None:
    collections = collections_over(items)
    first = collections.create("people", SFACE, {})

    with pytest.raises(ResourceAlreadyExists, match="The collection id: people already exists"):
        collections.create("people", SFACE, {})
    collections.delete("people")
    with pytest.raises(ResourceNotFound, match="The collection id: people does not exist"):
        collections.require("people")
    with pytest.raises(ResourceNotFound):
        collections.delete("people")
    second = collections.create("people", SFACE, {})

    assert second.uid != first.uid
    assert collections.require("people") == second


def test_the_most_and_longest_tags_fit(items: Items) -> None:
    tags = {f"{n:03}" + "k" * 125: "v" * 256 for n in range(200)}

    collections_over(items).create("people", SFACE, tags)


def test_listing_in_pages(items: Items) -> None:
    collections = collections_over(items)
    long = ["x" * 254 + end for end in "ab"]
    names = sorted(["a", "A", "a.b", "a-b", "a_b", "zz", "x" * 128, "x" * 129, *long], key=lambda name: name[:96])
    for name in names:
        collections.create(name, SFACE, {})

    seen = []
    cursor = None
    while True:
        page = collections.page(cursor, 3)
        assert len(page.rows) <= 3
        seen += [(row.cursor, row.collection_id, row.model_version) for row in page.rows]
        assert all(len(row.cursor) <= 129 for row in page.rows)
        if not page.more:
            break
        cursor = page.rows[-1].cursor
        collections.delete(page.rows[-1].collection_id)  # the place of a token stays a place

    assert sorted(name for _, name, _ in seen) == sorted(names)
    assert [cursor for cursor, _, _ in seen] == sorted(cursor for cursor, _, _ in seen)
    assert [name for _, name, _ in seen if len(name) <= 128] == sorted(name for name in names if len(name) <= 128)
    assert {version for _, _, version in seen} == {"7.0"}


@pytest.mark.parametrize("fault", [Fault.CONTENDED, Fault.LOST, Fault.UNSAID, Fault.LATE])
def test_one_fault_changes_no_answer(items: Items, fault: Fault) -> None:
    wire = Wire(items)
    made = collections_over(FaultyItems(items, at(0, fault), wire=wire)).create("people", SFACE, {})
    wire.deliver_all()
    assert collections_over(items).require("people") == made

    with pytest.raises(ResourceAlreadyExists):
        collections_over(FaultyItems(items, at(0, fault), wire=wire)).create("people", SFACE, {})
    wire.deliver_all()
    assert collections_over(items).require("people") == made

    collections_over(FaultyItems(items, at(1, fault), wire=wire)).delete("people")
    again = collections_over(items).create("people", SFACE, {})
    wire.deliver_all()
    assert collections_over(items).require("people") == again, "a late deletion must not hit the next collection"


def test_a_creation_that_was_refused_never_lands(items: Items) -> None:
    wire = Wire(items)
    collections_over(items).create("people", SFACE, {})
    with pytest.raises(ResourceAlreadyExists):
        collections_over(FaultyItems(items, at(0, Fault.LATE), wire=wire)).create("people", SFACE, {})
    collections_over(items).delete("people")
    wire.deliver_all()

    with pytest.raises(ResourceNotFound):
        collections_over(items).require("people")


def test_a_creation_that_lands_late_brings_nothing_back(items: Items) -> None:
    wire = Wire(items)
    collections_over(FaultyItems(items, at(0, Fault.LATE), wire=wire)).create("people", SFACE, {})
    collections_over(items).delete("people")

    wire.deliver_all()

    with pytest.raises(ResourceNotFound):
        collections_over(items).require("people")


def test_a_creation_that_landed_unsaid_and_was_deleted_at_once_was_a_creation(items: Items) -> None:
    faulty = FaultyItems(items, at(0, Fault.UNSAID))
    faulty.before = lambda step: collections_over(items).delete("people") if step == 1 else None
    faulty.choose = lambda step: Fault.UNSAID if step == 0 else Fault.LOST

    made = collections_over(faulty).create("people", SFACE, {})

    assert made.collection_id == "people"


@pytest.mark.parametrize(
    ("fault", "refusal"), [(Fault.CONTENDED, Throttling), (Fault.LOST, InternalServerError)], ids=["busy", "silent"]
)
def test_a_store_that_never_answers_ends_the_call(items: Items, fault: Fault, refusal: type[Exception]) -> None:
    faulty = FaultyItems(items, always(fault))
    with pytest.raises(refusal):
        collections_over(faulty).create("people", SFACE, {})
    assert collections_over(items).page(None, 10).rows == ()
    assert faulty.steps < 20

    collections_over(items).create("people", SFACE, {})
    with pytest.raises(refusal):
        collections_over(FaultyItems(items, always(fault))).delete("people")
    collections_over(items).require("people")


@pytest.mark.parametrize("fault", READ_FAULTS, ids=["busy", "silent"])
def test_what_may_have_been_written_is_never_told_as_refused(items: Items, fault: Fault) -> None:
    """Nobody says what became of a transaction, and then nothing can be read."""
    with pytest.raises(InternalServerError):
        collections_over(FaultyItems(items, first(Fault.UNSAID, 0, fault))).create("people", SFACE, {})
    collections_over(items).require("people")
    with pytest.raises(InternalServerError):
        collections_over(FaultyItems(items, first(Fault.UNSAID, 1, fault))).delete("people")
    assert collections_over(items).page(None, 10).rows == ()


@pytest.mark.parametrize("fault", [Fault.KILLED_BEFORE, Fault.KILLED_AFTER])
def test_a_killed_client_leaves_all_or_nothing(items: Items, fault: Fault) -> None:
    def names() -> list[str]:
        return [row.collection_id for row in collections_over(items).page(None, 10).rows]

    with pytest.raises(Killed):
        collections_over(FaultyItems(items, at(0, fault))).create("people", SFACE, {})
    there = fault is Fault.KILLED_AFTER
    assert names() == (["people"] if there else [])
    if not there:
        collections_over(items).create("people", SFACE, {})

    with pytest.raises(Killed):
        collections_over(FaultyItems(items, at(1, fault))).delete("people")
    assert names() == ([] if there else ["people"])
