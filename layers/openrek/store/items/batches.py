"""Batches: what is too much for one read or one transaction, part by part."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

Row = TypeVar("Row")


def batches(rows: Sequence[Row], size: int) -> Iterator[Sequence[Row]]:
    """Yield the rows in their order, `size` at a time; the last batch may be smaller."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
