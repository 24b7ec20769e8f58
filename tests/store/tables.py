"""Tables of any content for property tests, and stores that forget at a power cut but are fast."""

from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from openrek.store.items.sqlite import SqliteItems
from openrek.store.segments.columns import Table, text_column
from tests.store.synthetic import open_items

NAMES = (None, "a", "photos/1.jpg", "A-Z_0.9:x", "é", "日本", "x" * 255)
ID_BYTES = np.array([0, 1, 255], np.uint8)


def open_fast(folder: Path) -> SqliteItems:
    """For one thread: its commits do not wait for the disk."""
    items = open_items(folder)
    items._connection().pragma("synchronous", "OFF")
    return items


def tables(*, rows: tuple[int, int] = (0, 12), dimensions: tuple[int, int] = (1, 9)) -> st.SearchStrategy[Table]:
    """Distinct ids in any order, many with zeros at their ends."""
    return st.builds(table, st.integers(*rows), st.integers(*dimensions), st.integers(0, 2**32 - 1))


def table(count: int, dimensions: int, seed: int) -> Table:
    chance = np.random.default_rng(seed)
    ids = chance.choice(ID_BYTES, (count, 16))
    ids[:, 5] = chance.permutation(256)[:count]
    return Table(
        ids=ids,
        seqs=chance.integers(1, 1 << 63, count, np.uint64),
        images=chance.integers(0, 256, (count, 16), np.uint8),
        geometry=chance.uniform(-1, 100, (count, 5)).astype(np.float32),
        scales=chance.uniform(0.001, 0.01, count).astype(np.float32),
        vectors=chance.integers(-127, 128, (count, dimensions), np.int8),
        external=text_column([NAMES[place] for place in chance.integers(0, len(NAMES), count)]),
        owners=text_column([NAMES[place] for place in chance.integers(0, len(NAMES), count)]),
    )


def rows_of(table: Table) -> list[tuple[Any, ...]]:
    """The rows as plain values."""
    return [
        (
            table.ids[row].tobytes(), int(table.seqs[row]), table.images[row].tobytes(), table.geometry[row].tobytes(),
            table.scales[row].tobytes(), table.vectors[row].tobytes(), table.external[row], table.owners[row],
        )
        for row in range(len(table))
    ]  # fmt: skip
