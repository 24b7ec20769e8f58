"""Rebuild: segments made anew from the items of faces and users alone, when blobs or log entries are lost.

Everything else that can be repaired from these items and the head is repaired too.

The items are the truth; the manifest, the segments, the tombstones and the log are not read. A write that comes in
between makes the whole scan void, so that a busy collection needs its writers stopped.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from openrek.domain.clock import SYSTEM_CLOCK, Clock
from openrek.domain.errors import Refusal, collection_not_found
from openrek.domain.models import face_model
from openrek.store.blobs.port import Blobs
from openrek.store.integrity.item_scan import face_pages, user_pages
from openrek.store.integrity.repair import mend
from openrek.store.integrity.repair_users import mend_users, release_claims
from openrek.store.items.port import MAX_WRITES, Contended, Delete, Items, OutcomeUnknown, Put, Write
from openrek.store.items.retries import Sent, send
from openrek.store.log.commits import Moved
from openrek.store.log.head import Head, head_now
from openrek.store.log.keys import log_key
from openrek.store.segments.columns import Table, joined
from openrek.store.segments.manifest import Manifest, SegmentRef, base_version, blob_name, encode_manifest
from openrek.store.segments.segment_file import FACES, USERS
from openrek.store.upkeep.compaction import SEGMENT_BYTES, Compactor, new_segment
from openrek.store.upkeep.garbage_collection import GarbageCollector

ATTEMPTS: Final = 5
PAUSE_S: Final = 0.5
PADDING_BYTES: Final = 4096
"""What a segment's header and the gaps between its columns take at most."""


SPLIT: Final = 1000
"""Rows of users that stay together in a segment."""


class WritersBusy(Exception):
    """The collection changed during every attempt."""


class BadFaces(Exception):
    """Items of faces or users that cannot become rows: nothing was changed."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    faces: int
    users: int
    segments: int


def rebuild(
    items: Items,
    blobs: Blobs,
    collection_id: str,
    *,
    segment_bytes: int = SEGMENT_BYTES,
    clock: Clock = SYSTEM_CLOCK,
) -> Rebuilt:
    """New segments, manifest and counts for the collection; its log becomes empty, the records of its pictures and its
    lines right, and users and faces say the same of each other.

    The head moves by one change, so that every process reads the collection anew. Raises
    ResourceNotFound, WritersBusy or BadFaces; then nothing was changed but records, lines and what users and faces say
    of each other.
    """
    for attempt in range(ATTEMPTS):
        head = head_now(items, collection_id)
        if head is None:
            raise collection_not_found(collection_id)
        if not _unmoved(partial(mend_users, items, head, clock=clock)):
            continue
        users, tables = _users(items, head)
        refs = (
            *_segments(blobs, head, _faces(items, head), FACES, segment_bytes),
            *_segments(blobs, head, tables, USERS, segment_bytes),
        )
        faces = sum(ref.rows for ref in refs if ref.kind == FACES)
        version = max(head.version, _newest(blobs, head)) + 1
        manifest = Manifest(head.uid, version, head.seq + 1, int(clock.now_s() * 1000), refs)
        name = blob_name(head.uid, head.version, "manifest")
        blobs.put(name, encode_manifest(manifest))
        counted = replace(head, faces=faces, users=users)
        mended = _unmoved(partial(mend, items, head, clock=clock))
        if mended and _swap(items, counted, name, manifest, clock):
            _tidy(items, blobs, head, manifest, clock)
            return Rebuilt(faces, users, len(refs))
        if attempt < ATTEMPTS - 1:
            clock.sleep(PAUSE_S)
    raise WritersBusy(f"The collection {collection_id} changed during every attempt; stop the servers and try again.")


def _tidy(items: Items, blobs: Blobs, head: Head, manifest: Manifest, clock: Clock) -> None:
    """Remove what means nothing beside the new manifest."""
    with suppress(Contended, OutcomeUnknown):  # the next compaction trims what is left
        Compactor(items, blobs, clock=clock).trim(head, manifest.through)
    with suppress(Refusal):  # they mean nothing
        release_claims(items, head, clock=clock)
    GarbageCollector(items, blobs, clock=clock).collect(head.collection_id)


def _newest(blobs: Blobs, head: Head) -> int:
    """Return the highest version that a blob was made from: above the head's where the items are of a backup."""
    bases = [base_version(name) for name in blobs.names(f"{head.uid.hex}/")]
    return max((base for base in bases if base is not None), default=0)


def _unmoved(work: Callable[[], None]) -> bool:
    """Run `work`; return False if the collection changed meanwhile."""
    try:
        work()
    except Moved:
        return False
    return True


def _faces(items: Items, head: Head) -> Iterator[Table]:
    """Yield the visible faces in ascending order of ids."""
    for page in face_pages(items, head.uid, face_model(head.model).dimensions):
        if page.bad:
            raise BadFaces(f"The segments cannot be rebuilt: {page.bad[0]}.")
        yield page.table


def _users(items: Items, head: Head) -> tuple[int, list[Table]]:
    """Return the number of users, and the rows of those with faces in ascending order of ids."""
    count = 0
    tables: list[Table] = []
    for page in user_pages(items, head.uid, face_model(head.model).dimensions):
        if page.bad:
            raise BadFaces(f"The segments cannot be rebuilt: {page.bad[0]}.")
        count += len(page.users)
        tables.append(page.table)
    rows = joined(tables).sorted()
    return count, [rows.take(places) for places in np.split(np.arange(len(rows)), range(SPLIT, len(rows), SPLIT))]


def _segments(blobs: Blobs, head: Head, tables: Iterable[Table], kind: int, segment_bytes: int) -> Iterator[SegmentRef]:
    """Write rows into segments and yield these; `tables` come in ascending order of ids, so each is sorted as it is."""
    gathered: list[Table] = []
    gathered_bytes = 0
    for table in tables:
        if gathered and gathered_bytes + table_bytes(table) > segment_bytes - PADDING_BYTES:
            yield new_segment(blobs, head, joined(gathered), kind)
            gathered, gathered_bytes = [], 0
        if len(table):
            gathered.append(table)
            gathered_bytes += table_bytes(table)
    if gathered:
        yield new_segment(blobs, head, joined(gathered), kind)


def table_bytes(table: Table) -> int:
    """Return the bytes that the columns take in a segment, without its header and the gaps."""
    columns = (table.ids, table.seqs, table.images, table.geometry, table.scales, table.vectors)
    texts = (table.external, table.owners)
    return sum(column.nbytes for column in columns) + sum(text.offsets.nbytes + text.content.nbytes for text in texts)


def _swap(items: Items, head: Head, name: str, manifest: Manifest, clock: Clock) -> bool:
    """Turn the head, with the counts of `head`, to the new manifest; return False if anything was written since it was
    read.
    """
    nonce = secrets.token_bytes(16)
    swapped = replace(
        head,
        seq=manifest.through,
        manifest=name,
        version=manifest.version,
        nonce=nonce,
        compacted_through=manifest.through,
        log_bytes=0,
    )
    writes: list[Write] = [Put(head.key, swapped.attributes(), expect=head.unmoved)]
    last = log_key(head.uid, head.seq)
    # Behind an unmoved head they belong to no change.
    strays = items.query(last.partition, after=last.sort, limit=MAX_WRITES - 1).rows
    writes += [Delete(entry.key, forget=True) for entry in strays]
    sent = send(items, writes, clock=clock)
    if sent in (Sent.DOUBTFUL, Sent.UNKNOWN):
        now = head_now(items, head.collection_id)
        return now is not None and now.nonce == nonce
    return sent is Sent.WRITTEN
