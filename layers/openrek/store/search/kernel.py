"""Exact nearest neighbours over int8 rows: scan all rows, keep those that may be among the best, score these exactly.

The scan is an integer dot product of the int8 query with the int8 rows (row_scan), or with sketches of them (sketches),
which gives an upper bound of a row's score. With q the float32 query, q = s qi + e (qi int8, e the rounding rest),
the true score of a row r v is within ||e|| ||r v|| of s times that of qi (Cauchy-Schwarz), the margin. So every row
whose scanned score is within the margin of what the k-th best row is known to reach, and no other, can be among the k
best. Those few are scored again from the float32 query in fixed point (query), where every sum is exact, so that each
machine, thread count and scan gives the same scores and the same order.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from openrek.store.search.query import Probe, exact_scores
from openrek.store.search.row_scan import Float32Matrix, Float32Vector, RowBlock, Scan, fastest_scan
from openrek.store.search.slices import Slice, Slices

ROWS_PER_SLICE: Final = 1 << 17
FEW_HITS: Final = 500
ROWS_PER_GROUP: Final = 64
ROWS_PER_SMALL_GROUP: Final = 16
"""Where many hits are wanted, small groups bring fewer candidates that are none; else fewer maxima are quicker."""

VERY_FEW_HITS: Final = 5
SAMPLE_ROWS: Final = 1 << 14
EXPECTED_CANDIDATES, MOST_CANDIDATES = 1 / 100, 1 / 50
"""Shares of all rows: scoring so many scattered rows exactly takes as long as sketches save."""

SCRATCH_BYTES: Final = 64 << 20
LOWEST_SCORE: Final = float(np.finfo(np.float32).min)
"""Below every living row's score, above a dead one's."""


@dataclass(frozen=True, slots=True)
class Hits:
    """The best rows, best first: the block, the row in it, and the float64 score."""

    block: NDArray[np.intp]
    row: NDArray[np.intp]
    score: NDArray[np.float64]


def nearest(
    query: Float32Vector,
    blocks: Sequence[RowBlock],
    *,
    limit: int,
    lowest: float,
    threads: int = 1,
    scan: Scan | None = None,
) -> Hits:
    """Return the `limit` living rows with the highest query . (scale * vector) >= `lowest`; ties by id, ascending.

    `query` is float32 [d], not zero and at most 2 long; d is the blocks' and at most 1040. Raises ValueError otherwise.
    `scan` is by default the fastest. Neither it nor sketches change the result.
    """
    return nearest_each([query], blocks, limit=limit, lowest=lowest, threads=threads, scan=scan)[0]


def nearest_each(
    queries: Sequence[Float32Vector],
    blocks: Sequence[RowBlock],
    *,
    limit: int,
    lowest: float,
    threads: int = 1,
    scan: Scan | None = None,
    scores_bytes: int = SCRATCH_BYTES,
    most_candidates: float = MOST_CANDIDATES,
) -> list[Hits]:
    """Return what `nearest` returns for each query, in that order.

    Rows are read from memory once for as many queries as have their scores in `scores_bytes`. Sketches are used where
    no more than a share `most_candidates` of the rows has to be scored exactly. Neither changes a result.
    """
    probes = [Probe(query) for query in queries]
    options = _SearchOptions(limit, lowest, threads, scan or fastest_scan(), scores_bytes)
    hits: list[Hits | None] = [None] * len(probes)
    sketched = _SketchSearch(blocks, options, most_candidates)
    whole = _RowSearch([replace(block, sketch=None) for block in blocks], options)
    for searched, open_places in (
        (sketched, [place for place, probe in enumerate(probes) if sketched.suits(probe)]),
        (whole, range(len(probes))),
    ):
        remaining = [place for place in open_places if hits[place] is None]
        for place, found in zip(remaining, searched.hits([probes[place] for place in remaining]), strict=True):
            hits[place] = found
    return [found for found in hits if found is not None]


@dataclass(frozen=True, slots=True)
class _SearchOptions:
    limit: int
    lowest: float
    threads: int
    scan: Scan
    scores_bytes: int


class _RowSearch:
    """A search that scans whole rows."""

    def __init__(self, blocks: Sequence[RowBlock], options: _SearchOptions) -> None:
        self._blocks, self._options = blocks, options
        group_rows = ROWS_PER_GROUP if options.limit <= FEW_HITS else ROWS_PER_SMALL_GROUP
        self._slices = Slices([len(block.scales) for block in blocks], rows=ROWS_PER_SLICE, group_rows=group_rows)
        self._longest = max((block.longest for block in blocks), default=0.0)

    def hits(self, probes: Sequence[Probe]) -> Iterator[Hits | None]:
        """Yield the hits of each probe; None if this kind of search does not suit it."""
        at_once = max(1, self._options.scores_bytes // (4 * self._slices.total_rows + 1))
        for start in range(0, len(probes), at_once):
            yield from self._hits(probes[start : start + at_once])

    def _hits(self, probes: Sequence[Probe]) -> Iterator[Hits | None]:
        queries, slices = np.stack([probe.int8 for probe in probes]), self._slices
        maxima = np.empty((len(probes), slices.total_groups), np.float32)
        with _scratch(len(probes), slices.total_rows) as scores:

            def run(part: Slice) -> None:
                block = self._blocks[part.block].part(part.rows)
                self._options.scan(queries, block, slices.group_rows, scores[:, part.places], maxima[:, part.groups])

            slices.each(run, self._options.threads)
            for probe, best, found in zip(probes, maxima, scores, strict=True):
                places = self._candidates(probe, best, found)
                yield None if places is None else self._rescored(probe, places)

    def _candidates(self, probe: Probe, maxima: Float32Vector, scores: Float32Vector) -> NDArray[np.intp] | None:
        """Return the places, ascending, of all rows that may be hits; None: see `hits`.

        The groups' maxima lead to the `limit` best scanned rows, and these to the least score of a hit.
        """
        floor = max(self._options.lowest / probe.scale - probe.margin(self._longest), LOWEST_SCORE)
        first = max(_kth(maxima, self._options.limit), floor)
        places = self._places(maxima, scores, first)
        if first == floor or places is None:
            return places
        best = np.sort(places[np.argpartition(scores[places], -self._options.limit)[-self._options.limit :]])
        reached = self._reached(probe, best, scores)
        return self._places(maxima, scores, max(reached - probe.margin(self._longest), floor))

    def _reached(self, probe: Probe, places: NDArray[np.intp], scores: Float32Vector) -> float:
        """Return a lower bound of the scores of these rows, in units of the probe's scale."""
        return float(scores[places].min()) - probe.margin(self._longest)

    def _places(self, maxima: Float32Vector, scores: Float32Vector, cut: float) -> NDArray[np.intp] | None:
        """Return the places of the rows whose score reaches `cut`; None if they are too many for this search."""
        places = self._slices.places(np.flatnonzero(maxima >= cut))
        return places[scores[places] >= cut]

    def _rescored(self, probe: Probe, places: NDArray[np.intp]) -> Hits:
        """Return the best of these rows by their exact scores."""
        rows_of = self._slices.by_block(places)
        numbers = np.repeat(np.arange(len(rows_of)), [len(rows) for rows in rows_of])
        rows = np.concatenate([np.empty(0, np.intp), *rows_of])
        scores = self._exact(probe, places)
        ids = np.concatenate(
            [np.empty((0, 16), np.uint8), *(block.ids[r] for block, r in zip(self._blocks, rows_of, strict=True))]
        )
        kept = np.flatnonzero(scores >= max(_kth(scores, self._options.limit), self._options.lowest))
        high, low = ids[kept].view(">u8").reshape(-1, 2).T
        order = kept[np.lexsort((low, high, -scores[kept]))][: self._options.limit]
        return Hits(numbers[order], rows[order], scores[order])

    def _exact(self, probe: Probe, places: NDArray[np.intp]) -> NDArray[np.float64]:
        pairs = zip(self._blocks, self._slices.by_block(places), strict=True)
        return np.concatenate(
            [np.empty(0), *(exact_scores(probe, block.vectors, block.scales, rows) for block, rows in pairs)]
        )


class _SketchSearch(_RowSearch):
    """A search that scans sketches where there are some: for queries with few candidates."""

    def __init__(self, blocks: Sequence[RowBlock], options: _SearchOptions, most_candidates: float) -> None:
        super().__init__(blocks, options)
        self._most = most_candidates
        self._largest = max((block for block in blocks if block.sketch), key=lambda b: len(b.scales), default=None)

    def suits(self, probe: Probe) -> bool:
        """Return True if the sketches are likely to leave few candidates.

        They do where very few hits are wanted; else it is estimated from some rows of the largest block.
        """
        if self._largest is None:
            return False
        if self._options.limit <= VERY_FEW_HITS:
            return True
        few = self._largest.part(slice(SAMPLE_ROWS))
        scores, maxima = np.empty((1, len(few.scales)), np.float32), np.empty((1, -(-len(few.scales) // 4)), np.float32)
        self._options.scan(probe.int8[None], few, 4, scores, maxima)
        share = min(scores.size, -(-self._options.limit * scores.size // self._slices.total_rows))
        best = np.argpartition(scores[0], -share)[-share:]
        reached = max(float(exact_scores(probe, few.vectors, few.scales, best).min()), self._options.lowest)
        candidates = np.count_nonzero(scores >= reached / probe.scale - probe.margin(self._longest))
        return bool(candidates <= EXPECTED_CANDIDATES * scores.size)

    def _reached(self, probe: Probe, places: NDArray[np.intp], scores: Float32Vector) -> float:  # noqa: ARG002
        """Score the rows exactly: a sketch gives only an upper bound."""
        return float(self._exact(probe, places).min()) / probe.scale

    def _places(self, maxima: Float32Vector, scores: Float32Vector, cut: float) -> NDArray[np.intp] | None:
        most = max(self._options.limit, self._most * self._slices.total_rows)
        if np.count_nonzero(maxima >= cut) * self._slices.group_rows > most and np.count_nonzero(scores >= cut) > most:
            return None
        return super()._places(maxima, scores, cut)


class _ScratchMemory(threading.local):
    buffer: Float32Vector = np.empty(0, np.float32)


_memory = _ScratchMemory()


@contextmanager
def _scratch(queries: int, rows: int) -> Iterator[Float32Matrix]:
    """Lend float32 [queries, rows], uninitialised.

    Each thread keeps its memory: fresh pages at each search would cost as much as the scan.
    """
    kept, _memory.buffer = (
        _memory.buffer,
        _ScratchMemory.buffer,
    )  # nobody else's, and lost if a slice fails while others still write
    total = queries * rows
    buffer = kept if len(kept) >= total else np.empty(total, np.float32)
    yield buffer[:total].reshape(queries, rows)
    if buffer.nbytes <= SCRATCH_BYTES:
        _memory.buffer = buffer


def _kth(scores: NDArray[np.floating[Any]], k: int) -> float:
    """Return the k-th largest score, or -inf when there are fewer."""
    if len(scores) < k:
        return -np.inf
    return float(np.partition(scores, len(scores) - k)[len(scores) - k])
