"""Exact nearest neighbours over int8 rows: scan everything, keep what could win, rescore that exactly.

The scan is an integer dot product of the int8 query with the int8 rows: exact in float32 up to 1040 dimensions. With
q the float32 query, q = s qi + e (qi int8, e the rounding rest), the true score of a row r v is within ||e|| ||r v|| of
its scanned score (Cauchy-Schwarz). So every row whose scanned score is within twice that bound of the k-th best scanned
one, and no other, can be among the k best. Those few are scored again from the float32 query in fixed point, where
every sum is exact, so that each machine, thread count and BLAS gives the same scores and the same order.
"""

import ctypes
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
import simsimd
from numpy.typing import NDArray

Int8Matrix: TypeAlias = NDArray[np.int8]
Float32Vector: TypeAlias = NDArray[np.float32]

MAX_DIMENSIONS: Final = 1040
"""127 * 127 * 1040 < 2**24, and 127 * 2 * 2**40 * sqrt(1040) < 2**53: both sums stay exact."""

LONGEST_QUERY: Final = 2.0
FIXED_POINT: Final = 2.0**40
ROWS_PER_SLICE: Final = 1 << 18
PROBES_AT_ONCE: Final = 16
CACHED_BYTES: Final = 1 << 20
ROWS_PER_GROUP: Final = 64
ROWS_PER_PART: Final = 4096
"""As many are widened from int8 to a float at a time."""

KEPT_BYTES: Final = 64 << 20
LEAST: Final = float(np.finfo(np.float32).min)
"""Below every living row's score, above a dead one's."""

ROUNDING: Final = 1e-6
"""More than float32's rounding of (integer * scale) * s for scores up to 2."""

Scan: TypeAlias = Callable[[Int8Matrix, Int8Matrix, Float32Vector], None]
"""(query int8 [1, d], rows int8 [n, d], out float32 [n]): integer dot products."""


@dataclass(frozen=True, slots=True)
class Block:
    """n stored rows: vectors int8 [n, d], scales float32 [n], ids uint8 [n, 16], dead bool [n] or None.

    `longest` is the largest norm of any row (scale times int8 vector).
    """

    vectors: Int8Matrix
    scales: Float32Vector
    ids: NDArray[np.uint8]
    dead: NDArray[np.bool_] | None
    longest: float


@dataclass(frozen=True, slots=True)
class Hits:
    """Best first: which block, which row of it, and the float64 score."""

    block: NDArray[np.intp]
    row: NDArray[np.intp]
    score: NDArray[np.float64]


def simsimd_scan(query: Int8Matrix, rows: Int8Matrix, out: Float32Vector) -> None:
    """Given `out`, simsimd's cdist gives up a reference to None that it does not own. Where references to None are
    counted (CPython before 3.12) one is lent to it, or some thousand calls would end the process (docs/decisions/0008).
    """
    if sys.version_info < (3, 12):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(None))
    simsimd.cdist(query, rows, metric="dot", out_dtype="f32", out=out.reshape(1, -1))


def numpy_scan(query: Int8Matrix, rows: Int8Matrix, out: Float32Vector) -> None:
    """The same integers without simsimd: float32 sums of integers below 2**24 are exact in any order."""
    probe = query[0].astype(np.float32)
    for start in range(0, len(rows), ROWS_PER_PART):
        part = rows[start : start + ROWS_PER_PART]
        np.matmul(part.astype(np.float32), probe, out=out[start : start + len(part)])


def nearest(
    query: Float32Vector,
    blocks: Sequence[Block],
    *,
    limit: int,
    lowest: float,
    threads: int = 1,
    scan: Scan = simsimd_scan,
) -> Hits:
    """The `limit` living rows with the highest query . (scale * vector), none below `lowest`; ties by id, ascending.

    `query` is float32 [d], not zero and at most 2 long; d is the blocks' and at most 1040. Raises ValueError otherwise.
    """
    return nearest_each([query], blocks, limit=limit, lowest=lowest, threads=threads, scan=scan)[0]


def nearest_each(
    queries: Sequence[Float32Vector],
    blocks: Sequence[Block],
    *,
    limit: int,
    lowest: float,
    threads: int = 1,
    scan: Scan = simsimd_scan,
) -> list[Hits]:
    """`nearest` for each query, in that order; several pass over the rows together, while these are in the cache."""
    probes = [Probe(query) for query in queries]
    hits: list[Hits] = []
    for start in range(0, len(probes), PROBES_AT_ONCE):
        together = probes[start : start + PROBES_AT_ONCE]
        with _scratch([len(block.scales) for block in blocks] * len(together)) as scores:
            scanned = [scores[len(blocks) * each :][: len(blocks)] for each in range(len(together))]
            slices = _slices(blocks, ROWS_PER_SLICE if len(together) == 1 else None)
            maxima = _scanned(together, blocks, slices, scanned, threads, scan)
            hits += [
                _selected(probe, blocks, slices, [each[place] for each in maxima], scanned[place], limit, lowest)
                for place, probe in enumerate(together)
            ]
    return hits


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows start..stop of a block, scanned in one go; they fall into groups of ROWS_PER_GROUP and a rest."""

    block: int
    start: int
    stop: int

    @property
    def groups(self) -> int:
        return (self.stop - self.start) // ROWS_PER_GROUP

    def rows(self, places: NDArray[np.intp]) -> NDArray[np.intp]:
        """The rows behind places among `_scan_slice`'s maxima."""
        groups, rest = places[places < self.groups], places[places >= self.groups]
        spread = groups + self.groups * np.arange(ROWS_PER_GROUP)[:, None]
        return self.start + np.concatenate([spread.ravel(), rest + self.groups * (ROWS_PER_GROUP - 1)])


def _slices(blocks: Sequence[Block], rows_per_slice: int | None) -> list[Slice]:
    """All rows in slices; by default as many rows in each as stay in the cache."""
    return [
        Slice(number, start, min(start + rows, len(block.scales)))
        for number, block in enumerate(blocks)
        for rows in [rows_per_slice or max(1, CACHED_BYTES // block.vectors.shape[1])]
        for start in range(0, len(block.scales), rows)
    ]


def _scanned(
    probes: Sequence["Probe"],
    blocks: Sequence[Block],
    slices: Sequence[Slice],
    scanned: Sequence[Sequence[Float32Vector]],
    threads: int,
    scan: Scan,
) -> list[list[Float32Vector]]:
    """Fills `scanned[probe][block]`; for each slice and probe, the maxima of groups of rows."""

    def run(part: Slice) -> list[Float32Vector]:
        return [
            _scan_slice(probe, blocks[part.block], part, scores[part.block], scan)
            for probe, scores in zip(probes, scanned, strict=True)
        ]

    parallel = threads > 1 and len(slices) > 1
    return list(_pool(threads, os.getpid()).map(run, slices) if parallel else map(run, slices))


def _selected(
    probe: "Probe",
    blocks: Sequence[Block],
    slices: Sequence[Slice],
    maxima: Sequence[Float32Vector],
    scanned: Sequence[Float32Vector],
    limit: int,
    lowest: float,
) -> Hits:
    """The groups' maxima give a first cut; the rows of the groups that reach it, a sharper one."""
    margin = probe.margin(max((block.longest for block in blocks), default=0.0))
    first = _kth(np.concatenate([np.empty(0, np.float32), *maxima]), limit)
    cut = max(first - 2.0 * margin, lowest / probe.scale - margin, LEAST)
    reached: list[list[NDArray[np.intp]]] = [[np.empty(0, np.intp)] for _ in blocks]
    for part, best in zip(slices, maxima, strict=True):
        rows = part.rows(np.flatnonzero(best >= cut))
        reached[part.block].append(rows[scanned[part.block][rows] >= cut])
    candidates = [np.concatenate(rows) for rows in reached]
    found = [scores[rows] for scores, rows in zip(scanned, candidates, strict=True)]
    sharper = _kth(np.concatenate([np.empty(0, np.float32), *found]), limit) - 2.0 * margin
    kept = [rows[scores >= sharper] for rows, scores in zip(candidates, found, strict=True)]
    return _rescored(probe, blocks, kept, limit, lowest)


class _Kept(threading.local):
    buffer: Float32Vector = np.empty(0, np.float32)


_kept = _Kept()


@contextmanager
def _scratch(lengths: Sequence[int]) -> Iterator[list[Float32Vector]]:
    """Uninitialised float32 vectors of these lengths. This thread's memory is used again: fresh pages at each search
    would cost as much as the scan."""
    total = sum(lengths)
    kept, _kept.buffer = _kept.buffer, _Kept.buffer  # nobody else's, and lost if a slice fails while others still write
    buffer = kept if len(kept) >= total else np.empty(total, np.float32)
    ends = np.cumsum([0, *lengths])
    yield [buffer[start:stop] for start, stop in pairwise(ends.tolist())]
    if buffer.nbytes <= KEPT_BYTES:
        _kept.buffer = buffer


class Probe:
    """The query in its three forms: int8 with a scale for the scan, fixed point for the final score."""

    def __init__(self, query: Float32Vector) -> None:
        exact = query.astype(np.float64)
        peak = float(np.abs(exact).max(initial=0.0))
        self._norm = float(np.linalg.norm(exact))
        if not (peak > 0.0 and self._norm <= LONGEST_QUERY and len(exact) <= MAX_DIMENSIONS):
            raise ValueError("a query must not be zero, not be longer than 2, and have at most 1040 dimensions")
        self.scale = peak / 127.0
        self.int8 = np.rint(exact / self.scale).astype(np.int8).reshape(1, -1)
        self.fixed = np.rint(exact * FIXED_POINT)
        self._rest = float(np.linalg.norm(exact - self.scale * self.int8[0]))

    def margin(self, longest: float) -> float:
        """How far a scanned score (in units of `scale`) may be from the true one."""
        return (self._rest + ROUNDING * self._norm) * longest / self.scale


def _scan_slice(probe: Probe, block: Block, part: Slice, scanned: Float32Vector, scan: Scan) -> Float32Vector:
    """Scan the slice's rows into `scanned`, dead ones as -inf; returns the groups' maxima, then the rest's scores.

    Group g is rows g, g + groups, g + 2 groups, ...: maxima down the columns need no gathering.
    """
    scores = scanned[part.start : part.stop]
    scan(probe.int8, block.vectors[part.start : part.stop], scores)
    np.multiply(scores, block.scales[part.start : part.stop], out=scores)
    if block.dead is not None:
        np.putmask(scores, block.dead[part.start : part.stop], -np.inf)
    whole = part.groups * ROWS_PER_GROUP
    strided = scores[:whole].reshape(ROWS_PER_GROUP, part.groups)
    return np.concatenate([strided.max(axis=0, initial=-np.inf), scores[whole:]])


def _kth(scores: Float32Vector, k: int) -> float:
    """The k-th largest, or -inf when there are fewer."""
    if len(scores) < k:
        return -np.inf
    return float(np.partition(scores, len(scores) - k)[len(scores) - k])


def _rescored(
    probe: Probe, blocks: Sequence[Block], candidates: Sequence[NDArray[np.intp]], limit: int, lowest: float
) -> Hits:
    numbers = np.concatenate([np.empty(0, np.intp), *(np.full(len(r), n, np.intp) for n, r in enumerate(candidates))])
    rows = np.concatenate([np.empty(0, np.intp), *candidates])
    pairs = list(zip(blocks, candidates, strict=True))
    scores = np.concatenate([np.empty(0), *(_exact(probe, block, found) for block, found in pairs)])
    ids = np.concatenate([np.empty((0, 16), np.uint8), *(block.ids[found] for block, found in pairs)])
    high, low = ids.view(">u8").reshape(-1, 2).T if len(ids) else (scores, scores)
    order = np.lexsort((low, high, -scores))
    order = order[scores[order] >= lowest][:limit]
    return Hits(numbers[order], rows[order], scores[order])


def _exact(probe: Probe, block: Block, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    """query . (scale * vector) in float64; the sum is of integers below 2**53, so it does not depend on its order."""
    sums = np.empty(len(rows))
    for start in range(0, len(rows), ROWS_PER_PART):
        part = rows[start : start + ROWS_PER_PART]
        np.matmul(block.vectors[part].astype(np.float64), probe.fixed, out=sums[start : start + len(part)])
    return sums / FIXED_POINT * block.scales[rows].astype(np.float64)


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:  # noqa: ARG001 (threads do not survive a fork)
    return ThreadPoolExecutor(threads, thread_name_prefix="kernel")
