"""What a search keeps in memory: the scores of as many queries as are allowed for, in memory that is used again."""

import numpy as np
import pytest

from openrek.store.search import kernel
from openrek.store.search.kernel import SCRATCH_BYTES, nearest_each
from openrek.store.search.row_scan import Float32Matrix, Int8Matrix, RowBlock, numpy_scan

ROWS, DIMENSIONS = 1024, 8


@pytest.fixture(autouse=True)
def no_memory() -> None:
    """Start without the memory of other tests' searches."""
    kernel._memory.buffer = np.empty(0, np.float32)


class RecordingScan:
    """A scan that notes how many queries it was given, and where their scores are."""

    def __init__(self) -> None:
        self.queries: list[int] = []
        self.addresses: list[int] = []

    def __call__(
        self, queries: Int8Matrix, block: RowBlock, group_rows: int, scores: Float32Matrix, maxima: Float32Matrix
    ) -> None:
        self.queries.append(len(queries))
        self.addresses.append(scores.ctypes.data)
        numpy_scan(queries, block, group_rows, scores, maxima)


def rows(count: int) -> RowBlock:
    chance = np.random.default_rng(count)
    vectors = chance.integers(-127, 128, (count, DIMENSIONS), dtype=np.int8)
    ids = np.frombuffer(chance.bytes(16 * count), np.uint8).reshape(count, 16)
    return RowBlock(vectors, np.full(count, 0.01, np.float32), ids, None, 127 * 0.01 * DIMENSIONS**0.5)


def searched(scan: RecordingScan, queries: int, scores_bytes: int = SCRATCH_BYTES, count: int = ROWS) -> int:
    """Search for `queries` at once; return the number of results."""
    probes = list(np.eye(DIMENSIONS, dtype=np.float32)[np.arange(queries) % DIMENSIONS])
    found = nearest_each(probes, [rows(count)], limit=3, lowest=-9.0, scan=scan, scores_bytes=scores_bytes)
    return len(found)


@pytest.mark.parametrize(("allowed", "at_once"), [(1, [1] * 7), (3, [3, 3, 1]), (7, [7]), (100, [7])])
def test_no_more_scores_are_in_memory_than_allowed(allowed: int, at_once: list[int]) -> None:
    scan = RecordingScan()

    assert searched(scan, 7, scores_bytes=4 * ROWS * allowed + allowed) == 7

    assert scan.queries == at_once


def test_a_thread_uses_the_memory_of_its_last_search_again() -> None:
    scan = RecordingScan()
    searched(scan, 4)
    for queries in (4, 2, 1, 3):
        searched(scan, queries)
    assert len(set(scan.addresses)) == 1
    assert kernel._memory.buffer.nbytes == 4 * 4 * ROWS


def test_the_memory_of_a_large_search_is_let_go() -> None:
    searched(RecordingScan(), 1, count=SCRATCH_BYTES // 4 + 4)
    assert kernel._memory.buffer.nbytes == 0

    searched(RecordingScan(), 1)
    assert kernel._memory.buffer.nbytes == 4 * ROWS
