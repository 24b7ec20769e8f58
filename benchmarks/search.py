"""Time of one exact search beside numpy and faiss, in one run on one machine.

    python -m benchmarks.search [--rows 10000 100000 1000000] [--dimensions 128 512] [--top 5 100 4096] [--threads 1 2]
                                [--baselines numpy "faiss flat" "faiss 8 bit" "faiss HNSW"] [--rounds 9] [--many 0]

Each collection has a process of its own, with one baseline in memory at a time; baseline and openrek take turns, query
by query, and the tables give medians. Every engine is at its fastest of the thread counts, which the table names.

- `x`: the baseline's time in openrek's. `recall` is against brute force on the stored vectors, of which one in fifty is
  a copy of the one before. Ours must be 1.000, in the same order, ties by id. `>= 0.398` is what a FaceMatchThreshold
  of 80 asks for, with 4096 as MaxFaces.
- `of limit`: the time in which as many threads read the int8 rows once and do nothing with them, in openrek's time.
  `x limit` is the `x` that this would be. Sketches are half of these bytes, so it can be above 1.
- For the sizes with an aim a line says whether it is met, and gives two limits: the `x` if reading the rows were all,
  and if they were in the cache and scanning them were all.
- `bytes`: memory resident for one face, with all that the search needs (vectors, scales, ids and sketch, for openrek).

The second table has openrek and numpy on the same number of threads; the third one many queries at once, 128-d.
"""

import argparse
import ctypes
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.engines import BASELINES, MOST, Engine, Find, FromCache, Ours, Reading
from benchmarks.gallery import brute_force, gallery, new_photos
from benchmarks.turns import Result, compared, elapsed_ms
from openrek.domain.models import SFACE
from openrek.store.search.kernel import Hits, nearest, nearest_each
from openrek.store.search.row_scan import RowBlock

SEED = 20
THRESHOLD_PCT = 80.0
HNSW_ROWS = 100_000
"""Building its graph for more takes very long."""

QUERIES_AT_ONCE = (2, 8, 32, 100)
AIMS = {(1_000_000, 128): (2.5, 0.3), (1_000_000, 512): (4.0, 0.7)}
"""Rows and dimensions -> at least so many times faiss flat, and at least this share of the limit."""

NUMPY_AIMS = {(1_000_000, 128): 3.0, (1_000_000, 512): 5.0}
"""Rows and dimensions -> at least so many times numpy on as many threads."""

MAIN_HEAD = (
    "rows",
    "d",
    "find",
    "baseline",
    "threads",
    "ms",
    "recall",
    "bytes",
    "ours: threads",
    "ms",
    "recall",
    "bytes",
    "x",
    "x limit",
    "of limit",
)
SAME_HEAD = ("rows", "d", "find", "threads", "x numpy", "x limit", "ours ms", "numpy ms", "recall")
MANY_HEAD = ("rows", "d", "find", "threads", "queries", "one by one: ms each", "together: ms each", "x", "same")


@dataclass(frozen=True)
class Line:
    """One row of the table: openrek, a baseline, and reading the rows, for one find in one collection."""

    rows: int
    dimensions: int
    find: Find
    baseline: str
    theirs: Result
    their_bytes: float
    ours: Result
    our_bytes: float
    reading: Result
    from_cache: Result | None

    @property
    def ratio(self) -> float:
        return self.theirs.ms / self.ours.ms

    @property
    def limit_ratio(self) -> float:
        return self.theirs.ms / self.reading.by_threads_ms[self.ours.threads]

    def cells(self) -> list[str]:
        theirs, ours = (
            [str(result.threads), f"{result.ms:.2f}", f"{result.recall:.3f}", f"{size:.0f}"]
            for result, size in ((self.theirs, self.their_bytes), (self.ours, self.our_bytes))
        )
        shares = [f"{self.ratio:.2f}", f"{self.limit_ratio:.2f}", f"{self.ratio / self.limit_ratio:.2f}"]
        return [f"{self.rows:,}", str(self.dimensions), self.find.name, self.baseline, *theirs, *ours, *shares]

    def same_threads(self) -> Iterator[list[str]]:
        for threads, ours_ms in self.ours.by_threads_ms.items():
            theirs_ms, read_ms = self.theirs.by_threads_ms[threads], self.reading.by_threads_ms[threads]
            shape = [f"{self.rows:,}", str(self.dimensions), self.find.name, str(threads)]
            ratios = [f"{theirs_ms / ours_ms:.2f}", f"{theirs_ms / read_ms:.2f}", f"{ours_ms:.2f}", f"{theirs_ms:.2f}"]
            yield [*shape, *ratios, f"{self.ours.recall:.3f}"]

    def verdicts(self) -> Iterator[str]:
        """Compare with the aims, where there are some."""
        case = f"{self.rows:,} x {self.dimensions}, {self.find.name}"
        if self.baseline == "numpy" and (self.rows, self.dimensions) in NUMPY_AIMS:
            times = NUMPY_AIMS[self.rows, self.dimensions]
            for threads, ours_ms in self.ours.by_threads_ms.items():
                got = self.theirs.by_threads_ms[threads] / ours_ms
                met = "met" if got >= times else "NOT met"
                yield f"{case}, threads: {threads}: {got:.2f} times numpy ({met}: {times})"
        if self.from_cache is not None:
            yield f"{case}: {self._beside_faiss(self.from_cache)}"

    def _beside_faiss(self, from_cache: Result) -> str:
        times, share = AIMS[self.rows, self.dimensions]
        got = self.ratio / self.limit_ratio
        return (
            f"{self.ratio:.2f} times faiss flat "
            f"({'met' if self.ratio >= times else 'NOT met'}: {times}), "
            f"{got:.2f} of the limit ({'met' if got >= share else 'NOT met'}: {share}); reading alone would be "
            f"{self.limit_ratio:.2f} times, the scan from the cache {self.theirs.ms / from_cache.ms:.2f} times"
        )


def resident_bytes() -> int:
    """Return the resident memory, without freed memory that malloc keeps."""
    ctypes.CDLL(None).malloc_trim(0)
    status = Path("/proc/self/status").read_text("ascii")
    return 1024 * int(status.split("VmRSS:")[1].split()[0])


def measure(rows: int, dimensions: int, finds: Sequence[Find], options: argparse.Namespace) -> Iterator[Line]:
    rng = np.random.default_rng(SEED)
    block = gallery(rows, dimensions, rng)
    columns = [block.vectors, block.scales, block.ids, *([block.sketch.nibbles] if block.sketch else [])]
    our_bytes = sum(column.nbytes for column in columns) / rows
    queries = new_photos(block, options.rounds, rng)
    best = brute_force(block, queries, min(MOST, rows))
    truths = [[wanted(find, *found) for found in best] for find in finds]
    for name in options.baselines:
        if name == "faiss HNSW" and rows > HNSW_ROWS:
            continue
        before = resident_bytes()
        engines: list[Engine] = [BASELINES[name](block), Ours(block), Reading(block)]
        their_bytes = (resident_bytes() - before) / rows
        if name == "faiss flat" and (rows, dimensions) in AIMS:
            engines.append(FromCache(block))
        for find, truth in zip(finds, truths, strict=True):
            theirs, ours, reading, *rest = compared(engines, queries, find, options.threads, truth)
            from_cache = rest[0] if rest else None
            yield Line(rows, dimensions, find, name, theirs, their_bytes, ours, our_bytes, reading, from_cache)
        engines.clear()


def wanted(find: Find, rows: Sequence[int], scores: Sequence[float]) -> list[int]:
    return [row for row, score in zip(rows[: find.top], scores, strict=False) if score >= find.lowest]


def measure_many(block: RowBlock, find: Find, threads: int, rounds: int) -> Iterator[list[str]]:
    """Measure many queries one by one, and together, in turns."""
    rng = np.random.default_rng(SEED)
    how = {"limit": find.top, "lowest": find.lowest, "threads": threads}
    for count in QUERIES_AT_ONCE:
        queries = new_photos(block, count, rng)

        def alone(queries: Sequence[NDArray[np.float32]] = queries) -> list[Hits]:
            return [nearest(query, [block], **how) for query in queries]

        together = partial(nearest_each, queries, [block], **how)
        times = [(elapsed_ms(alone) / count, elapsed_ms(together) / count) for _ in range(rounds)]
        one, all_ = (statistics.median(column) for column in zip(*times, strict=True))
        same = statistics.mean(
            a.row.tobytes() == b.row.tobytes() and a.score.tobytes() == b.score.tobytes()
            for a, b in zip(alone(), together(), strict=True)
        )
        shape = [f"{len(block.scales):,}", str(block.vectors.shape[1]), find.name, str(threads), str(count)]
        yield [*shape, f"{one:.2f}", f"{all_:.2f}", f"{one / all_:.2f}", f"{same:.3f}"]


def show(cells: Sequence[str]) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


def show_head(cells: Sequence[str]) -> None:
    print()
    show(cells)
    show(["---"] * len(cells))


def inside(options: argparse.Namespace) -> None:
    """Measure one collection."""
    lowest = SFACE.lowest_cosine(THRESHOLD_PCT)
    (rows,), (dimensions,) = options.rows, options.dimensions
    finds = [*(Find(min(top, rows)) for top in options.top), Find(MOST, lowest)]
    show_head(MAIN_HEAD)
    lines = []
    for line in measure(rows, dimensions, finds, options):
        lines.append(line)
        show(line.cells())
    show_head(SAME_HEAD)
    for line in lines:
        if line.baseline == "numpy":
            for cells in line.same_threads():
                show(cells)
    verdicts = [verdict for line in lines for verdict in line.verdicts()]
    print("\n" + "\n".join(f"- {verdict}" for verdict in verdicts) if verdicts else "", flush=True)
    assert all(line.ours.exact for line in lines)


def inside_many(options: argparse.Namespace) -> None:
    block = gallery(options.many, SFACE.dimensions, np.random.default_rng(SEED))
    show_head(MANY_HEAD)
    for find in (Find(5), Find(100), Find(MOST, SFACE.lowest_cosine(THRESHOLD_PCT))):
        for threads in options.threads:
            for cells in measure_many(block, find, threads, min(3, options.rounds)):
                show(cells)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--dimensions", type=int, nargs="+", default=[128, 512])
    parser.add_argument("--top", type=int, nargs="+", default=[5, 100, MOST])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--baselines", choices=BASELINES, nargs="+", default=list(BASELINES))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--many", type=int, default=1_000_000, help="rows for many queries at once; 0: leave it out")
    parser.add_argument("--inside", choices=["one", "many"], help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    options = parsed()
    if options.inside:
        {"one": inside, "many": inside_many}[options.inside](options)
        return
    common = ["--threads", *map(str, options.threads), "--rounds", str(options.rounds)]
    common += ["--top", *map(str, options.top), "--baselines", *options.baselines]
    cases = [
        ["--inside", "one", "--rows", str(rows), "--dimensions", str(dimensions)]
        for dimensions in options.dimensions
        for rows in options.rows
    ]
    if options.many:
        cases.append(["--inside", "many", "--many", str(options.many)])
    for case in cases:
        command = [sys.executable, "-m", "benchmarks.search", *common, *case]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})


if __name__ == "__main__":
    main()
