"""Compaction: the log folded into segments, small segments merged, dead rows dropped.

A step reads the head and its manifest, writes new blobs beside the old ones, and swaps the head to a new manifest, on
the condition that nobody else did. It may run at any time, in two processes at once, and be killed or suspended
anywhere: before the swap no manifest names its blobs, and after it no reader of the head needs those that it replaced.

    fold      rows of the log become a segment; rows of segments that the log replaced or deleted become tombstones
    merge     the new segment takes in those of about its own size or less: a row is written again O(log n) times
    rewrite   a segment with many dead rows, or with dead rows for most of a day, loses them
    swap      head: manifest version v -> v + 1, with a nonce that only this step knows
    trim      log entries that the manifest covers are deleted, in ascending order
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from openrek.domain.clock import SYSTEM_CLOCK, Clock
from openrek.store.blobs.port import BlobMissing, Blobs
from openrek.store.items.port import MAX_WRITES, Delete, Item, Items, Write
from openrek.store.log.blob_damage import naming_damage
from openrek.store.log.entries import LogGap
from openrek.store.log.head import FOLD_BYTES, FOLD_ENTRIES, Head, head_now
from openrek.store.log.keys import log_key, owned
from openrek.store.segments.columns import Bools, Table, joined
from openrek.store.segments.manifest import Manifest, SegmentRef, blob_name, decode_manifest, encode_manifest
from openrek.store.segments.segment_file import KINDS, decode_segment, encode_segment, ids_and_seqs
from openrek.store.segments.tombstones import decode_tombstones, encode_tombstones
from openrek.store.upkeep.folding import FoldedLog, fold
from openrek.store.upkeep.manifest_swap import swap_manifest

STEP_BYTES: Final = 256 << 20
SEGMENT_BYTES: Final = 64 << 20
SMALL_BYTES: Final = 64 << 10
"""The least that a fold counts for when segments are merged with it: else each fold of a row or two, whose segment is
mostly header, would leave one more file."""

DEAD_SHARE: Final = 0.25
FOLD_AFTER_MS: Final = 11 * 3600 * 1000
"""Within this and a few sweeps deleted vectors have left the items; in as long again, the database's files."""

REWRITE_AFTER_MS: Final = 22 * 3600 * 1000
"""Within this and a few sweeps deleted vectors have left the segments: less than the 24 hours that are promised."""


@dataclass(frozen=True, slots=True)
class AgedSegment:
    """A segment of the manifest with the rows that are dead once the log is folded.

    `since_ms` (epoch): no row has been dead for longer; 0 when none is.
    """

    ref: SegmentRef
    dead: Bools
    dead_count: int
    since_ms: int

    @property
    def living_bytes(self) -> int:
        return self.ref.size_bytes * (self.ref.rows - self.dead_count) // max(1, self.ref.rows)


class Compactor:
    """Compaction of the collections of a store, step by step."""

    def __init__(
        self,
        items: Items,
        blobs: Blobs,
        *,
        clock: Clock = SYSTEM_CLOCK,
        fold_entries: int = FOLD_ENTRIES,
        small_bytes: int = SMALL_BYTES,
    ) -> None:
        self._items = items
        self._blobs = blobs
        self._clock = clock
        self._fold_entries = fold_entries
        self._small_bytes = small_bytes

    def step(self, collection_id: str, *, force: bool = False) -> bool:
        """Make one step, if one is due; return True if there may be more to do. With `force` all possible work is due.

        Raises BlobMissing, LogGap, CorruptSegment or CorruptManifest when what the current head names is bad.
        """
        began_ms = self._now_ms()  # before the head is read: no entry after that head is older
        head = head_now(self._items, collection_id)
        if head is None:
            return False
        try:
            return self._step(head, began_ms, force=force)
        except (BlobMissing, LogGap):
            now = head_now(self._items, collection_id)
            if now is not None and (now.uid, now.version) == (head.uid, head.version):
                raise
            return True  # somebody else compacted, and what this step was reading is gone for good reason

    def _step(self, head: Head, began_ms: int, *, force: bool) -> bool:
        manifest = current_manifest(self._blobs, head)
        self.trim(head, manifest.through)  # what a compactor that was killed after its swap left
        folded = fold(self._items, head, after=manifest.through) if self._fold_due(head, manifest, force) else None
        aged = [self._age(head, ref, folded, _made_ms(manifest, head)) for ref in manifest.segments]
        replaced = self._chosen(aged, folded, force=force)
        if folded is None and not replaced:
            return False
        through = manifest.through if folded is None else folded.through
        made_ms = began_ms if through == head.seq else manifest.made_ms
        refs = self._build(head, aged, replaced, folded)
        successor = replace(manifest, version=head.version + 1, through=through, made_ms=made_ms, segments=refs)
        name = blob_name(head.uid, head.version, "manifest")
        self._blobs.put(name, encode_manifest(successor))
        if swap_manifest(self._items, head, name, successor, clock=self._clock):
            self.trim(head, through)
        return True  # after somebody else's swap there may be more, too

    def trim(self, head: Head, through: int) -> None:
        """Delete the log entries up to `through`, which a manifest of the collection covers, in ascending order."""
        partition = owned(head.uid, "log")
        while rows := self._items.query(partition, through=log_key(head.uid, through).sort, limit=MAX_WRITES).rows:
            deletions: list[Write] = [Delete(row.key, forget=_outdates(row)) for row in rows]
            self._items.transact(deletions)

    def _fold_due(self, head: Head, manifest: Manifest, force: bool) -> bool:
        waiting = head.seq - manifest.through
        idle_ms = self._now_ms() - _made_ms(manifest, head)
        long = waiting >= self._fold_entries or head.log_bytes >= FOLD_BYTES
        return waiting > 0 and (force or long or idle_ms >= FOLD_AFTER_MS)

    def _age(self, head: Head, ref: SegmentRef, folded: FoldedLog | None, made_ms: int) -> AgedSegment:
        """Return the segment's tombstones, with those that the folded log, begun at `made_ms`, adds."""
        dead = np.zeros(ref.rows, np.bool_)
        if ref.tombstones is not None:
            with naming_damage("segment's tombstones", ref.tombstones, head):
                dead = decode_tombstones(self._blobs.get(ref.tombstones), ref.rows)
        if folded is not None and folded.kinds[ref.kind].named:
            with naming_damage("segment", ref.name, head):
                ids, seqs = ids_and_seqs(self._blobs, ref.name, ref.kind)
            dead[folded.kinds[ref.kind].outdated(ids, seqs)] = True
        count = int(np.count_nonzero(dead))
        return AgedSegment(ref, dead, count, ref.dead_since_ms or (made_ms if count else 0))

    def _chosen(self, aged: Sequence[AgedSegment], folded: FoldedLog | None, *, force: bool) -> list[AgedSegment]:
        """Return the segments that this step rewrites, at most STEP_BYTES of them (but always one that is due)."""
        due = [each for each in aged if self._rewrite_due(each, force=force)]
        for kind, rows in folded.kinds.items() if folded is not None else ():
            if not len(rows.rows):
                continue  # no new segment of this kind that could take others in
            taken_bytes = max(self._small_bytes, rows.size_bytes)
            for each in sorted((each for each in aged if each.ref.kind == kind), key=lambda each: each.living_bytes):
                if each not in due and each.ref.size_bytes < SEGMENT_BYTES and each.living_bytes <= 2 * taken_bytes:
                    due.append(each)
                    taken_bytes += each.living_bytes
        chosen: list[AgedSegment] = []
        total_bytes = 0
        for each in due:
            if not chosen or total_bytes + each.living_bytes <= STEP_BYTES:
                chosen.append(each)
                total_bytes += each.living_bytes
        return chosen

    def _rewrite_due(self, each: AgedSegment, *, force: bool) -> bool:
        old = self._now_ms() - each.since_ms >= REWRITE_AFTER_MS
        return each.dead_count > 0 and (force or old or each.dead_count >= DEAD_SHARE * each.ref.rows)

    def _build(
        self, head: Head, aged: Sequence[AgedSegment], replaced: Sequence[AgedSegment], folded: FoldedLog | None
    ) -> tuple[SegmentRef, ...]:
        """Write the new blobs; return the segments of the successor manifest."""
        refs = [self._with_tombstones(head, each) for each in aged if each not in replaced]
        for kind in KINDS:
            parts = [self._living(head, each) for each in replaced if each.ref.kind == kind]
            if folded is not None and len(folded.kinds[kind].rows):
                parts.append(folded.kinds[kind].rows)
            rows = joined(parts).sorted() if parts else None
            if rows is not None and len(rows):
                refs.append(new_segment(self._blobs, head, rows, kind))
        return tuple(refs)

    def _living(self, head: Head, each: AgedSegment) -> Table:
        with naming_damage("segment", each.ref.name, head):
            segment = decode_segment(self._blobs.open(each.ref.name), each.ref.kind)
        return segment.table.take(np.flatnonzero(~each.dead))

    def _with_tombstones(self, head: Head, each: AgedSegment) -> SegmentRef:
        if each.dead_count == each.ref.dead:
            return each.ref
        name = blob_name(head.uid, head.version, "tombstones")
        self._blobs.put(name, encode_tombstones(each.dead))
        return replace(each.ref, tombstones=name, dead=each.dead_count, dead_since_ms=each.since_ms)

    def _now_ms(self) -> int:
        return int(self._clock.now_s() * 1000)


def _outdates(entry: Item) -> bool:
    """Return True if a log entry holds deletions, or users, whose vectors change with their faces.

    Trimming such an entry takes the last copy of some vectors out of the items, which a vacuum must follow.
    """
    return bool(entry.attributes.get("deleted", True)) or "users" in entry.attributes


def _made_ms(manifest: Manifest, head: Head) -> int:
    """Return a time (epoch, ms) before which no entry of the log after `manifest` was written."""
    return max(manifest.made_ms, head.created_ms)


def new_segment(blobs: Blobs, head: Head, rows: Table, kind: int) -> SegmentRef:
    """Write rows of one kind, ids ascending, as a segment; return its reference."""
    content = encode_segment(rows, kind)
    name = blob_name(head.uid, head.version, "segment")
    blobs.put(name, content)
    return SegmentRef(name, len(rows), len(content), kind=kind)


def current_manifest(blobs: Blobs, head: Head) -> Manifest:
    """Read the manifest that the head names; before the first it is empty. Raises BlobMissing or CorruptManifest."""
    if not head.manifest:
        return Manifest(head.uid, version=0, through=0, made_ms=0)
    with naming_damage("manifest", head.manifest, head):
        return decode_manifest(blobs.get(head.manifest))
