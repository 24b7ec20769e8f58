"""Sweeps that end early, and the upkeep of one collection. Whole sweeps: test_purge.py, test_orphan_sweep.py."""

import time
from collections.abc import Callable
from itertools import count
from uuid import UUID

import pytest

from openrek.domain.collections import Collection
from openrek.domain.models import SFACE
from openrek.store.collections.collections import StoredCollections
from openrek.store.faces.faces import StoredFaces
from openrek.store.integrity.verify import verify
from openrek.store.items.port import DamagedItem, Items, Key, Put
from openrek.store.items.sqlite import SqliteItems
from openrek.store.log.head import FOLD_BYTES, require_head
from openrek.store.log.keys import directory_key, head_key, log_key, token_key, uid_key
from openrek.store.segments.manifest import blob_name, uid_of
from openrek.store.upkeep.orphan_sweep import FORGOTTEN_AFTER_S
from openrek.store.upkeep.upkeep import Upkeep
from openrek.store.users.users import StoredUsers
from tests.store.invariants import owned_items
from tests.store.memory_blobs import MemoryBlobs, Unreadable
from tests.store.people import request_token
from tests.store.synthetic import Embedder, picture, slots
from tests.support.clocks import FakeClock

LATER_S = FORGOTTEN_AFTER_S + 1


def upkeep(items: Items, blobs: MemoryBlobs) -> Upkeep:
    return Upkeep(items, blobs, clock=FakeClock(time.time() + LATER_S))


def filled(items: Items, name: str, *, long: bool = True) -> Collection:
    """A collection whose log is due, or not; more items than one transaction deletes."""
    made = StoredCollections(items).create(name, SFACE, {})
    for number in range(3):
        StoredFaces(items).index(made, picture(number), slots(50), Embedder(picture(number)))
    head = require_head(items, made)
    if long:
        items.transact([Put(head.key, {**head.attributes(), "log_bytes": FOLD_BYTES})])
    return made


def stop_after(calls: int) -> Callable[[], bool]:
    """Say stop from the call after so many."""
    asked = count()
    return lambda: next(asked) >= calls


def folded(items: Items, *collections: Collection) -> list[bool]:
    return [require_head(items, each).compacted_through > 0 for each in collections]


def test_a_sweep_with_time_does_everything(items: Items) -> None:
    blobs = MemoryBlobs()
    one, two, short = filled(items, "one"), filled(items, "two"), filled(items, "short", long=False)
    gone = filled(items, "gone")
    StoredCollections(items).delete("gone")
    assert upkeep(items, blobs).sweep_until(lambda: False)
    assert folded(items, one, two, short) == [True, True, False]
    assert owned_items(items, gone) == 0


def test_a_sweep_without_time_does_nothing_and_says_so(items: Items) -> None:
    one, gone = filled(items, "one"), filled(items, "gone")
    StoredCollections(items).delete("gone")
    before = owned_items(items, gone)
    assert not upkeep(items, MemoryBlobs()).sweep_until(lambda: True)
    assert owned_items(items, gone) == before
    assert folded(items, one) == [False]


def test_sweeps_that_end_early_get_everything_done_together(items: Items) -> None:
    """Wherever each one is cut off, the next goes on, and nothing is lost."""
    blobs = MemoryBlobs()
    collections = [filled(items, name) for name in ("one", "two")]
    gone = filled(items, "gone")
    StoredCollections(items).delete("gone")
    remaining = owned_items(items, gone)
    for calls in range(1, 200):
        if upkeep(items, blobs).sweep_until(stop_after(calls)):
            break
        assert owned_items(items, gone) <= remaining
        remaining = owned_items(items, gone)
    assert folded(items, *collections) == [True, True]
    assert owned_items(items, gone) == 0
    for name in ("one", "two"):
        assert verify(items, blobs, name).findings == ()


def test_a_collection_that_is_half_erased_is_not_forgotten(items: Items) -> None:
    """Its line goes last, or nobody would find the rest."""
    gone = filled(items, "gone")
    StoredCollections(items).delete("gone")
    total = owned_items(items, gone)
    assert not upkeep(items, MemoryBlobs()).sweep_until(stop_after(3))
    assert 0 < owned_items(items, gone) < total
    assert upkeep(items, MemoryBlobs()).sweep_until(lambda: False)
    assert owned_items(items, gone) == 0


def test_one_collection_is_compacted_and_no_other(items: Items) -> None:
    blobs = MemoryBlobs()
    one, two = filled(items, "one"), filled(items, "two")
    assert upkeep(items, blobs).compact("one", lambda: False)
    assert folded(items, one, two) == [True, False]
    assert not upkeep(items, blobs).compact("two", lambda: True)
    assert folded(items, two) == [False]
    assert upkeep(items, blobs).compact("nobody", lambda: False)


def test_a_collection_whose_files_cannot_be_read_holds_up_no_other(items: Items) -> None:
    blobs = Unreadable()
    first, later, gone = filled(items, "a"), filled(items, "b"), filled(items, "gone")
    assert upkeep(items, blobs).compact("a", lambda: False)
    StoredCollections(items).delete("gone")
    blobs.uid = first.uid

    with pytest.raises(PermissionError):
        upkeep(items, blobs).sweep()

    assert folded(items, later) == [True]
    assert owned_items(items, gone) == 0


def spoil(items: SqliteItems, key: Key) -> None:
    sql = "UPDATE items SET body = substr(body, 1, length(body) - 1) WHERE partition = ? AND sort = ?"
    items._connection().execute(sql, (key.partition, key.sort))


@pytest.mark.parametrize("what", ["head", "directory", "uid", "log", "token"])
def test_a_damaged_item_holds_up_no_other_collection(items: SqliteItems, what: str) -> None:
    blobs = MemoryBlobs()
    one, two, gone = filled(items, "one"), filled(items, "two"), filled(items, "gone")
    users = StoredUsers(items, clock=FakeClock())
    users.create(one, "ann", request_token("token"))
    StoredCollections(items).delete("gone")
    damaged = {
        "head": head_key("one"), "directory": directory_key("one"), "uid": uid_key(one.uid),
        "log": log_key(one.uid, 2), "token": token_key(one.uid, "token"),
    }[what]  # fmt: skip
    spoil(items, damaged)

    with pytest.raises(DamagedItem) as told:
        upkeep(items, blobs).sweep()

    assert damaged.partition in told.value.for_the_log
    assert folded(items, two) == [True]
    assert owned_items(items, gone) == 0
    with pytest.raises(DamagedItem):
        upkeep(items, blobs).purge()
    with pytest.raises(DamagedItem):
        upkeep(items, blobs).sweep_until(lambda: False)


def test_blobs_of_a_collection_whose_line_is_damaged_are_no_strays(items: SqliteItems) -> None:
    blobs = MemoryBlobs()
    one = filled(items, "one")
    upkeep(items, blobs).sweep()
    names = list(blobs.names())
    assert names
    spoil(items, uid_key(one.uid))

    with pytest.raises(DamagedItem):
        upkeep(items, blobs).sweep()

    assert list(blobs.names()) == names


@pytest.mark.parametrize("sweep", [Upkeep.sweep, lambda each: each.sweep_until(lambda: False)])
def test_a_deleted_collection_whose_files_cannot_be_removed_holds_up_no_other(
    items: Items, sweep: Callable[[Upkeep], object]
) -> None:
    """Whichever of the two comes first."""
    blobs = Unreadable()
    both = [filled(items, name) for name in ("one", "two")]
    for each in both:
        assert upkeep(items, blobs).compact(each.collection_id, lambda: False)
        StoredCollections(items).delete(each.collection_id)
    blobs.uid = min(each.uid for each in both)
    kept = filled(items, "kept")

    blobs.put(blob_name(UUID(int=1), 0, "segment"), b"a stray")
    with pytest.raises(PermissionError):
        sweep(upkeep(items, blobs))

    assert {name.split("/")[0] for name in blobs.names()} == {blobs.uid.hex, kept.uid.hex}
    assert folded(items, kept) == [True]


@pytest.mark.parametrize("bad", [1, 2])
def test_stray_files_that_cannot_be_removed_hold_up_no_other(items: Items, bad: int) -> None:
    blobs = Unreadable()
    for number in (1, 2):
        blobs.put(blob_name(UUID(int=number), 0, "segment"), b"x")
    blobs.uid = UUID(int=bad)

    with pytest.raises(PermissionError):
        upkeep(items, blobs).sweep()

    assert [uid_of(name) for name in blobs.names()] == [blobs.uid]
