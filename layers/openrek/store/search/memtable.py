"""The memtable of a collection: rows of the log that are in no segment yet, in columns that only grow.

Searches use immutable views of it.
"""

from collections.abc import Sequence
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openrek.store.items.port import Attributes
from openrek.store.log.entries import RowChanges
from openrek.store.search.row_scan import RowBlock
from openrek.store.segments.labels import RowLabels

FIRST_CAPACITY = 256


class Memtable:
    """A memtable: rows in the order in which they were logged; a row that was replaced or deleted stays, marked dead.

    Not for several threads: its owner applies entries one page at a time. Snapshots share the columns without a lock,
    because a row that a snapshot covers is never written again and `dead` is copied before it changes.
    """

    def __init__(self, dimensions: int, capacity: int = 0) -> None:
        self._dimensions = dimensions
        self._count = 0
        self._vectors = np.empty((capacity, dimensions), np.int8)
        self._scales = np.empty(capacity, np.float32)
        self._ids = np.empty((capacity, 16), np.uint8)
        self._images = np.empty((capacity, 16), np.uint8)
        self._geometry = np.empty((capacity, 5), np.float32)
        self._dead: NDArray[np.bool_] | None = None
        self._dead_count = 0
        self._external: list[str | None] = []
        self._owners: list[str | None] = []
        self._row_of: dict[bytes, int] = {}
        self._longest = 0.0

    @property
    def size_bytes(self) -> int:
        """About the bytes that the columns take, text and lookup included."""
        return sum(column.nbytes for column in self._arrays()) + 250 * self._count

    @property
    def mostly_dead(self) -> bool:
        return self._dead_count > FIRST_CAPACITY and self._dead_count > self._count // 2

    def apply(self, changes: Sequence[RowChanges]) -> None:
        """Apply changes in order: a row replaces one of the same id; a deletion affects earlier rows only."""
        fresh: list[Attributes] = []
        outdated: list[int] = []
        for change in changes:
            outdated += [self._row_of.pop(row_id) for row_id in change.named if row_id in self._row_of]
            named = [row["id"] for row in change.rows]
            self._row_of.update(zip(named, count(self._count + len(fresh)), strict=False))
            fresh += change.rows
        if fresh:
            self._append(fresh)
        if outdated:
            self._mark_dead(outdated)

    def living(self) -> "Memtable":
        """Return a copy without the dead rows: deleted vectors leave memory, and scans do not read them."""
        alive = np.arange(self._count) if self._dead is None else np.flatnonzero(~self._dead[: self._count])
        found = Memtable(self._dimensions, len(alive))
        for column, kept in zip(found._arrays(), self._arrays(), strict=True):
            np.take(kept, alive, axis=0, out=column[: len(alive)])
        found._external = [self._external[row] for row in alive.tolist()]
        found._owners = [self._owners[row] for row in alive.tolist()]
        found._row_of = {face_id.tobytes(): row for row, face_id in enumerate(found._ids[: len(alive)])}
        found._count, found._longest = len(alive), self._longest
        return found

    def view(self) -> tuple[RowBlock, RowLabels]:
        """Return the rows as they are now, and their labels. Neither ever changes."""
        rows = self._count
        dead = None if self._dead is None else self._dead[:rows]
        block = RowBlock(self._vectors[:rows], self._scales[:rows], self._ids[:rows], dead, self._longest)
        return block, RowLabels(self._ids, self._images, self._geometry, self._external, self._owners)

    def _arrays(self) -> tuple[NDArray[Any], ...]:
        return self._vectors, self._scales, self._ids, self._images, self._geometry

    def _append(self, rows: Sequence[Attributes]) -> None:
        start, stop = self._count, self._count + len(rows)
        while stop > len(self._scales):
            self._grow()

        def column(name: str, kind: type[np.generic] | str) -> NDArray[Any]:
            return np.frombuffer(b"".join([row[name] for row in rows]), kind).reshape(len(rows), -1)

        vectors, scales = column("vector", np.int8), column("scale", "<f4")[:, 0]
        self._vectors[start:stop] = vectors
        self._scales[start:stop] = scales
        self._ids[start:stop] = column("id", np.uint8)
        self._images[start:stop] = column("image", np.uint8)
        self._geometry[start:stop] = column("geometry", "<f4")
        self._external += [row.get("external") for row in rows]
        self._owners += [row.get("owner") for row in rows]
        lengths = scales * np.linalg.norm(vectors.astype(np.float64), axis=1)
        self._longest = max(self._longest, float(lengths.max()))
        self._count = stop

    def _mark_dead(self, rows: Sequence[int]) -> None:
        dead = np.zeros(len(self._scales), np.bool_)
        if self._dead is not None:
            dead[: len(self._dead)] = self._dead
        dead[rows] = True
        self._dead = dead
        self._dead_count += len(rows)

    def _grow(self) -> None:
        more = max(FIRST_CAPACITY, len(self._scales))

        def doubled(column: NDArray[Any]) -> NDArray[Any]:
            return np.concatenate([column, np.empty((more, *column.shape[1:]), column.dtype)])

        self._vectors, self._scales = doubled(self._vectors), doubled(self._scales)
        self._ids, self._images, self._geometry = doubled(self._ids), doubled(self._images), doubled(self._geometry)
        if self._dead is not None:
            self._dead = np.concatenate([self._dead, np.zeros(more, np.bool_)])
