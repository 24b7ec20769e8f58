"""Collections in memory, each as fresh as the request that asks.

A search begins with one consistent read of the head. If nothing moved, the snapshot in memory is the collection, and
nothing else is read; otherwise only the log entries that are new are read and applied.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final
from uuid import UUID

from openrek.domain.collections import Collection
from openrek.domain.errors import InternalServerError
from openrek.domain.models import face_model
from openrek.store.heads import Head, require_head
from openrek.store.items import Items
from openrek.store.log import LogGap, entries
from openrek.store.snapshots import Columns, Snapshot

GAP_ATTEMPTS: Final = 5
GAP_PAUSE_S: Final = 0.01


class OpenCollection:
    """One collection's columns and its latest snapshot."""

    def __init__(self, dimensions: int) -> None:
        self.refreshing = threading.Lock()
        self.columns = Columns(dimensions)
        self.latest = self.columns.snapshot(0)


class Index:
    def __init__(self, items: Items, *, max_bytes: int = 8 << 30, pause: Callable[[float], None] = time.sleep) -> None:
        """Keeps the collections used last, up to about `max_bytes`, but always the one in use."""
        self._items = items
        self._max_bytes = max_bytes
        self._pause = pause
        self._open: OrderedDict[UUID, OpenCollection] = OrderedDict()
        self._opening = threading.Lock()

    def current(self, collection: Collection) -> Snapshot:
        """The collection with every change acknowledged before this call. Raises ResourceNotFound when it is gone."""
        kept = self._kept(collection)
        latest = kept.latest
        head = require_head(self._items, collection)
        return latest if latest.seq == head.seq else self._refreshed(collection, kept)

    def _kept(self, collection: Collection) -> OpenCollection:
        with self._opening:
            kept = self._open.get(collection.uid)
            if kept is None:
                kept = self._open[collection.uid] = OpenCollection(face_model(collection.model_version).dimensions)
            self._open.move_to_end(collection.uid)
            while len(self._open) > 1 and self._size_bytes() > self._max_bytes:
                self._open.popitem(last=False)
            return kept

    def _size_bytes(self) -> int:
        return sum(kept.columns.size_bytes for kept in self._open.values())

    def _refreshed(self, collection: Collection, kept: OpenCollection) -> Snapshot:
        """Waits for a refresh under way, but trusts none: the head is read anew after it."""
        with kept.refreshing:
            for _ in range(GAP_ATTEMPTS):
                head = require_head(self._items, collection)
                try:
                    return self._apply(kept, head)
                except LogGap:
                    self._pause(GAP_PAUSE_S)
        raise InternalServerError(reason="The change log of the collection has a hole.")

    def _apply(self, kept: OpenCollection, head: Head) -> Snapshot:
        """What was applied is published even if a gap follows, so that no entry is applied twice."""
        if kept.latest.seq < head.seq:
            applied = kept.latest.seq
            try:
                for entry in entries(self._items, head.uid, after=applied, through=head.seq):
                    kept.columns.apply(entry)
                    applied = entry.seq
            finally:
                kept.latest = kept.columns.snapshot(applied)
        return kept.latest
