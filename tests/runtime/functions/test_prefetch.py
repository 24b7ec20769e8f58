"""A collection that is found is opened beside the reading of the photo."""

import threading
from pathlib import Path

import pytest

from openrek.domain.collections import Collection
from openrek.domain.errors import ResourceNotFound
from openrek.domain.models import SFACE
from openrek.runtime.functions.prefetch import AheadCollections
from openrek.store.collections.collections import StoredCollections
from tests.store.synthetic import open_items


def test_what_is_found_is_prepared_in_another_thread_and_nobody_waits(tmp_path: Path) -> None:
    items = open_items(tmp_path)
    go, prepared = threading.Event(), threading.Event()
    seen: list[tuple[Collection, int]] = []

    def prepare(collection: Collection) -> None:
        assert go.wait(10)
        seen.append((collection, threading.get_ident()))
        prepared.set()

    ahead = AheadCollections(StoredCollections(items), prepare)
    made = ahead.create("people", SFACE, {})
    found = ahead.require("people")
    assert (found.uid, seen) == (made.uid, [])
    go.set()
    assert prepared.wait(10)
    assert seen[0][0] == found
    assert seen[0][1] != threading.get_ident()

    with pytest.raises(ResourceNotFound):
        ahead.require("nobody")
    assert [entry.collection_id for entry in ahead.page(None, 10).rows] == ["people"]
    ahead.delete("people")
    assert ahead.page(None, 10).rows == ()
    assert len(seen) == 1
    items.close()


def test_what_goes_wrong_ahead_is_left_to_the_search(tmp_path: Path) -> None:
    items = open_items(tmp_path)
    tried = threading.Event()

    def prepare(collection: Collection) -> None:
        tried.set()
        raise ResourceNotFound

    ahead = AheadCollections(StoredCollections(items), prepare)
    ahead.create("people", SFACE, {})
    assert ahead.require("people").collection_id == "people"
    assert tried.wait(10)
    assert ahead.require("people").collection_id == "people"
    items.close()
