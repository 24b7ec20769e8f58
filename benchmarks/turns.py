"""Engines take turns at the same queries, in one process: times in medians, and their results against the truth."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.engines import Engine, Find

PAUSE_S = 0.1
"""Before each measured call: threads of BLAS and OpenMP spin for a while after theirs, and would disturb others."""


@dataclass(frozen=True)
class Result:
    """The result of one engine.

    Median times in ms by number of threads, the mean share of the true rows that were found, and `True` if each time
    they were the true ones in their order.
    """

    by_threads_ms: dict[int, float]
    recall: float
    exact: bool

    @property
    def threads(self) -> int:
        """The number of threads at which it is fastest."""
        return min(self.by_threads_ms, key=self.by_threads_ms.__getitem__)

    @property
    def ms(self) -> float:
        return self.by_threads_ms[self.threads]


def elapsed_ms(run: Callable[[], object]) -> float:
    time.sleep(PAUSE_S)
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1000.0


def compared(
    engines: Sequence[Engine],
    queries: Sequence[NDArray[np.float32]],
    find: Find,
    threads: Sequence[int],
    truth: Sequence[list[int]],
) -> list[Result]:
    """Return one result per engine."""
    times: dict[tuple[int, int], list[float]] = {(e, n): [] for e in range(len(engines)) for n in threads}
    for query in queries:
        for (number, count), taken in times.items():
            engines[number].use_threads(count)
            taken.append(elapsed_ms(partial(engines[number].find, query, find)))
    results = []
    for number, engine in enumerate(engines):
        found = [engine.find(query, find).tolist() for query in queries]
        shares = [recall(got, wanted) for got, wanted in zip(found, truth, strict=True)]
        medians = {n: statistics.median(times[number, n]) for n in threads}
        results.append(Result(medians, statistics.mean(shares), found == list(truth)))
    return results


def recall(found: list[int], wanted: list[int]) -> float:
    return len(set(wanted) & set(found)) / len(wanted) if wanted else 1.0
