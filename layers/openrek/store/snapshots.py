"""A collection in memory: segments as they were read, the rows of the log since then, and who of them is dead.

A snapshot is immutable: any number of threads may search it while the next one is made beside it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from openrek.domain.faces import Face
from openrek.store.columns import Columns
from openrek.store.kernel import Block
from openrek.store.log import Entry
from openrek.store.segments import Segment
from openrek.store.tables import Bools, find


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The collection as change `seq` left it. `faces[b](row)` is the face of a row of `blocks[b]`."""

    seq: int
    blocks: tuple[Block, ...]
    faces: tuple[Callable[[int], Face], ...]


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
        return sum(column.nbytes for column in columns) + text + len(table)


class Memory:
    """Segments up to one change, then the log. Not for several threads: its owner applies entries page by page."""

    def __init__(self, dimensions: int, through: int = 0, held: Sequence[Held] = ()) -> None:
        self.seq = through
        self._held = list(held)
        self._columns = Columns(dimensions)

    @property
    def size_bytes(self) -> int:
        return self._columns.size_bytes + sum(held.size_bytes for held in self._held)

    @property
    def segments(self) -> dict[str, Segment]:
        return {held.name: held.segment for held in self._held}

    def apply(self, page: Sequence[Entry]) -> None:
        """Entries seq+1, seq+2, ...: what an entry names is dead wherever it was before."""
        named = [name for entry in page for name in (*(row["id"] for row in entry.rows), *entry.deleted)]
        self._held = [held.without(named) for held in self._held]
        self._columns.apply(page)
        if self._columns.mostly_dead:
            self._columns = self._columns.living()
        self.seq = page[-1].seq

    def snapshot(self) -> Snapshot:
        young, young_face = self._columns.view()
        blocks = (*(held.block() for held in self._held), young)
        return Snapshot(self.seq, blocks, (*(held.segment.table.face for held in self._held), young_face))
