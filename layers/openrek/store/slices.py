"""Rows cut into slices for threads and caches, and into groups, whose maxima say where the best rows are.

A row's place is its number among the rows of all blocks, one block after another.
"""

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows start..stop of a block, scanned in one go; `place` is the first one's.

    They fall into groups of `group_rows`: group g is rows g, g + groups, g + 2 groups, ..., so that maxima down the
    columns need no gathering. Each row of the rest is a group of its own.
    """

    block: int
    start: int
    stop: int
    place: int
    group_rows: int

    def maxima(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores [stop - start, ...] -> each group's best one [groups, ...]."""
        count, whole, others = self._whole_groups, self._whole_rows, scores.shape[1:]
        strided = scores[:whole].reshape(self.group_rows, count * math.prod(others))
        return np.concatenate([strided.max(axis=0).reshape(count, *others), scores[whole:]])

    def groups(self) -> NDArray[np.intp]:
        """[2, groups]: the place of each group's first row, and the step to the next ones; 0 if there are none."""
        first = np.concatenate([np.arange(self._whole_groups), np.arange(self._whole_rows, self.stop - self.start)])
        return np.stack([self.place + first, np.where(first < self._whole_groups, self._whole_groups, 0)])

    @property
    def _whole_groups(self) -> int:
        return (self.stop - self.start) // self.group_rows

    @property
    def _whole_rows(self) -> int:
        return self._whole_groups * self.group_rows


class Slices:
    """All rows of blocks of these lengths, at most `rows` in each slice."""

    def __init__(self, lengths: Sequence[int], *, rows: int, group_rows: int) -> None:
        self._block_starts = list(accumulate(lengths, initial=0))
        self._slices = [
            Slice(block, start, min(start + rows, length), self._block_starts[block] + start, group_rows)
            for block, length in enumerate(lengths)
            for start in range(0, length, rows)
        ]
        self._group_rows = group_rows

    @property
    def total_rows(self) -> int:
        return self._block_starts[-1]

    def each(self, run: Callable[[Slice], Result], threads: int) -> list[Result]:
        """run(slice) for each, in their order."""
        parallel = threads > 1 and len(self._slices) > 1
        return list(_pool(threads, os.getpid()).map(run, self._slices) if parallel else map(run, self._slices))

    def groups(self) -> NDArray[np.intp]:
        """[2, groups]: those of all slices in their order; see Slice.groups."""
        return np.concatenate([np.empty((2, 0), np.intp), *(part.groups() for part in self._slices)], axis=1)

    def places(self, groups: NDArray[np.intp]) -> NDArray[np.intp]:
        """The places of all rows of these groups [2, n]."""
        firsts, steps = groups[:, :, None]
        numbers = np.arange(self._group_rows)
        places: NDArray[np.intp] = (firsts + steps * numbers)[(steps > 0) | (numbers == 0)]
        return places

    def by_block(self, places: NDArray[np.intp]) -> list[NDArray[np.intp]]:
        """Per block, its rows at these places."""
        places = np.sort(places)
        parts = np.split(places, np.searchsorted(places, self._block_starts[1:-1]))
        return [part - start for part, start in zip(parts, self._block_starts[:-1], strict=False)]


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:  # noqa: ARG001 (threads do not survive a fork)
    return ThreadPoolExecutor(threads, thread_name_prefix="kernel")
