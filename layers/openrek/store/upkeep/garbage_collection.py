"""Garbage collection: blobs that no manifest names, or ever will, are deleted.

A compactor names blobs only in a manifest that follows the one it read, and their names tell which that was. So a blob
is garbage if its base version is lower than the current one and the current manifest does not name it: no swap can
bring it back. On an idle collection the version is moved first.
"""

from dataclasses import replace
from typing import Final

from openrek.domain.clock import SYSTEM_CLOCK, Clock
from openrek.store.blobs.port import BlobMissing, Blobs
from openrek.store.items.port import Items
from openrek.store.log.head import Head, head_now
from openrek.store.segments.manifest import base_version, blob_name, encode_manifest
from openrek.store.upkeep.compaction import current_manifest
from openrek.store.upkeep.manifest_swap import swap_manifest

ATTEMPTS: Final = 8


class GarbageCollector:
    """Deletes blobs that compactions left behind."""

    def __init__(self, items: Items, blobs: Blobs, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._items = items
        self._blobs = blobs
        self._clock = clock

    def collect(self, collection_id: str, *, force: bool = False) -> int:
        """Delete the blobs that are certainly garbage; return their number.

        With `force` the version is moved first if need be, so that blobs of a compactor that died are deleted, too.

        Raises BlobMissing or CorruptManifest when what the current head names is bad.
        """
        for _ in range(ATTEMPTS):
            head = head_now(self._items, collection_id)
            if head is None:
                return 0
            try:
                removed = self._collect(head, force=force)
            except BlobMissing:
                now = head_now(self._items, collection_id)
                if now is not None and (now.uid, now.version) == (head.uid, head.version):
                    raise
                continue  # somebody else compacted, and collected the manifest that this one was reading
            if removed is not None:
                return removed
        return 0

    def _collect(self, head: Head, *, force: bool) -> int | None:
        """Make one attempt; None if the version had to move and somebody else moved it, perhaps not far enough."""
        names = self._blobs.names(f"{head.uid.hex}/")
        stored = {name: base for name in names if (base := base_version(name)) is not None}
        if force and self._holds_newer_blobs(head, stored) and not self._move_version(head):
            return None
        # Read after the listing: what is newer than the listing is not in it.
        now = head_now(self._items, head.collection_id)
        if now is None or now.uid != head.uid:
            return 0
        named = current_manifest(self._blobs, now).blobs | {now.manifest}
        garbage = [name for name, base in stored.items() if name not in named and base < now.version]
        for name in garbage:
            self._blobs.delete(name)
        return len(garbage)

    def _holds_newer_blobs(self, head: Head, stored: dict[str, int]) -> bool:
        """Return True if there are unnamed blobs that become garbage only when the version moves."""
        named = current_manifest(self._blobs, head).blobs | {head.manifest}
        return any(name not in named and base >= head.version for name, base in stored.items())

    def _move_version(self, head: Head) -> bool:
        """Write the same manifest as the next version, so that swaps under way fail; return True if this swap won."""
        successor = replace(current_manifest(self._blobs, head), version=head.version + 1)
        name = blob_name(head.uid, head.version, "manifest")
        self._blobs.put(name, encode_manifest(successor))
        return swap_manifest(self._items, head, name, successor, clock=self._clock)
