"""A collection in memory: segments as they were read, the rows of the log since then, and who of them is dead.

A snapshot is immutable: any number of threads may search it while the next one is made beside it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from openrek.store.log.entries import Changes, Entry
from openrek.store.search.memtable import Columns
from openrek.store.search.row_scan import Block
from openrek.store.segments.columns import Bools, find
from openrek.store.segments.labels import Labels
from openrek.store.segments.segment_file import FACES, USERS, Segment
from openrek.store.segments.sketches import LazySketch


@dataclass(frozen=True, slots=True)
class Matrix:
    """All rows of one kind: `labels[b]` says what the rows of `blocks[b]` stand for, `sketches[b]` may shorten the way
    through them.
    """

    blocks: tuple[Block, ...]
    labels: tuple[Labels, ...]
    sketches: tuple[LazySketch | None, ...]

    def sketched(self) -> list[Block]:
        """The blocks with the sketches that are there now."""
        return [
            replace(block, sketch=sketch.made) if sketch else block
            for block, sketch in zip(self.blocks, self.sketches, strict=True)
        ]

    def order_sketches(self, later: Callable[[Callable[[], None]], None]) -> None:
        """`later` is given the making of those that are missing, once."""
        claimed = [sketch for sketch in self.sketches if sketch and sketch.claim()]

        def make() -> None:
            for sketch in claimed:
                sketch.make()

        if claimed:
            later(make)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The collection as change `seq` left it."""

    seq: int
    faces: Matrix
    users: Matrix


@dataclass(frozen=True, slots=True)
class Held:
    """A segment of the manifest `name` came from, in memory; `dead` is replaced, never written to."""

    name: str
    segment: Segment
    dead: Bools | None

    def without(self, ids: Sequence[bytes]) -> "Held":
        rows = find(self.segment.table.ids, ids)
        rows = rows[rows >= 0]
        if not len(rows):
            return self
        dead = np.zeros(len(self.segment.table), np.bool_) if self.dead is None else self.dead.copy()
        dead[rows] = True
        return replace(self, dead=dead)

    def block(self) -> Block:
        table = self.segment.table
        return Block(table.vectors, table.scales, table.ids, self.dead, self.segment.longest)

    @property
    def size_bytes(self) -> int:
        table = self.segment.table
        columns = (table.ids, table.seqs, table.images, table.geometry, table.scales, table.vectors)
        text = table.external.content.nbytes + table.owners.content.nbytes + 8 * len(table)
        return sum(column.nbytes for column in columns) + text + len(table) + self.segment.sketch.size_bytes


class Rows:
    """Rows of one kind: segments, then what the log says since."""

    def __init__(self, dimensions: int, held: Sequence[Held]) -> None:
        self.held = list(held)
        self._columns = Columns(dimensions)

    @property
    def size_bytes(self) -> int:
        return self._columns.size_bytes + sum(held.size_bytes for held in self.held)

    def apply(self, changes: Sequence[Changes]) -> None:
        """What is named is dead wherever it was before."""
        named = [row_id for change in changes for row_id in change.named]
        if not named:
            return
        self.held = [held.without(named) for held in self.held]
        self._columns.apply(changes)
        if self._columns.mostly_dead:
            self._columns = self._columns.living()

    def matrix(self) -> Matrix:
        young, labels = self._columns.view()
        return Matrix(
            (*(held.block() for held in self.held), young),
            (*(held.segment.table.labels for held in self.held), labels),
            (*(held.segment.sketch for held in self.held), None),
        )


class Memory:
    """Segments up to one change, then the log. Not for several threads: its owner applies entries page by page."""

    def __init__(self, dimensions: int, through: int = 0, held: Mapping[int, Sequence[Held]] | None = None) -> None:
        """`held`: the segments of each kind."""
        held = held or {}
        self.seq = through
        self._faces = Rows(dimensions, held.get(FACES, ()))
        self._users = Rows(dimensions, held.get(USERS, ()))

    @property
    def size_bytes(self) -> int:
        return self._faces.size_bytes + self._users.size_bytes

    @property
    def segments(self) -> dict[str, Segment]:
        return {held.name: held.segment for held in (*self._faces.held, *self._users.held)}

    def apply(self, page: Sequence[Entry]) -> None:
        """Entries seq+1, seq+2, ..."""
        self._faces.apply([entry.faces for entry in page])
        self._users.apply([entry.users for entry in page])
        self.seq = page[-1].seq

    def snapshot(self) -> Snapshot:
        return Snapshot(self.seq, self._faces.matrix(), self._users.matrix())
