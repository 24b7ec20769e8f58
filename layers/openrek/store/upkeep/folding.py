"""Folding: the log after a manifest becomes the rows that remain at its end, and the ids that it named."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from openrek.store.items.port import Attributes, Items
from openrek.store.log.entries import RowChanges, entries
from openrek.store.log.head import Head
from openrek.store.segments.columns import RowNumbers, Table, find, text_column
from openrek.store.segments.segment_file import FACES, USERS

ROWS_PER_STEP: Final = 250_000
BYTES_PER_ROW: Final = 64
"""What a row takes beside its vector, about."""


@dataclass(frozen=True, slots=True)
class FoldedRows:
    """The folded rows of one kind: `rows` remain at the end of the log; `named` maps each id that an entry names to the
    seq of the last such entry."""

    rows: Table
    named: Mapping[bytes, int]

    @property
    def size_bytes(self) -> int:
        return len(self.rows) * (self.rows.dimensions + BYTES_PER_ROW)

    def outdated(self, ids: NDArray[np.uint8], seqs: NDArray[np.uint64]) -> RowNumbers:
        """Return the rows of a segment (ids ascending) that an entry of the log replaced or deleted."""
        names = list(self.named)
        rows = find(ids, names)
        known = rows >= 0
        last = np.array([self.named[name] for name in names], np.uint64)
        candidates = rows[known]
        outdated: RowNumbers = candidates[seqs[candidates] < last[known]]
        return outdated


@dataclass(frozen=True, slots=True)
class FoldedLog:
    """The log up to `through`, folded, by kind of rows (segments.KINDS)."""

    through: int
    kinds: Mapping[int, FoldedRows]

    @property
    def faces(self) -> FoldedRows:
        return self.kinds[FACES]

    @property
    def users(self) -> FoldedRows:
        return self.kinds[USERS]


class FoldBuilder:
    """Folds the changes to one kind of rows while the log is read."""

    def __init__(self) -> None:
        self.named: dict[bytes, int] = {}
        self._living: dict[bytes, tuple[int, Attributes]] = {}

    def add(self, seq: int, changes: RowChanges) -> None:
        for row_id in changes.deleted:
            self._living.pop(row_id, None)
            self.named[row_id] = seq
        for row in changes.rows:
            self._living[row["id"]] = (seq, row)
            self.named[row["id"]] = seq

    def folded(self, dimensions: int) -> FoldedRows:
        return FoldedRows(table_of(list(self._living.values()), dimensions), self.named)


def fold(items: Items, head: Head, *, after: int) -> FoldedLog:
    """Fold the log entries after+1 .. head.seq, or as many as make a step. Raises LogGap when one is missing."""
    faces, users = FoldBuilder(), FoldBuilder()
    through = after
    for page in entries(items, head.uid, after=after, through=head.seq):
        for entry in page:
            faces.add(entry.seq, entry.faces)
            users.add(entry.seq, entry.users)
            through = entry.seq
        if len(faces.named) + len(users.named) >= ROWS_PER_STEP:
            break
    dimensions = head.dimensions
    return FoldedLog(through, {FACES: faces.folded(dimensions), USERS: users.folded(dimensions)})


def table_of(rows: Sequence[tuple[int, Attributes]], dimensions: int) -> Table:
    """Return a table of these (seq, attributes as openrek.store.log.rows writes them), in that order."""

    def column(name: str, kind: Any, width: int) -> NDArray[Any]:
        return np.frombuffer(b"".join(row[name] for _, row in rows), kind).reshape(len(rows), width)

    return Table(
        ids=column("id", np.uint8, 16),
        seqs=np.array([seq for seq, _ in rows], np.uint64),
        images=column("image", np.uint8, 16),
        geometry=column("geometry", "<f4", 5),
        scales=column("scale", "<f4", 1)[:, 0],
        vectors=column("vector", np.int8, dimensions),
        external=text_column([row.get("external") for _, row in rows]),
        owners=text_column([row.get("owner") for _, row in rows]),
    )
