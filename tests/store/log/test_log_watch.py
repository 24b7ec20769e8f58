"""Reports of a long log, and their moment."""

from dataclasses import replace

import pytest

from openrek.domain.collections import Collection
from openrek.domain.models import SFACE
from openrek.store.collections.collections import StoredCollections
from openrek.store.faces.faces import StoredFaces
from openrek.store.items.port import ABSENT, ConditionFailed, Items, Key, Put
from openrek.store.log.head import FOLD_BYTES, FOLD_ENTRIES, require_head
from openrek.store.log.watch import LogWatch
from openrek.store.upkeep.compaction import Compactor
from tests.store.memory_blobs import MemoryBlobs
from tests.store.synthetic import Embedder, picture, slots
from tests.support.clocks import FakeClock


def index(items: Items, people: Collection, number: int, faces: int) -> None:
    StoredFaces(items, clock=FakeClock()).index(people, picture(number), slots(faces), Embedder(picture(number)))


def test_a_log_is_told_of_from_the_first_byte_too_many_until_it_is_folded(items: Items) -> None:
    reported: list[str] = []
    watched = LogWatch(items, reported.append)
    people = StoredCollections(watched).create("people", SFACE, {})
    StoredCollections(watched).create("others", SFACE, {})
    index(watched, people, 1, 1)
    head = require_head(items, people)
    items.transact([Put(head.key, {**head.attributes(), "log_bytes": FOLD_BYTES - head.log_bytes - 1})])
    index(watched, people, 2, 1)
    assert reported == []
    index(watched, people, 3, 1)
    assert reported == ["people"]
    index(watched, people, 4, 1)
    assert reported == ["people"] * 2

    assert Compactor(items, MemoryBlobs(), clock=FakeClock()).step("people")
    index(watched, people, 5, 1)
    assert reported == ["people"] * 2


def test_a_log_of_many_entries_is_long(items: Items) -> None:
    head = require_head(items, StoredCollections(items).create("people", SFACE, {}))
    assert not replace(head, seq=FOLD_ENTRIES + 6, compacted_through=7).log_is_long
    assert replace(head, seq=FOLD_ENTRIES + 7, compacted_through=7).log_is_long


def test_a_write_that_fails_tells_nobody(items: Items) -> None:
    reported: list[str] = []
    people = StoredCollections(items).create("people", SFACE, {})
    head = require_head(items, people)
    long = Put(head.key, {**head.attributes(), "log_bytes": FOLD_BYTES}, expect=ABSENT)
    with pytest.raises(ConditionFailed):
        LogWatch(items, reported.append).transact([long])
    assert reported == []


def test_everything_else_is_the_items_own(items: Items) -> None:
    watched = LogWatch(items, [].append)
    watched.transact([Put(Key("p", str(n)), {"n": n}) for n in range(3)])
    assert watched.get(Key("p", "1")) == items.get(Key("p", "1"))
    assert watched.read([Key("p", "2"), Key("p", "9")]) == items.read([Key("p", "2"), Key("p", "9")])
    assert watched.query("p", after="0", through="2", limit=1) == items.query("p", after="0", through="2", limit=1)
