"""Exact nearest neighbours over int8 rows: scan everything, keep what could win, rescore that exactly.

The scan is an integer dot product of the int8 query with the int8 rows: exact in float32 up to 1040 dimensions. With
q the float32 query, q = s qi + e (qi int8, e the rounding rest), the true score of a row r v is within ||e|| ||r v|| of
its scanned score (Cauchy-Schwarz). So every row whose scanned score is within twice that bound of the k-th best scanned
one, and no other, can be among the k best. Those few are scored again from the float32 query in fixed point, where
every sum is exact, so that each machine, thread count and BLAS gives the same scores and the same order.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
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
    """Copies simsimd's result: asked to write into `out` itself, cdist gives up a reference to None that it does not
    own, and after some thousand calls CPython 3.11 dies (docs/decisions/0008)."""
    if len(rows):
        out[:] = np.asarray(simsimd.cdist(query, rows, metric="dot", out_dtype="f32"))[0]


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
        maxima, scanned = _scanned(together, blocks, threads, scan)
        hits += [
            _selected(probe, blocks, maxima[each], scanned[each], limit, lowest) for each, probe in enumerate(together)
        ]
    return hits


def _scanned(
    probes: Sequence["Probe"], blocks: Sequence[Block], threads: int, scan: Scan
) -> tuple[list[Float32Vector], list[list[Float32Vector]]]:
    """For each probe: the maxima of groups of rows, and the scanned scores of each block."""
    scanned = [[np.empty(len(block.scales), np.float32) for block in blocks] for _ in probes]

    def run(part: tuple[int, int, int]) -> list[Float32Vector]:
        number, start, stop = part
        return [
            _scan_slice(probe, blocks[number], start, stop, scores[number], scan)
            for probe, scores in zip(probes, scanned, strict=True)
        ]

    slices = [
        (number, start, min(start + rows, len(block.scales)))
        for number, block in enumerate(blocks)
        for rows in [ROWS_PER_SLICE if len(probes) == 1 else max(1, CACHED_BYTES // block.vectors.shape[1])]
        for start in range(0, len(block.scales), rows)
    ]
    parallel = threads > 1 and len(slices) > 1
    shares = list(_pool(threads, os.getpid()).map(run, slices) if parallel else map(run, slices))
    none = np.empty(0, np.float32)
    return [np.concatenate([none, *(share[each] for share in shares)]) for each in range(len(probes))], scanned


def _selected(
    probe: "Probe",
    blocks: Sequence[Block],
    group_maxima: Float32Vector,
    scanned: Sequence[Float32Vector],
    limit: int,
    lowest: float,
) -> Hits:
    margin = probe.margin(max((block.longest for block in blocks), default=0.0))
    cut = max(_kth(group_maxima, limit) - 2.0 * margin, lowest / probe.scale - margin)
    candidates = [_candidates(scores, cut, limit, 2.0 * margin) for scores in scanned]
    return _rescored(probe, blocks, candidates, limit, lowest)


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


def _scan_slice(probe: Probe, block: Block, start: int, stop: int, scanned: Float32Vector, scan: Scan) -> Float32Vector:
    """Scan rows start..stop into `scanned`; returns the maxima of groups of rows, dead rows left out."""
    scores = scanned[start:stop]
    scan(probe.int8, block.vectors[start:stop], scores)
    np.multiply(scores, block.scales[start:stop], out=scores)
    if block.dead is not None:
        np.putmask(scores, block.dead[start:stop], -np.inf)
    groups = len(scores) // ROWS_PER_GROUP
    strided = scores[: groups * ROWS_PER_GROUP].reshape(ROWS_PER_GROUP, groups)  # down the columns: no gather
    return np.concatenate([strided.max(axis=0, initial=-np.inf), scores[groups * ROWS_PER_GROUP :]])


def _kth(scores: Float32Vector, k: int) -> float:
    """The k-th largest, or -inf when there are fewer."""
    if len(scores) < k:
        return -np.inf
    return float(np.partition(scores, len(scores) - k)[len(scores) - k])


def _candidates(scores: Float32Vector, cut: float, limit: int, margin: float) -> NDArray[np.intp]:
    """Rows that may be among the `limit` best; the group maxima gave a first cut, the rows themselves a sharper one."""
    rows = np.flatnonzero(scores >= cut) if cut > -np.inf else np.flatnonzero(scores > -np.inf)
    found = scores[rows]
    return rows[found >= _kth(found, limit) - margin]


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
