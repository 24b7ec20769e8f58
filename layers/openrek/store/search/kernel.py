"""Exact nearest neighbours over int8 rows: scan everything, keep what could win, rescore that exactly.

The scan is an integer dot product of the int8 query with the int8 rows (row_scan), or with sketches of them (sketches):
then a row's score is the most that it can be. With q the float32 query, q = s qi + e (qi int8, e the rounding rest),
the true score of a row r v is within ||e|| ||r v|| of s times that of qi (Cauchy-Schwarz), the margin. So every row
whose scanned score is within the margin of what the k-th best row is known to reach, and no other, can be among the k
best. Those few are scored again from the float32 query in fixed point (probe), where every sum is exact, so that each
machine, thread count and scan gives the same scores and the same order.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from openrek.store.search.query import Probe, exact
from openrek.store.search.row_scan import Block, Float32Matrix, Float32Vector, Scan, fastest_scan
from openrek.store.search.slices import Slice, Slices

ROWS_PER_SLICE: Final = 1 << 17
FEW_HITS: Final = 500
ROWS_PER_GROUP: Final = 64
ROWS_PER_SMALL_GROUP: Final = 16
"""Where many hits are wanted, small groups bring fewer candidates that are none; else fewer maxima are quicker."""

VERY_FEW_HITS: Final = 5
SAMPLE_ROWS: Final = 1 << 14
EXPECTED_CANDIDATES, MOST_CANDIDATES = 1 / 100, 1 / 50
"""Shares of all rows: to look at so many whole, one here and one there, takes as long as sketches save."""

KEPT_BYTES: Final = 64 << 20
LEAST: Final = float(np.finfo(np.float32).min)
"""Below every living row's score, above a dead one's."""


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
    `scan` is by default the fastest. Neither it nor sketches change the answer.
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
    most_candidates: float = MOST_CANDIDATES,
) -> list[Hits]:
    """`nearest` for each query, in that order. Rows come from memory once for as many queries as have their scores in
    `scores_bytes`. The last two change no answer either.
    """
    probes = [Probe(query) for query in queries]
    want = _Want(limit, lowest, threads, scan or fastest_scan(), scores_bytes)
    hits: list[Hits | None] = [None] * len(probes)
    sketched = _Sketched(blocks, want, most_candidates)
    whole = _Search([replace(block, sketch=None) for block in blocks], want)
    for searched, open_places in (
        (sketched, [place for place, probe in enumerate(probes) if sketched.suits(probe)]),
        (whole, range(len(probes))),
    ):
        left = [place for place in open_places if hits[place] is None]
        for place, found in zip(left, searched.hits([probes[place] for place in left]), strict=True):
            hits[place] = found
    return [found for found in hits if found is not None]


@dataclass(frozen=True, slots=True)
class _Want:
    limit: int
    lowest: float
    threads: int
    scan: Scan
    scores_bytes: int


class _Search:
    """Over whole rows."""

    def __init__(self, blocks: Sequence[Block], want: _Want) -> None:
        self._blocks, self._want = blocks, want
        group_rows = ROWS_PER_GROUP if want.limit <= FEW_HITS else ROWS_PER_SMALL_GROUP
        self._slices = Slices([len(block.scales) for block in blocks], rows=ROWS_PER_SLICE, group_rows=group_rows)
        self._longest = max((block.longest for block in blocks), default=0.0)

    def hits(self, probes: Sequence[Probe]) -> Iterator[Hits | None]:
        """Of each probe; None if it has to be searched in another way."""
        at_once = max(1, self._want.scores_bytes // (4 * self._slices.total_rows + 1))
        for start in range(0, len(probes), at_once):
            yield from self._hits(probes[start : start + at_once])

    def _hits(self, probes: Sequence[Probe]) -> Iterator[Hits | None]:
        queries, slices = np.stack([probe.int8 for probe in probes]), self._slices
        maxima = np.empty((len(probes), slices.total_groups), np.float32)
        with _scratch(len(probes), slices.total_rows) as scores:

            def run(part: Slice) -> None:
                block = self._blocks[part.block].part(part.rows)
                self._want.scan(queries, block, slices.group_rows, scores[:, part.places], maxima[:, part.groups])

            slices.each(run, self._want.threads)
            for probe, best, found in zip(probes, maxima, scores, strict=True):
                places = self._candidates(probe, best, found)
                yield None if places is None else self._rescored(probe, places)

    def _candidates(self, probe: Probe, maxima: Float32Vector, scores: Float32Vector) -> NDArray[np.intp] | None:
        """The places, ascending, of all rows that may be hits. The groups' maxima lead to the `limit` best scanned
        ones, and these to what a hit must reach. None: see `hits`.
        """
        floor = max(self._want.lowest / probe.scale - probe.margin(self._longest), LEAST)
        first = max(_kth(maxima, self._want.limit), floor)
        places = self._places(maxima, scores, first)
        if first == floor or places is None:
            return places
        best = np.sort(places[np.argpartition(scores[places], -self._want.limit)[-self._want.limit :]])
        reached = self._reached(probe, best, scores)
        return self._places(maxima, scores, max(reached - probe.margin(self._longest), floor))

    def _reached(self, probe: Probe, places: NDArray[np.intp], scores: Float32Vector) -> float:
        """What all of these rows score at least, in units of the probe's scale."""
        return float(scores[places].min()) - probe.margin(self._longest)

    def _places(self, maxima: Float32Vector, scores: Float32Vector, cut: float) -> NDArray[np.intp] | None:
        """Of the rows that reach `cut`; None if that is too many for this way."""
        places = self._slices.places(np.flatnonzero(maxima >= cut))
        return places[scores[places] >= cut]

    def _rescored(self, probe: Probe, places: NDArray[np.intp]) -> Hits:
        """The best of these rows by their exact scores."""
        rows_of = self._slices.by_block(places)
        numbers = np.repeat(np.arange(len(rows_of)), [len(rows) for rows in rows_of])
        rows = np.concatenate([np.empty(0, np.intp), *rows_of])
        scores = self._exact(probe, places)
        ids = np.concatenate(
            [np.empty((0, 16), np.uint8), *(block.ids[r] for block, r in zip(self._blocks, rows_of, strict=True))]
        )
        kept = np.flatnonzero(scores >= max(_kth(scores, self._want.limit), self._want.lowest))
        high, low = ids[kept].view(">u8").reshape(-1, 2).T
        order = kept[np.lexsort((low, high, -scores[kept]))][: self._want.limit]
        return Hits(numbers[order], rows[order], scores[order])

    def _exact(self, probe: Probe, places: NDArray[np.intp]) -> NDArray[np.float64]:
        pairs = zip(self._blocks, self._slices.by_block(places), strict=True)
        return np.concatenate(
            [np.empty(0), *(exact(probe, block.vectors, block.scales, rows) for block, rows in pairs)]
        )


class _Sketched(_Search):
    """Over sketches, where there are some: for queries that leave few candidates."""

    def __init__(self, blocks: Sequence[Block], want: _Want, most_candidates: float) -> None:
        super().__init__(blocks, want)
        self._most = most_candidates
        self._largest = max((block for block in blocks if block.sketch), key=lambda b: len(b.scales), default=None)

    def suits(self, probe: Probe) -> bool:
        """Whether few rows are likely to be left: those that may reach very few best ones, if these are good; else as
        far as some rows of the largest block tell, with their share of the best ones.
        """
        if self._largest is None:
            return False
        if self._want.limit <= VERY_FEW_HITS:
            return True
        few = self._largest.part(slice(SAMPLE_ROWS))
        scores, maxima = np.empty((1, len(few.scales)), np.float32), np.empty((1, -(-len(few.scales) // 4)), np.float32)
        self._want.scan(probe.int8[None], few, 4, scores, maxima)
        share = min(scores.size, -(-self._want.limit * scores.size // self._slices.total_rows))
        best = np.argpartition(scores[0], -share)[-share:]
        reached = max(float(exact(probe, few.vectors, few.scales, best).min()), self._want.lowest)
        candidates = np.count_nonzero(scores >= reached / probe.scale - probe.margin(self._longest))
        return bool(candidates <= EXPECTED_CANDIDATES * scores.size)

    def _reached(self, probe: Probe, places: NDArray[np.intp], scores: Float32Vector) -> float:  # noqa: ARG002
        """A sketch says only what a row scores at most."""
        return float(self._exact(probe, places).min()) / probe.scale

    def _places(self, maxima: Float32Vector, scores: Float32Vector, cut: float) -> NDArray[np.intp] | None:
        most = max(self._want.limit, self._most * self._slices.total_rows)
        if np.count_nonzero(maxima >= cut) * self._slices.group_rows > most and np.count_nonzero(scores >= cut) > most:
            return None
        return super()._places(maxima, scores, cut)


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


def _kth(scores: NDArray[np.floating[Any]], k: int) -> float:
    """The k-th largest, or -inf when there are fewer."""
    if len(scores) < k:
        return -np.inf
    return float(np.partition(scores, len(scores) - k)[len(scores) - k])
