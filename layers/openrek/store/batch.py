"""`nearest` for many queries at once, with the same answers: each row is read and widened once for all of them.

A tile of rows times all queries is one float32 matrix product; of its scores only the maxima of groups are kept.
Whatever the order of its sums, a float32 product of d terms is within d u / (1 - d u) ||q|| ||v|| of the true one,
u = 2**-24 (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1). So every row whose group's maximum
is within twice that bound of the k-th best one, and no other, can be among the k best. Those are scored as `nearest`
scores its candidates.
"""

import threading
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from openrek.store.kernel import FIXED_POINT, LEAST, Hits, Probe, kth, nearest, rescored
from openrek.store.row_scan import Block, Float32Vector
from openrek.store.slices import Slices

WORTH_WIDENING: Final = 8
"""From so many queries on, widening a row costs less than the products save."""

QUERIES_AT_ONCE: Final = 64
TILE_BYTES: Final = 1 << 20
ROWS_PER_GROUP: Final = 16
TOO_MANY: Final = 1 / 10
"""Rescoring this share of the rows, one here and one there, takes as long as a scan of all."""

TINY: Final = 1e-30
"""More than what is lost where products of float32 are too small for it."""


def nearest_each(
    queries: Sequence[Float32Vector],
    blocks: Sequence[Block],
    *,
    limit: int,
    lowest: float,
    threads: int = 1,
    together_from: int = WORTH_WIDENING,
    alone_above: float = TOO_MANY,
) -> list[Hits]:
    """`nearest` for each query, in that order. `threads` share the tiles: BLAS had better have one of its own, or they
    wait for each other (OPENBLAS_NUM_THREADS=1 before numpy is imported).

    The last two say when it is quicker to search one by one; they change no answer.
    """
    hits: list[Hits] = []
    for start in range(0, len(queries), QUERIES_AT_ONCE):
        some = queries[start : start + QUERIES_AT_ONCE]
        if len(some) < together_from:
            hits += [nearest(query, blocks, limit=limit, lowest=lowest, threads=threads) for query in some]
        else:
            hits += _together(some, blocks, limit, lowest, threads, alone_above)
    return hits


class _Desk(threading.local):
    """Each thread's own memory for one tile."""

    def __init__(self, rows: int, queries: Float32Vector) -> None:
        self.wide = np.empty((rows, len(queries)), np.float32)
        self.scores = np.empty((rows, queries.shape[1]), np.float32)


def _together(
    queries: Sequence[Float32Vector],
    blocks: Sequence[Block],
    limit: int,
    lowest: float,
    threads: int,
    alone_above: float,
) -> list[Hits]:
    probes = [Probe(query) for query in queries]
    matrix = np.stack([probe.fixed / FIXED_POINT for probe in probes], axis=1).astype(np.float32)
    tile = max(1, TILE_BYTES // (4 * len(matrix)) // ROWS_PER_GROUP) * ROWS_PER_GROUP
    slices = Slices([len(block.scales) for block in blocks], rows=tile, group_rows=ROWS_PER_GROUP)
    desk = _Desk(tile, matrix)
    parts = slices.each(lambda part: _maxima(matrix, blocks[part.block].part(part.rows), desk), threads)
    maxima = np.concatenate([np.empty((0, len(queries)), np.float32), *parts]).T
    hits: list[Hits] = []
    for query, probe, best in zip(queries, probes, np.ascontiguousarray(maxima), strict=True):
        places = slices.places(np.flatnonzero(best >= _cut(probe, blocks, best, limit, lowest)))
        if len(places) > alone_above * slices.total_rows:
            hits.append(nearest(query, blocks, limit=limit, lowest=lowest, threads=threads))
        else:
            hits.append(rescored(probe, blocks, _living(blocks, slices.by_block(places)), limit, lowest))
    return hits


def _maxima(queries: NDArray[np.float32], block: Block, desk: _Desk) -> NDArray[np.float32]:
    """float32 [groups, queries]: the best score in each group; dead rows count as -inf."""
    count = len(block.scales)
    wide, scores = desk.wide[:count], desk.scores[:count]
    np.copyto(wide, block.vectors)
    np.matmul(wide, queries, out=scores)
    np.multiply(scores, block.scales[:, None], out=scores)
    if block.dead is not None:
        scores[block.dead] = -np.inf
    whole = count // ROWS_PER_GROUP * ROWS_PER_GROUP
    maxima = scores[:whole].reshape(-1, ROWS_PER_GROUP, scores.shape[1]).max(axis=1)
    return np.concatenate([maxima, scores[whole:].max(axis=0, keepdims=True)]) if whole < count else maxima


def margin(probe: Probe, longest: float) -> float:
    """How far a score of the product may be from the true one: twice the bound, so that comparing may round, too."""
    return 2.0**-23 * (len(probe.fixed) + 2) * probe.norm * longest + TINY


def _cut(probe: Probe, blocks: Sequence[Block], best: Float32Vector, limit: int, lowest: float) -> float:
    """No group of a hit is below it."""
    around = margin(probe, max((block.longest for block in blocks), default=0.0))
    return max(kth(best, limit) - 2.0 * around, lowest - around, LEAST)


def _living(blocks: Sequence[Block], rows: Sequence[NDArray[np.intp]]) -> list[NDArray[np.intp]]:
    return [
        found if block.dead is None else found[~block.dead[found]] for block, found in zip(blocks, rows, strict=True)
    ]
