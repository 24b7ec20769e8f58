"""Collections in memory, each as fresh as the request that asks.

A request begins with one consistent read of the head. If the snapshot in memory is as new as that, a search reads
nothing else; otherwise only the log entries that are new are read and applied. Segments are read when a collection is
opened, when the log that leads from here to now is compacted away, and in the background after any other compaction, so
that dead rows leave memory and deleted files are let go.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from openrek.domain.clock import SYSTEM_CLOCK, Clock
from openrek.domain.collections import Collection
from openrek.domain.errors import InternalServerError, Refusal, ResourceNotFound
from openrek.domain.models import face_model
from openrek.store.blobs.port import BlobMissing, Blobs
from openrek.store.disk.throttled_log import ThrottledLog
from openrek.store.items.port import Items
from openrek.store.log.blob_damage import naming_damage
from openrek.store.log.entries import LogEntry, LogGap, entries
from openrek.store.log.head import Head, require_head
from openrek.store.search.snapshot import LoadedSegment, Memory, Snapshot
from openrek.store.segments.manifest import CorruptManifest, SegmentRef
from openrek.store.segments.segment_file import KINDS, CorruptSegment, Segment, decode_segment
from openrek.store.segments.tombstones import decode_tombstones
from openrek.store.upkeep.compaction import current_manifest

MAX_BYTES: Final = 8 << 30
REFRESH_ATTEMPTS: Final = 6
REFRESH_PAUSE_S: Final = 0.01
OPEN_AT_ONCE: Final = 8
"""Segments: while one is checked, others are on their way."""


class OpenCollection:
    """A collection in the cache: its memory and its latest snapshot. Hold `refreshing` to change them."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self.refreshing = threading.Lock()
        self.reopening = threading.Lock()
        self.counted_bytes = 0
        self.version = 0
        self._dimensions = face_model(collection.model_version).dimensions
        self._memory = Memory(self._dimensions)
        self.latest = self._memory.snapshot()

    @property
    def size_bytes(self) -> int:
        return self._memory.size_bytes

    @property
    def segments(self) -> dict[str, Segment]:
        return self._memory.segments

    def reopen(self, head: Head, held: Mapping[int, Sequence[LoadedSegment]]) -> None:
        """Start anew from the segments that `head` names; what was published stays until the log is applied."""
        self._memory = Memory(self._dimensions, head.compacted_through, held)
        self.version = head.version

    def apply(self, page: Sequence[LogEntry]) -> None:
        """Apply the log entries that follow: all of them or, with the memory given up, none."""
        try:
            self._memory.apply(page)
        except BaseException:
            self._memory, self.version = Memory(self._dimensions), 0
            self.latest = self._memory.snapshot()
            raise

    def publish(self) -> Snapshot:
        if self._memory.seq >= self.latest.seq:
            self.latest = self._memory.snapshot()
        return self.latest

    @property
    def applied_seq(self) -> int:
        return self._memory.seq


def in_a_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="openrek-later", daemon=True).start()


class CollectionCache:
    """The cache of the collections that were searched last, each brought up to date by the request that asks."""

    def __init__(
        self,
        items: Items,
        blobs: Blobs,
        *,
        max_bytes: int = MAX_BYTES,
        clock: Clock = SYSTEM_CLOCK,
        later: Callable[[Callable[[], None]], None] = in_a_thread,
    ) -> None:
        """Make an empty cache of about `max_bytes` bytes, which always keeps the collection in use.

        `later` runs what may wait (reading the segments that a compaction made).
        """
        self._items = items
        self._blobs = blobs
        self._max_bytes = max_bytes
        self._clock = clock
        self._later = later
        self._open: OrderedDict[str, OpenCollection] = OrderedDict()
        self._open_bytes = 0
        self._opening = threading.Lock()
        self._log_error = ThrottledLog(clock)

    def current(self, collection: Collection) -> Snapshot:
        """Return the collection with every change that was acknowledged before `collection` was read.

        Raises ResourceNotFound when it is found to be gone, InternalServerError when what it is kept in is damaged.
        """
        kept = self._kept(collection)
        latest = kept.latest
        if latest.seq >= collection.seq:
            return latest
        try:
            return self._refreshed(collection, kept)
        except ResourceNotFound:
            self._forget(collection)
            raise

    def tidy(self) -> None:
        """Drop deleted collections, and read the segments of compacted ones anew; to be called from time to time."""
        with self._opening:
            opened = list(self._open.values())
        for kept in opened:
            collection = kept.collection
            try:
                head = require_head(self._items, collection)
            except ResourceNotFound:
                self._forget(collection)
                continue
            if kept.version < head.version and kept.reopening.acquire(blocking=False):
                self._reopen(collection, kept)

    def _refreshed(self, collection: Collection, kept: OpenCollection) -> Snapshot:
        """Wait for a refresh under way, but trust none: the head is read anew after it."""
        with kept.refreshing:
            head, snapshot = self._at_head(collection, kept)
        if kept.version < head.version and kept.reopening.acquire(blocking=False):
            self._later(partial(self._reopen, collection, kept))
        return snapshot

    def _at_head(self, collection: Collection, kept: OpenCollection) -> tuple[Head, Snapshot]:
        missing: Exception | None = None
        for _ in range(REFRESH_ATTEMPTS):
            head = require_head(self._items, collection)
            try:
                if kept.applied_seq < head.compacted_through:
                    kept.reopen(head, self._read_segments(head, kept.segments))
                return head, self._caught_up(collection, kept, head)
            except (LogGap, BlobMissing) as error:  # compacted meanwhile: the head of now names what there is
                missing = error
                self._clock.sleep(REFRESH_PAUSE_S)
            except (CorruptManifest, CorruptSegment) as error:
                raise self._damaged(collection, error) from error
        raise self._damaged(collection, missing) from missing

    def _damaged(self, collection: Collection, error: Exception | None) -> InternalServerError:
        """Log the damage; return the error for the caller."""
        hole = f"the log of the collection {collection.collection_id} has a hole"
        what = hole if isinstance(error, LogGap) else str(error)
        reason = f"{what[0].upper()}{what[1:]}; `openrek verify` says more."
        self._log_error(reason)
        return InternalServerError(reason=reason)

    def _caught_up(self, collection: Collection, kept: OpenCollection, head: Head) -> Snapshot:
        """Apply the log up to `head`. The caller holds `refreshing`. Raises LogGap."""
        for page in entries(self._items, head.uid, after=kept.applied_seq, through=head.seq):
            kept.apply(page)
        self._make_room(collection.collection_id, kept)
        return kept.publish()

    def _reopen(self, collection: Collection, kept: OpenCollection) -> None:
        """Turn to the segments of the current manifest; searches go on meanwhile. The caller has taken `reopening`."""
        try:
            head = require_head(self._items, collection)
            held = self._read_segments(head, kept.segments)
            with kept.refreshing:
                if kept.version < head.version:
                    kept.reopen(head, held)
                    self._caught_up(collection, kept, require_head(self._items, collection))
        except (CorruptManifest, CorruptSegment) as error:
            self._damaged(collection, error)  # the former segments are searched on
        except (LogGap, BlobMissing, OSError, Refusal):
            pass  # compacted again, gone, or not to be read now: the next search sees to it
        finally:
            kept.reopening.release()

    def _read_segments(self, head: Head, known: dict[str, Segment]) -> dict[int, list[LoadedSegment]]:
        """Read the segments of the head's manifest, by kind; those in `known` are not read again."""

        def held(ref: SegmentRef) -> LoadedSegment:
            dead = None
            if ref.tombstones is not None:
                with naming_damage("segment's tombstones", ref.tombstones, head):
                    dead = decode_tombstones(self._blobs.get(ref.tombstones), ref.rows)
            with naming_damage("segment", ref.name, head):
                segment = known.get(ref.name) or decode_segment(self._blobs.open(ref.name), ref.kind)
            return LoadedSegment(ref.name, segment, dead)

        refs = current_manifest(self._blobs, head).segments
        with ThreadPoolExecutor(OPEN_AT_ONCE) as pool:
            found = list(pool.map(held, refs))
        return {kind: [each for each, ref in zip(found, refs, strict=True) if ref.kind == kind] for kind in KINDS}

    def _kept(self, collection: Collection) -> OpenCollection:
        with self._opening:
            kept = self._open.get(collection.collection_id)
            # A re-created collection takes the place of the old one.
            if kept is None or kept.collection.uid != collection.uid:
                self._drop(collection.collection_id)
                kept = self._open[collection.collection_id] = OpenCollection(collection)
            self._open.move_to_end(collection.collection_id)
            return kept

    def _make_room(self, collection_id: str, kept: OpenCollection) -> None:
        """Count what `kept` has grown to, and drop the collections used longest ago."""
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
            if kept is not None and kept.collection.uid == collection.uid:
                self._drop(collection.collection_id)

    def _drop(self, collection_id: str) -> None:
        kept = self._open.pop(collection_id, None)
        if kept is not None:
            self._open_bytes -= kept.counted_bytes
