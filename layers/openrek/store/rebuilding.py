"""Segments made anew from the face items alone: the way back when blobs or log entries are lost. What else is made
good from them, and from the head, goes along.

The items are the truth; what the manifest, the segments, the tombstones and the log say is not read. Writers that come
in between make the whole scan void, so that a busy collection needs its writers stopped.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from openrek.domain.errors import collection_not_found
from openrek.domain.models import face_model
from openrek.store import manifests, segments
from openrek.store.blobs import Blobs
from openrek.store.commits import Moved
from openrek.store.compaction import SEGMENT_BYTES, Compactor
from openrek.store.garbage import Garbage
from openrek.store.heads import Head
from openrek.store.items import MAX_OPERATIONS, Contended, Delete, Items, Operation, OutcomeUnknown, Put
from openrek.store.manifests import Manifest, SegmentRef, blob_name
from openrek.store.mending import mend
from openrek.store.scans import face_pages, head_now
from openrek.store.sending import Sent, send
from openrek.store.table import log_key
from openrek.store.tables import Table, joined

ATTEMPTS: Final = 5
PAUSE_S: Final = 0.5
PADDING_BYTES: Final = 4096
"""What a segment's header and the gaps between its columns take at most."""


class WritersBusy(Exception):
    """The collection changed during every attempt."""


class BadFaces(Exception):
    """Face items that cannot become rows: nothing was changed."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    faces: int
    counted_before: int
    segments: int


def rebuild(
    items: Items,
    blobs: Blobs,
    collection_id: str,
    *,
    segment_bytes: int = SEGMENT_BYTES,
    clock: Callable[[], float] = time.time,
    pause: Callable[[float], None] = time.sleep,
) -> Rebuilt:
    """New segments, manifest and face count for the collection; its log becomes empty, the records of its pictures and
    its lines right.

    The head moves by one change, so that every process reads the collection anew. `clock` gives epoch seconds, `pause`
    takes seconds. Raises ResourceNotFound, WritersBusy or BadFaces; then nothing was changed but records and lines.
    """
    for attempt in range(ATTEMPTS):
        head = head_now(items, collection_id)
        if head is None:
            raise collection_not_found(collection_id)
        refs = tuple(_segments(items, blobs, head, segment_bytes))
        faces = sum(ref.rows for ref in refs)
        manifest = Manifest(head.uid, head.version + 1, head.seq + 1, int(clock() * 1000), refs)
        name = blob_name(head.uid, head.version, "manifest")
        blobs.put(name, manifests.encode(manifest))
        if _mended(items, head, pause) and _swap(items, head, name, manifest, faces, pause):
            with suppress(Contended, OutcomeUnknown):  # the next compaction trims what is left
                Compactor(items, blobs, clock=clock, pause=pause).trim(head, manifest.through)
            Garbage(items, blobs, pause=pause).collect(collection_id)
            return Rebuilt(faces, head.faces, len(refs))
        if attempt < ATTEMPTS - 1:
            pause(PAUSE_S)
    raise WritersBusy(f"The collection {collection_id} changed during every attempt; stop the servers and try again.")


def _mended(items: Items, head: Head, pause: Callable[[float], None]) -> bool:
    try:
        mend(items, head, pause=pause)
    except Moved:
        return False
    return True


def _segments(items: Items, blobs: Blobs, head: Head, segment_bytes: int) -> Iterator[SegmentRef]:
    """Writes the visible faces into segments; pages come in ascending order of ids, so each is sorted as it is."""
    gathered: list[Table] = []
    gathered_bytes = 0
    for page in face_pages(items, head.uid, face_model(head.model).dimensions):
        if page.bad:
            raise BadFaces(f"The segments cannot be rebuilt: {page.bad[0]}.")
        if gathered and gathered_bytes + table_bytes(page.table) > segment_bytes - PADDING_BYTES:
            yield _segment(blobs, head, gathered)
            gathered, gathered_bytes = [], 0
        if len(page.table):
            gathered.append(page.table)
            gathered_bytes += table_bytes(page.table)
    if gathered:
        yield _segment(blobs, head, gathered)


def table_bytes(table: Table) -> int:
    """What the columns take in a segment, without its header and the gaps."""
    columns = (table.ids, table.seqs, table.images, table.geometry, table.scales, table.vectors)
    texts = (table.external, table.owners)
    return sum(column.nbytes for column in columns) + sum(text.offsets.nbytes + text.content.nbytes for text in texts)


def _segment(blobs: Blobs, head: Head, tables: list[Table]) -> SegmentRef:
    rows = joined(tables)
    content = segments.encode(rows)
    name = blob_name(head.uid, head.version, "segment")
    blobs.put(name, content)
    return SegmentRef(name, len(rows), len(content))


def _swap(items: Items, head: Head, name: str, manifest: Manifest, faces: int, pause: Callable[[float], None]) -> bool:
    """Turn the head to the new manifest, provided that nothing was written since it was read; whether that is so."""
    nonce = secrets.token_bytes(16)
    swapped = replace(
        head,
        seq=manifest.through,
        faces=faces,
        manifest=name,
        version=manifest.version,
        nonce=nonce,
        compacted_through=manifest.through,
        log_bytes=0,
    )
    operations: list[Operation] = [Put(head.key, swapped.attributes(), expect=head.unmoved)]
    last = log_key(head.uid, head.seq)
    strays = items.query(last.partition, after=last.sort, limit=MAX_OPERATIONS - 1).rows
    operations += [Delete(entry.key) for entry in strays]  # behind an unmoved head they belong to no change
    sent = send(items, operations, pause=pause)
    if sent in (Sent.DOUBTFUL, Sent.UNKNOWN):
        now = head_now(items, head.collection_id)
        return now is not None and now.nonce == nonce
    return sent is Sent.WRITTEN
