"""The commit of a compaction: the head turns to a new manifest in one conditional write."""

import secrets
from dataclasses import replace
from typing import Final

from openrek.domain.clock import Clock
from openrek.store.items.port import Items, Put
from openrek.store.items.retries import Sent, jittered_s, send
from openrek.store.log.head import Head, head_now
from openrek.store.segments.manifest import Manifest

ATTEMPTS: Final = 60


def swap_manifest(
    items: Items,
    head: Head,
    name: str,
    successor: Manifest,
    *,
    clock: Clock,
) -> bool:
    """Point the head from the manifest of `head` to `successor`, stored as blob `name`.

    Writers may move the head meanwhile; only another swap, or the deletion of the collection, makes this one fail.
    Return True only if it is known to have succeeded; after False it may still succeed, so its blobs must stay.
    """
    nonce = secrets.token_bytes(16)
    for attempt in range(ATTEMPTS):
        now = head_now(items, head.collection_id)
        if now is None or now.uid != head.uid:
            return False
        if now.version != head.version:
            return now.nonce == nonce
        folded_all = successor.through == head.seq
        swapped = replace(
            now,
            manifest=name,
            version=successor.version,
            nonce=nonce,
            compacted_through=successor.through,
            log_bytes=max(0, now.log_bytes - head.log_bytes) if folded_all else now.log_bytes,
        )
        if send(items, [Put(now.key, swapped.attributes(), expect=now.unmoved)], clock=clock) is Sent.WRITTEN:
            return True
        clock.sleep(jittered_s(attempt))
    return False
