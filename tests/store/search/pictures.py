"""Faces of numbered pictures in a collection."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from openrek.domain.collections import Collection
from openrek.domain.faces import Face
from openrek.domain.models import SFACE
from openrek.store.faces.faces import StoredFaces
from openrek.store.items.port import Items, Put
from openrek.store.log.head import require_head
from openrek.store.segments.columns import Table, text_column
from openrek.store.segments.manifest import Manifest, SegmentRef, blob_name, encode_manifest
from openrek.store.segments.segment_file import encode_segment
from openrek.store.upkeep.manifest_swap import swap_manifest
from tests.store.memory_blobs import MemoryBlobs
from tests.store.synthetic import Embedder, new_collection, now, picture, slots
from tests.support.clocks import FakeClock


def index(items: Items, collection: Collection, number: int, faces: int = 5) -> Sequence[Face]:
    of = picture(number, f"picture {number}")
    return StoredFaces(items).index(collection, of, slots(faces), Embedder(of))


def large_collection(items: Items, blobs: MemoryBlobs, rows: int) -> Collection:
    """Of one segment, as if one change had added all rows and was compacted since; by twos they are alike."""
    collection = new_collection(items, "large")
    chance = np.random.default_rng(rows)
    vectors = np.repeat(chance.integers(-127, 128, (rows // 2, SFACE.dimensions), dtype=np.int8), 2, axis=0)
    vectors[::2, :9] //= 2
    table = Table(
        ids=np.frombuffer(chance.bytes(16 * rows), np.uint8).reshape(rows, 16),
        seqs=np.ones(rows, np.uint64),
        images=np.zeros((rows, 16), np.uint8),
        geometry=np.zeros((rows, 5), np.float32),
        scales=(1.0 / np.linalg.norm(vectors.astype(np.float32), axis=1)).astype(np.float32),
        vectors=vectors,
        external=text_column([None] * rows),
        owners=text_column([None] * rows),
    ).sorted()
    head = replace(require_head(items, collection), seq=1, faces=rows)
    items.transact([Put(head.key, head.attributes())])
    segment, manifest = (blob_name(head.uid, 0, kind) for kind in ("segment", "manifest"))
    blobs.put(segment, content := encode_segment(table))
    named = Manifest(head.uid, 1, 1, 0, (SegmentRef(segment, rows, len(content)),))
    blobs.put(manifest, encode_manifest(named))
    assert swap_manifest(items, head, manifest, named, clock=FakeClock())
    return now(items, collection)
