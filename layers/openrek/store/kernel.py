"""Exact nearest neighbours over int8 rows: scan everything, keep what could win, rescore that exactly.

The scan is an integer dot product of the int8 query with the int8 rows: exact in float32 up to 1040 dimensions. With
q the float32 query, q = s qi + e (qi int8, e the rounding rest), the true score of a row r v is within ||e|| ||r v|| of
its scanned score (Cauchy-Schwarz). So every row whose scanned score is within twice that bound of the k-th best scanned
one, and no other, can be among the k best. Those few are scored again from the float32 query in fixed point, where
every sum is exact, so that each machine, thread count and BLAS gives the same scores and the same order.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from openrek.store.row_scan import Block, Float32Matrix, Float32Vector, Scan, fastest_scan
from openrek.store.slices import Slice, Slices

MAX_DIMENSIONS: Final = 1040
"""127 * 127 * 1040 < 2**24, and 127 * 2 * 2**40 * sqrt(1040) < 2**53: both sums stay exact."""

LONGEST_QUERY: Final = 2.0
FIXED_POINT: Final = 2.0**40
ROWS_PER_SLICE: Final = 1 << 16
FEW_HITS: Final = 500
ROWS_PER_GROUP: Final = 64
ROWS_PER_SMALL_GROUP: Final = 16
"""Where many hits are wanted, small groups bring fewer candidates that are none; else fewer maxima are quicker."""

ROWS_PER_EXACT_PART: Final = 256
"""As many are widened to float64 at a time: in the cache, and in memory that malloc has at hand."""

KEPT_BYTES: Final = 64 << 20
LEAST: Final = float(np.finfo(np.float32).min)
"""Below every living row's score, above a dead one's."""

ROUNDING: Final = 1e-6
"""More than float32's rounding of (integer * scale) * s for scores up to 2."""


@dataclass(frozen=True, slots=True)
class Hits:
    """Best first: which block, which row of it, and the float64 score."""

    block: NDArray[np.intp]
    row: NDArray[np.intp]
    score: NDArray[np.float64]


def nearest(
    query: Float32Vector,
    blocks: Sequence[Block],
    *,
    limit: int,
    lowest: float,
    threads: int = 1,
    scan: Scan | None = None,
) -> Hits:
    """The `limit` living rows with the highest query . (scale * vector), none below `lowest`; ties by id, ascending.

    `query` is float32 [d], not zero and at most 2 long; d is the blocks' and at most 1040. Raises ValueError otherwise.
    `scan` is by default the fastest; they give the same answers.
    """
    return nearest_each([query], blocks, limit=limit, lowest=lowest, threads=threads, scan=scan)[0]


def nearest_each(
    queries: Sequence[Float32Vector],
    blocks: Sequence[Block],
    *,
    limit: int,
    lowest: float,
    threads: int = 1,
    scan: Scan | None = None,
    scores_bytes: int = KEPT_BYTES,
) -> list[Hits]:
    """`nearest` for each query, in that order. Rows come from memory once for as many queries as have their scores in
    `scores_bytes`.
    """
    probes, scan = [Probe(query) for query in queries], scan or fastest_scan()
    group_rows = ROWS_PER_GROUP if limit <= FEW_HITS else ROWS_PER_SMALL_GROUP
    slices = Slices([len(block.scales) for block in blocks], rows=ROWS_PER_SLICE, group_rows=group_rows)
    at_once = max(1, scores_bytes // (4 * slices.total_rows + 1))
    return [
        hits
        for start in range(0, len(probes), at_once)
        for hits in _nearest(probes[start : start + at_once], blocks, slices, limit, lowest, threads, scan)
    ]


def _nearest(
    probes: Sequence["Probe"],
    blocks: Sequence[Block],
    slices: Slices,
    limit: int,
    lowest: float,
    threads: int,
    scan: Scan,
) -> Iterator[Hits]:
    queries = np.stack([probe.int8 for probe in probes])
    maxima = np.empty((len(probes), slices.total_groups), np.float32)
    with _scratch(len(probes), slices.total_rows) as scores:

        def run(part: Slice) -> None:
            block = blocks[part.block].part(part.rows)
            scan(queries, block, slices.group_rows, scores[:, part.places], maxima[:, part.groups])

        slices.each(run, threads)
        for probe, best, found in zip(probes, maxima, scores, strict=True):
            places = _candidates(probe, blocks, slices, best, found, limit, lowest)
            yield _rescored(probe, blocks, slices.by_block(places), limit, lowest)


def _candidates(
    probe: "Probe",
    blocks: Sequence[Block],
    slices: Slices,
    maxima: Float32Vector,
    scores: Float32Vector,
    limit: int,
    lowest: float,
) -> NDArray[np.intp]:
    """The groups' maxima give a first cut; the rows of the groups that reach it, a sharper one."""
    margin = probe.margin(max((block.longest for block in blocks), default=0.0))
    cut = max(_kth(maxima, limit) - 2.0 * margin, lowest / probe.scale - margin, LEAST)
    places = slices.places(np.flatnonzero(maxima >= cut))
    found = scores[places]
    sharper = max(_kth(found, limit) - 2.0 * margin, cut)
    return places[found >= sharper]


class _Kept(threading.local):
    buffer: Float32Vector = np.empty(0, np.float32)


_kept = _Kept()


@contextmanager
def _scratch(queries: int, rows: int) -> Iterator[Float32Matrix]:
    """float32 [queries, rows], uninitialised. This thread's memory is used again: fresh pages at each search would cost
    as much as the scan."""
    kept, _kept.buffer = _kept.buffer, _Kept.buffer  # nobody else's, and lost if a slice fails while others still write
    total = queries * rows
    buffer = kept if len(kept) >= total else np.empty(total, np.float32)
    yield buffer[:total].reshape(queries, rows)
    if buffer.nbytes <= KEPT_BYTES:
        _kept.buffer = buffer


class Probe:
    """The query in two forms: fixed point, which is what scores are of, and int8 with a scale for the scan."""

    def __init__(self, query: Float32Vector) -> None:
        self.fixed = np.rint(query.astype(np.float64) * FIXED_POINT)
        exact = self.fixed / FIXED_POINT
        peak = float(np.abs(exact).max(initial=0.0))
        self.norm = float(np.linalg.norm(exact))
        if not (peak > 0.0 and self.norm <= LONGEST_QUERY and len(exact) <= MAX_DIMENSIONS):
            raise ValueError("a query must not be zero, not be longer than 2, and have at most 1040 dimensions")
        self.scale = peak / 127.0
        self.int8 = np.rint(exact / self.scale).astype(np.int8)
        self._rest = float(np.linalg.norm(exact - self.scale * self.int8))

    def margin(self, longest: float) -> float:
        """How far a scanned score (in units of `scale`) may be from the true one."""
        return (self._rest + ROUNDING * self.norm) * longest / self.scale


def _kth(scores: NDArray[np.floating[Any]], k: int) -> float:
    """The k-th largest, or -inf when there are fewer."""
    if len(scores) < k:
        return -np.inf
    return float(np.partition(scores, len(scores) - k)[len(scores) - k])


def _rescored(
    probe: Probe, blocks: Sequence[Block], candidates: Sequence[NDArray[np.intp]], limit: int, lowest: float
) -> Hits:
    """The best of the candidates, which are rows of each block, by their exact scores."""
    numbers = np.concatenate([np.empty(0, np.intp), *(np.full(len(r), n, np.intp) for n, r in enumerate(candidates))])
    rows = np.concatenate([np.empty(0, np.intp), *candidates])
    pairs = list(zip(blocks, candidates, strict=True))
    scores = np.concatenate([np.empty(0), *(_exact(probe, block, found) for block, found in pairs)])
    ids = np.concatenate([np.empty((0, 16), np.uint8), *(block.ids[found] for block, found in pairs)])
    kept = np.flatnonzero(scores >= max(_kth(scores, limit), lowest))
    high, low = ids[kept].view(">u8").reshape(-1, 2).T
    order = kept[np.lexsort((low, high, -scores[kept]))][:limit]
    return Hits(numbers[order], rows[order], scores[order])


def _exact(probe: Probe, block: Block, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    """query . (scale * vector) in float64; the sum is of integers below 2**53, so it does not depend on its order."""
    sums = np.empty(len(rows))
    for start in range(0, len(rows), ROWS_PER_EXACT_PART):
        part = rows[start : start + ROWS_PER_EXACT_PART]
        np.matmul(block.vectors[part].astype(np.float64), probe.fixed, out=sums[start : start + len(part)])
    return sums / FIXED_POINT * block.scales[rows].astype(np.float64)
