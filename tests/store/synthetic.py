"""Pictures, faces and embeddings without a model: everything follows from small numbers."""

import hashlib
import math
import random
from array import array
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from openrek.domain.collections import Collection
from openrek.domain.faces import (
    BoundingBox,
    DetectedFace,
    Embedding,
    Face,
    FaceMatch,
    Picture,
    Pose,
    Quality,
    float32,
)
from openrek.domain.models import SFACE
from openrek.store.collections.collections import StoredCollections
from openrek.store.items.port import Items
from openrek.store.items.sqlite import SqliteItems
from openrek.store.log.head import require_head
from openrek.store.search.search import StoredSearch
from tests.store.memory_blobs import MemoryBlobs


def open_items(folder: Path) -> SqliteItems:
    return SqliteItems(folder / "items.sqlite3")


def picture(number: int, external: str | None = None) -> Picture:
    return Picture(hashlib.sha256(b"picture %d" % number).digest(), external)


def slot(number: int) -> DetectedFace:
    """The face at place `number` (0..99) of a picture; faces of two places never overlap."""
    row, column = divmod(number, 10)
    box = BoundingBox(float32(column / 10), float32(row / 10), float32(0.09), float32(0.09))
    return DetectedFace(box, float32(99.0 - number / 100), (), Pose(0, 0, 0), Quality(50, 50, 50), 90.0, 90.0)


def slots(count: int) -> list[DetectedFace]:
    return [slot(number) for number in range(count)]


def slot_of(face: Face) -> int:
    return round(face.box.top * 10) * 10 + round(face.box.left * 10)


def unit(seed: object, dimensions: int = SFACE.dimensions) -> Embedding:
    """A random direction, always the same one for the same seed."""
    chance = random.Random(repr(seed))
    raw = [chance.gauss(0.0, 1.0) for _ in range(dimensions)]
    length = math.sqrt(sum(x * x for x in raw))
    return array("f", (x / length for x in raw))


class Embedder:
    """Embeds the faces of one picture, and remembers which it was asked for."""

    def __init__(self, of: Picture) -> None:
        self._of = of
        self.asked: list[DetectedFace] = []

    def __call__(self, face: DetectedFace) -> Embedding:
        self.asked.append(face)
        return vector_of(self._of, face.box)


@cache
def vector_of(of: Picture, box: BoundingBox) -> Embedding:
    return unit((of.sha256.hex(), of.external_image_id, box.left, box.top))


def new_collection(items: Items, name: str = "people") -> Collection:
    return StoredCollections(items).create(name, SFACE, {})


def ids(faces: Sequence[Face]) -> list[str]:
    return [str(face.face_id) for face in faces]


class FreshSearch:
    """A search over items that are never compacted, which reads the collection anew at each call, as operations do."""

    def __init__(self, items: Items) -> None:
        self._items = items
        self.over = StoredSearch(items, MemoryBlobs())

    def nearest(self, collection: Collection, probe: Embedding, **how: Any) -> Sequence[FaceMatch]:
        return self.over.nearest(now(self._items, collection), probe, **how)

    def nearest_to_face(self, collection: Collection, face_id: UUID, **how: Any) -> Sequence[FaceMatch]:
        return self.over.nearest_to_face(now(self._items, collection), face_id, **how)


def searcher(items: Items) -> FreshSearch:
    return FreshSearch(items)


def now(items: Items, collection: Collection) -> Collection:
    """The same collection, read anew. Raises ResourceNotFound when that very one is gone."""
    return require_head(items, collection).collection()
