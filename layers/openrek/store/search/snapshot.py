"""A collection in memory: its segments, the rows that the log adds to them, and which rows are deleted.

A snapshot is immutable: any number of threads may search it while the next one is made beside it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from openrek.store.log.entries import LogEntry, RowChanges
from openrek.store.search.memtable import Memtable
from openrek.store.search.row_scan import RowBlock
from openrek.store.segments.columns import Bools, find
from openrek.store.segments.labels import RowLabels
from openrek.store.segments.segment_file import FACES, USERS, Segment
from openrek.store.segments.sketches import LazySketch


@dataclass(frozen=True, slots=True)
class Gallery:
    """A gallery: all rows of one kind (faces or users), to be searched. It never changes.

    The rows of `blocks[b]` are the faces or users of `labels[b]`; with `sketches[b]` they are scanned faster.
    """

    blocks: tuple[RowBlock, ...]
    labels: tuple[RowLabels, ...]
    sketches: tuple[LazySketch | None, ...]

    def sketched_blocks(self) -> list[RowBlock]:
        """Return the blocks, with the sketches that are built by now."""
        return [
            replace(block, sketch=sketch.made) if sketch else block
            for block, sketch in zip(self.blocks, self.sketches, strict=True)
        ]

    def build_sketches(self, later: Callable[[Callable[[], None]], None]) -> None:
        """Hand the building of missing sketches to `later`, once."""
        claimed = [sketch for sketch in self.sketches if sketch and sketch.claim()]

        def make() -> None:
            for sketch in claimed:
                sketch.make()

        if claimed:
            later(make)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A collection as change `seq` left it."""

    seq: int
    faces: Gallery
    users: Gallery


@dataclass(frozen=True, slots=True)
class LoadedSegment:
    """A segment in memory, from the blob `name`; `dead` is replaced, never written to."""

    name: str
    segment: Segment
    dead: Bools | None

    def without(self, ids: Sequence[bytes]) -> "LoadedSegment":
        """Return the segment with the rows of these ids marked dead."""
        rows = find(self.segment.table.ids, ids)
        rows = rows[rows >= 0]
        if not len(rows):
            return self
        dead = np.zeros(len(self.segment.table), np.bool_) if self.dead is None else self.dead.copy()
        dead[rows] = True
        return replace(self, dead=dead)

    def block(self) -> RowBlock:
        table = self.segment.table
        return RowBlock(table.vectors, table.scales, table.ids, self.dead, self.segment.longest)

    @property
    def size_bytes(self) -> int:
        table = self.segment.table
        columns = (table.ids, table.seqs, table.images, table.geometry, table.scales, table.vectors)
        text = table.external.content.nbytes + table.owners.content.nbytes + 8 * len(table)
        return sum(column.nbytes for column in columns) + text + len(table) + self.segment.sketch.size_bytes


class RowSet:
    """The rows of one kind: those of the segments, then those that the log added since."""

    def __init__(self, dimensions: int, held: Sequence[LoadedSegment]) -> None:
        self.held = list(held)
        self._memtable = Memtable(dimensions)

    @property
    def size_bytes(self) -> int:
        return self._memtable.size_bytes + sum(held.size_bytes for held in self.held)

    def apply(self, changes: Sequence[RowChanges]) -> None:
        """Apply changes in order; a row that they replace or delete is dead wherever it was."""
        named = [row_id for change in changes for row_id in change.named]
        if not named:
            return
        self.held = [held.without(named) for held in self.held]
        self._memtable.apply(changes)
        if self._memtable.mostly_dead:
            self._memtable = self._memtable.living()

    def gallery(self) -> Gallery:
        recent, labels = self._memtable.view()
        return Gallery(
            (*(held.block() for held in self.held), recent),
            (*(held.segment.table.labels for held in self.held), labels),
            (*(held.segment.sketch for held in self.held), None),
        )


class Memory:
    """The rows of a collection: segments up to one change, then the log.

    Not for several threads: its owner applies entries page by page.
    """

    def __init__(
        self, dimensions: int, through: int = 0, held: Mapping[int, Sequence[LoadedSegment]] | None = None
    ) -> None:
        """Start from segments that hold everything up to change `through`; `held` maps a kind of rows to them."""
        held = held or {}
        self.seq = through
        self._faces = RowSet(dimensions, held.get(FACES, ()))
        self._users = RowSet(dimensions, held.get(USERS, ()))

    @property
    def size_bytes(self) -> int:
        return self._faces.size_bytes + self._users.size_bytes

    @property
    def segments(self) -> dict[str, Segment]:
        return {held.name: held.segment for held in (*self._faces.held, *self._users.held)}

    def apply(self, page: Sequence[LogEntry]) -> None:
        """Apply the log entries seq+1, seq+2, ..."""
        self._faces.apply([entry.faces for entry in page])
        self._users.apply([entry.users for entry in page])
        self.seq = page[-1].seq

    def snapshot(self) -> Snapshot:
        return Snapshot(self.seq, self._faces.gallery(), self._users.gallery())
