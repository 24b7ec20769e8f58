"""Rows cut into slices that fit threads and caches, and slices into groups, whose best scores lead to the best rows.

A row's place is its number among the rows of all blocks, one block after another.
"""

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Slice:
    """A slice: rows start..stop of a block, scanned in one go. `place` is that of its first row, `group` the number of
    its first group.

    A group is `group_rows` rows that follow each other; the last one takes the remaining rows.
    """

    block: int
    start: int
    stop: int
    place: int
    group: int
    group_rows: int

    @property
    def rows(self) -> slice:
        return slice(self.start, self.stop)

    @property
    def places(self) -> slice:
        return slice(self.place, self.place + self.stop - self.start)

    @property
    def groups(self) -> slice:
        return slice(self.group, self.group + -(-(self.stop - self.start) // self.group_rows))


class Slices:
    """The slices of blocks of these lengths, each of at most `rows` rows, which is a multiple of `group_rows`."""

    def __init__(self, lengths: Sequence[int], *, rows: int, group_rows: int) -> None:
        self.group_rows = group_rows
        self._row_starts = list(accumulate(lengths, initial=0))
        self._group_starts = list(accumulate((-(-length // group_rows) for length in lengths), initial=0))
        self._slices = [
            Slice(
                block,
                start,
                min(start + rows, length),
                self._row_starts[block] + start,
                self._group_starts[block] + start // group_rows,
                group_rows,
            )
            for block, length in enumerate(lengths)
            for start in range(0, length, rows)
        ]

    @property
    def total_rows(self) -> int:
        return self._row_starts[-1]

    @property
    def total_groups(self) -> int:
        return self._group_starts[-1]

    def each(self, run: Callable[[Slice], None], threads: int) -> None:
        """Call run(slice) for each slice, in the caller's thread and threads - 1 others.

        Were the caller to wait for all of them, Linux would often wake two of them on one core, for milliseconds.
        """
        remaining = deque(self._slices)

        def work() -> None:
            while part := _next(remaining):
                run(part)

        others = range(min(threads, len(remaining)) - 1)
        running = [_pool(threads, os.getpid()).submit(work) for _ in others]
        try:
            work()
        finally:
            remaining.clear()
            for other in running:
                if not other.cancel():  # it may not have begun: others search, too
                    other.result()

    def places(self, groups: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the places of all rows of the groups with these numbers; ascending if the numbers are."""
        row_starts, group_starts = np.array(self._row_starts), np.array(self._group_starts)
        block = np.searchsorted(group_starts, groups, side="right") - 1
        firsts = row_starts[block] + (groups - group_starts[block]) * self.group_rows
        places = firsts[:, None] + np.arange(self.group_rows)
        inside: NDArray[np.intp] = places[places < row_starts[block + 1, None]]
        return inside

    def by_block(self, places: NDArray[np.intp]) -> list[NDArray[np.intp]]:
        """Return for each block its rows at these places, which are ascending."""
        parts = np.split(places, np.searchsorted(places, self._row_starts[1:-1]))
        return [part - start for part, start in zip(parts, self._row_starts[:-1], strict=False)]


def _next(remaining: deque[Slice]) -> Slice | None:
    with suppress(IndexError):
        return remaining.popleft()
    return None


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:  # noqa: ARG001 (threads do not survive a fork)
    return ThreadPoolExecutor(threads, thread_name_prefix="kernel")
