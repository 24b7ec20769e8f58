"""Tables: rows in columns, as segments hold them and compaction cuts and joins them.

A table is immutable and holds rows of one kind. Its arrays are often views of a file, so nothing here writes to them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from openrek.store.segments.labels import RowLabels

Bools = NDArray[np.bool_]
RowNumbers = NDArray[np.intp]

ROWS_PER_PART: Final = 4096
"""Texts copied at a time: each of their bytes takes 24 more meanwhile."""


@dataclass(frozen=True, slots=True)
class TextColumn:
    """A column of short texts, one a row or none: offsets uint32 [n + 1] into UTF-8 bytes uint8 [total]."""

    offsets: NDArray[np.uint32]
    content: NDArray[np.uint8]

    def __getitem__(self, row: int) -> str | None:
        return self.content[self.offsets[row] : self.offsets[row + 1]].tobytes().decode() or None

    def take(self, rows: RowNumbers) -> "TextColumn":
        """Return the texts of these rows, in this order."""
        starts = self.offsets[rows].astype(np.int64)
        lengths = self.offsets[rows + 1].astype(np.int64) - starts
        ends = np.cumsum(lengths)
        content = np.empty(int(lengths.sum()), np.uint8)
        for first in range(0, len(rows), ROWS_PER_PART):
            part = slice(first, first + ROWS_PER_PART)
            begins = ends[part] - lengths[part]
            # For each byte of the part, where it comes from: its place in the result moved by its text's displacement.
            begin, end = int(begins[0]), int(ends[part][-1])
            source = np.arange(begin, end) + np.repeat(starts[part] - begins, lengths[part])
            content[begin:end] = self.content[source]
        return TextColumn(np.concatenate([[0], ends]).astype(np.uint32), content)


def text_column(values: Sequence[str | None]) -> TextColumn:
    """Return a column of these texts."""
    encoded = [(value or "").encode() for value in values]
    ends = np.cumsum([0, *map(len, encoded)]).astype(np.uint32)
    return TextColumn(ends, np.frombuffer(b"".join(encoded), np.uint8))


@dataclass(frozen=True, slots=True)
class Table:
    """A table of n rows: ids uint8 [n, 16] (ascending in a segment), seqs uint64 [n] (the change that wrote the row),
    images uint8 [n, 16], geometry float32 [n, 5] (left, top, width, height, confidence), scales float32 [n], vectors
    int8 [n, d], external ids and owners. Users have the same columns: see openrek.store.log.rows.
    """

    ids: NDArray[np.uint8]
    seqs: NDArray[np.uint64]
    images: NDArray[np.uint8]
    geometry: NDArray[np.float32]
    scales: NDArray[np.float32]
    vectors: NDArray[np.int8]
    external: TextColumn
    owners: TextColumn

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def dimensions(self) -> int:
        return int(self.vectors.shape[1])

    @property
    def labels(self) -> RowLabels:
        return RowLabels(self.ids, self.images, self.geometry, self.external, self.owners)

    def take(self, rows: RowNumbers) -> "Table":
        """Return a copy of these rows, in this order."""
        return Table(
            self.ids[rows],
            self.seqs[rows],
            self.images[rows],
            self.geometry[rows],
            self.scales[rows],
            self.vectors[rows],
            self.external.take(rows),
            self.owners.take(rows),
        )

    def sorted(self) -> "Table":
        """Return the same rows in ascending order of their ids."""
        return self.take(np.argsort(_keys(self.ids), kind="stable"))


def find(ids: NDArray[np.uint8], wanted: Sequence[bytes]) -> RowNumbers:
    """Return the row of each wanted id of 16 bytes in `ids`, uint8 [n, 16] in ascending order; -1 if there is none."""
    if not len(ids) or not wanted:
        return np.full(len(wanted), -1, np.intp)
    keys, names = _keys(ids), np.array(wanted, dtype="S16")
    places = np.minimum(np.searchsorted(keys, names), len(keys) - 1)
    found: RowNumbers = np.where(keys[places] == names, places, -1).astype(np.intp)
    return found


def joined(tables: Sequence[Table]) -> Table:
    """Return all rows of all tables (at least one), in that order."""
    return Table(
        np.concatenate([table.ids for table in tables]),
        np.concatenate([table.seqs for table in tables]),
        np.concatenate([table.images for table in tables]),
        np.concatenate([table.geometry for table in tables]),
        np.concatenate([table.scales for table in tables]),
        np.concatenate([table.vectors for table in tables]),
        _joined_texts([table.external for table in tables]),
        _joined_texts([table.owners for table in tables]),
    )


def _joined_texts(columns: Sequence[TextColumn]) -> TextColumn:
    shifts = np.cumsum([0, *(int(column.offsets[-1]) for column in columns)])
    offsets = [column.offsets[:-1].astype(np.int64) + shift for column, shift in zip(columns, shifts, strict=False)]
    ends = np.concatenate([*offsets, [shifts[-1]]]).astype(np.uint32)
    return TextColumn(ends, np.concatenate([column.content for column in columns]))


def _keys(ids: NDArray[np.uint8]) -> NDArray[np.bytes_]:
    """Return the ids as strings of fixed length, which numpy compares as unsigned bytes."""
    return np.ascontiguousarray(ids).view("S16").reshape(-1)
