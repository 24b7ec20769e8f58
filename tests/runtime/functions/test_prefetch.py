"""A collection that is found is opened beside the reading of the photo."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from openrek.domain.collections import Collection
from openrek.domain.errors import ResourceNotFound
from openrek.domain.models import SFACE
from openrek.operations.registry import OPERATIONS
from openrek.runtime.functions.handler import _ahead
from openrek.runtime.functions.prefetch import AheadCollections
from openrek.runtime.parts.adapters import Adapters, needs
from openrek.runtime.settings import Settings
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


def test_searches_by_a_photo_open_their_collection_ahead_and_nothing_else_does(tmp_path: Path) -> None:
    adapters = Adapters(replace(Settings.of({}), data=tmp_path))

    ahead = {name for name, row in OPERATIONS.items() if _ahead(row, needs(row.function()), adapters)}

    searches = {"SearchAllFacesByImage", "SearchFacesByImage", "SearchUsersByImage"}
    assert ahead == searches | {"RecognizeCelebrities"}
