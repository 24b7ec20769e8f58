"""The log since a manifest, folded: the rows that live at its end, and every id that it named."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from openrek.domain.models import face_model
from openrek.store.heads import Head
from openrek.store.items import Attributes, Items
from openrek.store.log import entries
from openrek.store.tables import Rows, Table, find, texts

ROWS_PER_STEP: Final = 250_000
BYTES_PER_ROW: Final = 64
"""What a row takes beside its vector, about."""


@dataclass(frozen=True, slots=True)
class Folded:
    """`rows` are what entries up to `through` leave; `named` maps each id that they name to the last seq that did."""

    through: int
    rows: Table
    named: Mapping[bytes, int]

    @property
    def size_bytes(self) -> int:
        return len(self.rows) * (self.rows.dimensions + BYTES_PER_ROW)

    def outdated(self, ids: NDArray[np.uint8], seqs: NDArray[np.uint64]) -> Rows:
        """The rows of a segment (ids ascending) that an entry of the log replaced or deleted."""
        names = list(self.named)
        rows = find(ids, names)
        known = rows >= 0
        last = np.array([self.named[name] for name in names], np.uint64)
        candidates = rows[known]
        outdated: Rows = candidates[seqs[candidates] < last[known]]
        return outdated


def fold(items: Items, head: Head, *, after: int) -> Folded:
    """Entries after+1 .. head.seq, or as many of them as make a step. Raises LogGap when one is missing."""
    living: dict[bytes, tuple[int, Attributes]] = {}
    named: dict[bytes, int] = {}
    through = after
    for page in entries(items, head.uid, after=after, through=head.seq):
        for entry in page:
            for face_id in entry.deleted:
                living.pop(face_id, None)
                named[face_id] = entry.seq
            for row in entry.rows:
                living[row["id"]] = (entry.seq, row)
                named[row["id"]] = entry.seq
            through = entry.seq
        if len(named) >= ROWS_PER_STEP:
            break
    return Folded(through, table_of(list(living.values()), face_model(head.model).dimensions), named)


def table_of(rows: Sequence[tuple[int, Attributes]], dimensions: int) -> Table:
    """(seq, attributes as rows.FaceRow writes them) -> a table, in that order."""

    def column(name: str, kind: Any, width: int) -> NDArray[Any]:
        return np.frombuffer(b"".join(row[name] for _, row in rows), kind).reshape(len(rows), width)

    return Table(
        ids=column("id", np.uint8, 16),
        seqs=np.array([seq for seq, _ in rows], np.uint64),
        images=column("image", np.uint8, 16),
        geometry=column("geometry", "<f4", 5),
        scales=column("scale", "<f4", 1)[:, 0],
        vectors=column("vector", np.int8, dimensions),
        external=texts([row.get("external") for _, row in rows]),
        owners=texts([row.get("owner") for _, row in rows]),
    )
