"""A collection in memory: columns that only grow, and immutable snapshots of them that searches use."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from openrek.domain.faces import BoundingBox, Face
from openrek.store.items import Attributes
from openrek.store.kernel import Block
from openrek.store.log import Entry
from openrek.store.rows import GEOMETRY, SCALE

FIRST_CAPACITY = 256


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The collection as change `seq` left it. Nothing in it ever changes, so any number of threads may search it."""

    seq: int
    block: Block
    face: Callable[[int], Face]


class Columns:
    """Rows in the order in which they were logged; a row that was replaced or deleted stays, dead.

    Not for several threads: its owner applies entries one at a time. Snapshots share the columns without a lock,
    because a row that a snapshot covers is never written again and `dead` is copied before it changes.
    """

    def __init__(self, dimensions: int) -> None:
        self._dimensions = dimensions
        self._count = 0
        self._vectors = np.empty((FIRST_CAPACITY, dimensions), np.int8)
        self._scales = np.empty(FIRST_CAPACITY, np.float32)
        self._ids = np.empty((FIRST_CAPACITY, 16), np.uint8)
        self._images = np.empty((FIRST_CAPACITY, 16), np.uint8)
        self._geometry = np.empty((FIRST_CAPACITY, 5), np.float32)
        self._dead: NDArray[np.bool_] | None = None
        self._external: list[str | None] = []
        self._owners: list[str | None] = []
        self._row_of: dict[bytes, int] = {}
        self._longest = 0.0

    @property
    def size_bytes(self) -> int:
        """About what the columns take, text and lookup included."""
        arrays = (self._vectors, self._scales, self._ids, self._images, self._geometry)
        return sum(array.nbytes for array in arrays) + 250 * self._count

    def apply(self, entry: Entry) -> None:
        """A row replaces one of the same id; a deletion affects only rows of earlier entries."""
        named = {row["id"] for row in entry.rows} | set(entry.deleted)
        self._bury([face_id for face_id in named if face_id in self._row_of])
        for row in entry.rows:
            self._append(row)

    def snapshot(self, seq: int) -> Snapshot:
        count = self._count
        dead = None if self._dead is None else self._dead[:count]
        block = Block(self._vectors[:count], self._scales[:count], self._ids[:count], dead, self._longest)
        images, places, external, owners = self._images, self._geometry, self._external, self._owners

        def face(row: int) -> Face:
            left, top, width, height, confidence = places[row].tolist()
            return Face(
                UUID(bytes=block.ids[row].tobytes()),
                UUID(bytes=images[row].tobytes()),
                external[row],
                BoundingBox(left, top, width, height),
                confidence,
                owners[row],
            )

        return Snapshot(seq, block, face)

    def _append(self, row: Attributes) -> None:
        if self._count == len(self._scales):
            self._grow()
        at = self._count
        vector = np.frombuffer(row["vector"], np.int8)
        scale = SCALE.unpack(row["scale"])[0]
        self._vectors[at] = vector
        self._scales[at] = scale
        self._ids[at] = np.frombuffer(row["id"], np.uint8)
        self._images[at] = np.frombuffer(row["image"], np.uint8)
        self._geometry[at] = GEOMETRY.unpack(row["geometry"])
        self._external.append(row.get("external"))
        self._owners.append(row.get("owner"))
        self._row_of[row["id"]] = at
        self._longest = max(self._longest, scale * float(np.linalg.norm(vector.astype(np.float64))))
        self._count += 1

    def _bury(self, face_ids: list[bytes]) -> None:
        if not face_ids:
            return
        dead = np.zeros(len(self._scales), np.bool_)
        if self._dead is not None:
            dead[: self._count] = self._dead[: self._count]
        for face_id in face_ids:
            dead[self._row_of.pop(face_id)] = True
        self._dead = dead

    def _grow(self) -> None:
        def doubled(column: NDArray[Any]) -> NDArray[Any]:
            return np.concatenate([column, np.empty_like(column)])

        self._vectors, self._scales = doubled(self._vectors), doubled(self._scales)
        self._ids, self._images, self._geometry = doubled(self._ids), doubled(self._images), doubled(self._geometry)
        if self._dead is not None:
            self._dead = np.concatenate([self._dead, np.zeros(len(self._dead), np.bool_)])
