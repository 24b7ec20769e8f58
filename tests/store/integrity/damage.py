"""Damage to a collection: to its blobs, its head and its items."""

import os
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from openrek.store.items.port import Delete, Item, Key, Put
from openrek.store.log.keys import duplicate_key, log_key, owned
from openrek.store.segments.manifest import blob_name, encode_manifest
from openrek.store.segments.segment_file import CRC, HEAD, HEADER_BYTES, MAGIC, Segment, decode_segment, encode_segment
from openrek.store.upkeep.compaction import current_manifest
from tests.store.integrity.store import Store
from tests.store.synthetic import picture


def flip(store: Store, suffix: str, place: float) -> None:
    refs = current_manifest(store.blobs, store.head)
    name = next(iter(sorted(name for name in (*refs.blobs, store.head.manifest) if name.endswith(suffix))))
    content = bytearray(store.path(name).read_bytes())
    content[int(place * (len(content) - 1))] ^= 0x10
    store.path(name).write_bytes(content)


def lose(store: Store, suffix: str) -> None:
    for name in list(store.blobs.names(store.people.uid.hex)):
        if name.endswith(suffix):
            store.blobs.delete(name)


def rewrite_segment(store: Store, change: Callable[[Segment], bytes]) -> None:
    """Another segment under the same name, its checksums right."""
    ref = max(current_manifest(store.blobs, store.head).segments, key=lambda ref: ref.rows)
    changed = change(decode_segment(store.blobs.get(ref.name)))
    store.path(ref.name).write_bytes(changed)


def rewrite_manifest(store: Store, **members: object) -> None:
    manifest = replace(current_manifest(store.blobs, store.head), **members)  # type: ignore[arg-type]
    name = blob_name(store.people.uid, store.head.version - 1, "manifest")
    store.blobs.put(name, encode_manifest(manifest))
    store.items.transact([Put(store.head.key, replace(store.head, manifest=name).attributes())])


def change_head(store: Store, **members: int) -> None:
    store.items.transact([Put(store.head.key, replace(store.head, **members).attributes())])  # type: ignore[arg-type]


def first_face(store: Store) -> Key:
    return store.items.query(owned(store.people.uid, "face"), limit=1).rows[0].key


def change_item(store: Store, key: Key, **members: object) -> None:
    item = store.items.get(key)
    assert item is not None
    store.items.transact([Put(key, {**item.attributes, **members})])


def with_longer_norm(segment: Segment) -> bytes:
    content = bytearray(encode_segment(segment.table))
    HEAD.pack_into(content, 0, MAGIC, 1, 1, segment.table.dimensions, 10, len(segment.table), 1.5)
    end = HEADER_BYTES - 4
    CRC.pack_into(content, end, zlib.crc32(content[:end]))
    return bytes(content)


def shuffled(segment: Segment) -> bytes:
    return encode_segment(segment.table.take(np.arange(len(segment.table))[::-1]))


def other_vector(segment: Segment) -> bytes:
    return encode_segment(replace(segment.table, vectors=-segment.table.vectors))


def log(store: Store) -> list[Delete]:
    return [Delete(item.key) for item in store.items.query(owned(store.people.uid, "log")).rows]


def stray(store: Store) -> None:
    store.items.transact([Put(log_key(store.people.uid, store.head.seq + 1), {"rows": [], "deleted": []})])


def miscounted(store: Store) -> None:
    refs = current_manifest(store.blobs, store.head).segments
    rewrite_manifest(store, segments=tuple(replace(ref, dead=7) for ref in refs))


def records(store: Store) -> Sequence[Item]:
    return store.items.query(owned(store.people.uid, "duplicate")).rows


def record(store: Store, number: int = 61) -> Key:
    return duplicate_key(store.people.uid, picture(number, f"p:{number}" if number % 2 else None))


def stranger(store: Store) -> None:
    change_item(store, record(store), faces=[{"id": os.urandom(16), "geometry": bytes(20)}])


def twice(store: Store) -> None:
    other = store.items.get(record(store, 62))
    assert other is not None
    change_item(store, record(store), faces=other.attributes["faces"])
