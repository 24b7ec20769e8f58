"""Collections in memory, each as fresh as the request that asks.

A search begins with one consistent read of the head. If nothing moved, the snapshot in memory is the collection, and
nothing else is read; otherwise only the log entries that are new are read and applied.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from openrek.domain.collections import Collection
from openrek.domain.errors import InternalServerError, ResourceNotFound
from openrek.domain.models import face_model
from openrek.store.heads import require_head
from openrek.store.items import Items
from openrek.store.log import Entry, LogGap, entries
from openrek.store.snapshots import Columns, Snapshot

GAP_ATTEMPTS: Final = 5
GAP_PAUSE_S: Final = 0.01


class OpenCollection:
    """One collection's columns and its latest snapshot. Whoever applies entries holds `refreshing`."""

    def __init__(self, collection: Collection) -> None:
        self.uid = collection.uid
        self.refreshing = threading.Lock()
        self.counted_bytes = 0
        self._dimensions = face_model(collection.model_version).dimensions
        self._columns = Columns(self._dimensions)
        self.latest = self._columns.snapshot(0)

    @property
    def size_bytes(self) -> int:
        return self._columns.size_bytes

    def apply(self, page: Sequence[Entry]) -> None:
        """Applies entries that follow the latest snapshot, and publishes them: all of them or none."""
        try:
            self._columns.apply(page)
            if self._columns.mostly_dead:
                self._columns = self._columns.living()
            self.latest = self._columns.snapshot(page[-1].seq)
        except BaseException:
            self._columns = Columns(self._dimensions)
            self.latest = self._columns.snapshot(0)
            raise


class Index:
    def __init__(self, items: Items, *, max_bytes: int = 8 << 30, pause: Callable[[float], None] = time.sleep) -> None:
        """Keeps the collections used last, up to about `max_bytes`, but always the one in use."""
        self._items = items
        self._max_bytes = max_bytes
        self._pause = pause
        self._open: OrderedDict[str, OpenCollection] = OrderedDict()
        self._open_bytes = 0
        self._opening = threading.Lock()

    def current(self, collection: Collection) -> Snapshot:
        """The collection with every change acknowledged before this call. Raises ResourceNotFound when it is gone."""
        try:
            head = require_head(self._items, collection)
            kept = self._kept(collection)
            latest = kept.latest
            return latest if latest.seq >= head.seq else self._refreshed(collection, kept)
        except ResourceNotFound:
            self._forget(collection)
            raise

    def _kept(self, collection: Collection) -> OpenCollection:
        with self._opening:
            kept = self._open.get(collection.collection_id)
            if kept is None or kept.uid != collection.uid:  # a re-created collection takes the place of the old one
                self._drop(collection.collection_id)
                kept = self._open[collection.collection_id] = OpenCollection(collection)
            self._open.move_to_end(collection.collection_id)
            return kept

    def _make_room(self, collection_id: str, kept: OpenCollection) -> None:
        """Counts what `kept` has grown to, and drops others."""
        with self._opening:
            if self._open.get(collection_id) is kept:
                self._open_bytes += kept.size_bytes - kept.counted_bytes
                kept.counted_bytes = kept.size_bytes
            while self._open_bytes > self._max_bytes and len(self._open) > 1:
                oldest = next(name for name in self._open if name != collection_id)
                self._drop(oldest)

    def _forget(self, collection: Collection) -> None:
        with self._opening:
            kept = self._open.get(collection.collection_id)
            if kept is not None and kept.uid == collection.uid:
                self._drop(collection.collection_id)

    def _drop(self, collection_id: str) -> None:
        kept = self._open.pop(collection_id, None)
        if kept is not None:
            self._open_bytes -= kept.counted_bytes

    def _refreshed(self, collection: Collection, kept: OpenCollection) -> Snapshot:
        """Waits for a refresh under way, but trusts none: the head is read anew after it."""
        with kept.refreshing:
            for _ in range(GAP_ATTEMPTS):
                head = require_head(self._items, collection)
                try:
                    for page in entries(self._items, head.uid, after=kept.latest.seq, through=head.seq):
                        kept.apply(page)
                    self._make_room(collection.collection_id, kept)
                    return kept.latest
                except LogGap:
                    self._pause(GAP_PAUSE_S)
        raise InternalServerError(reason="The change log of the collection has a hole.")
