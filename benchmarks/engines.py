"""The engines that are compared: openrek, numpy by hand and three indexes of faiss, the latter over the dequantised
stored rows.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import faiss
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from benchmarks.gallery import dequantised
from openrek.store.search.kernel import ROWS_PER_GROUP, nearest
from openrek.store.search.query import Probe
from openrek.store.search.row_scan import RowBlock, fastest_scan

MOST = 4096
TRAINING_ROWS = 100_000
CACHED_BYTES = 1 << 20
HNSW_LINKS, HNSW_BUILD, HNSW_SEARCH = 32, 40, 128

Rows: TypeAlias = NDArray[np.integer[Any]]
CONTROLLER = ThreadpoolController()


@dataclass(frozen=True)
class Find:
    """A query: the `top` best rows, or all (at most MOST) with a cosine of at least `lowest`."""

    top: int
    lowest: float = -1.0

    @property
    def name(self) -> str:
        return f"top {self.top}" if self.lowest == -1.0 else f">= {self.lowest:.3f}"


class Engine(Protocol):
    def use_threads(self, threads: int) -> None: ...

    def find(self, query: NDArray[np.float32], find: Find) -> Rows: ...


def blas_threads(threads: int) -> None:
    CONTROLLER.limit(limits=threads, user_api="blas")


class Ours:
    def __init__(self, block: RowBlock) -> None:
        self._block, self._threads = block, 1

    def use_threads(self, threads: int) -> None:
        self._threads = threads
        blas_threads(1)  # as `openrek serve` has it

    def find(self, query: NDArray[np.float32], find: Find) -> Rows:
        return nearest(query, [self._block], limit=find.top, lowest=find.lowest, threads=self._threads).row


class Reading:
    """The limit of a scan: touches every byte of the int8 rows once and does as good as nothing with it."""

    def __init__(self, block: RowBlock) -> None:
        self._words, self._threads = block.vectors.reshape(-1).view(np.uint64), 1
        self._pool = ThreadPoolExecutor()

    def use_threads(self, threads: int) -> None:
        self._threads = threads

    def find(self, query: NDArray[np.float32], find: Find) -> Rows:  # noqa: ARG002
        maxima = self._pool.map(lambda part: part.max(), np.array_split(self._words, self._threads))
        return np.array(list(maxima))


class FromCache:
    """The limit of the kernel's sums: its scan of as many rows, but over and over of a few that stay in the cache."""

    def __init__(self, block: RowBlock) -> None:
        rows, dimensions = block.vectors.shape
        self._few = block.part(slice(0, CACHED_BYTES // dimensions))
        self._times = -(-rows // len(self._few.scales))
        self._threads, self._pool = 1, ThreadPoolExecutor()

    def use_threads(self, threads: int) -> None:
        self._threads = threads

    def find(self, query: NDArray[np.float32], find: Find) -> Rows:  # noqa: ARG002
        int8, scan, rows = Probe(query).int8[None], fastest_scan(), len(self._few.scales)

        def work(_: int) -> None:
            scores, maxima = np.empty((1, rows), np.float32), np.empty((1, -(-rows // ROWS_PER_GROUP)), np.float32)
            for _ in range(self._times // self._threads):
                scan(int8, self._few, ROWS_PER_GROUP, scores, maxima)

        list(self._pool.map(work, range(self._threads)))
        return np.empty(0, np.intp)


class ByHand:
    """The scan as written by hand: `M @ q` and argpartition, in float32."""

    def __init__(self, block: RowBlock) -> None:
        self._matrix = np.empty(block.vectors.shape, np.float32)
        for part, vectors in dequantised(block):
            self._matrix[part] = vectors

    def use_threads(self, threads: int) -> None:
        blas_threads(threads)

    def find(self, query: NDArray[np.float32], find: Find) -> Rows:
        scores = self._matrix @ query
        if find.lowest == -1.0:
            best = np.argpartition(scores, len(scores) - find.top)[len(scores) - find.top :]
        else:
            best = np.flatnonzero(scores >= find.lowest)
        return best[np.argsort(-scores[best])][: find.top]


class Faiss:
    def __init__(self, index: Any, block: RowBlock) -> None:
        self._index = index
        for _, vectors in dequantised(block):
            if not index.is_trained:
                index.train(vectors[:TRAINING_ROWS])
            index.add(vectors)

    def use_threads(self, threads: int) -> None:
        faiss.omp_set_num_threads(threads)

    def find(self, query: NDArray[np.float32], find: Find) -> Rows:
        if find.lowest == -1.0:
            rows: Rows = self._index.search(query[None], find.top)[1][0]
            return rows
        _, scores, rows = self._index.range_search(query[None], find.lowest)
        return rows[np.argsort(-scores)][: find.top]


class Hnsw(Faiss):
    def __init__(self, block: RowBlock) -> None:
        index = faiss.IndexHNSWFlat(block.vectors.shape[1], HNSW_LINKS, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = HNSW_BUILD
        super().__init__(index, block)

    def find(self, query: NDArray[np.float32], find: Find) -> Rows:
        self._index.hnsw.efSearch = HNSW_SEARCH if find.lowest > -1.0 else max(HNSW_SEARCH, find.top)
        return super().find(query, find)


def _flat(block: RowBlock) -> Faiss:
    return Faiss(faiss.IndexFlatIP(block.vectors.shape[1]), block)


def _quantised(block: RowBlock) -> Faiss:
    kind = faiss.ScalarQuantizer.QT_8bit
    return Faiss(faiss.IndexScalarQuantizer(block.vectors.shape[1], kind, faiss.METRIC_INNER_PRODUCT), block)


BASELINES: dict[str, Callable[[RowBlock], Engine]] = {
    "numpy": ByHand,
    "faiss flat": _flat,
    "faiss 8 bit": _quantised,
    "faiss HNSW": Hnsw,
}
