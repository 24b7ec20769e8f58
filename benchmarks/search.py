"""How long one exact search takes beside numpy, in one run on one machine.

    python benchmarks/search.py [--rows 10000 100000 1000000] [--dimensions 128 512] [--threads 1 2] [--top 5 100]

Baseline: `M @ q` and `argpartition` over the dequantised stored rows in float32, as one would write it by hand, on the
same number of threads. Both engines take turns, query by query; the table gives medians and the ratio of the medians.
`limit` is the ratio that a kernel would reach if it did nothing but read the int8 rows once, on as many threads: no
scan of all rows can be above it on this machine. Every answer of ours is compared with float64 brute force on the
stored vectors (ties by id): `same` must be 1.000.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray

from openrek.store.kernel import Block, nearest

ROUNDS = 15
SEED = 20
PAUSE_S = 0.1
"""Before each measured call: threads of OpenBLAS spin for a while after theirs, and would disturb ours."""
BRUTE_FORCE_ROWS = 50_000


def clustered(rows: int, dimensions: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """float32 [rows, dimensions], unit length: people (about ten photos each) around random centres."""
    people = rng.standard_normal((max(1, rows // 10), dimensions), dtype=np.float32)
    vectors = people[rng.integers(0, len(people), rows)]
    vectors += 0.7 * rng.standard_normal((rows, dimensions), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def stored(vectors: NDArray[np.float32], rng: np.random.Generator) -> Block:
    """The rows as the store keeps them; the formula of openrek.store.vectors, for many rows at once."""
    scales = np.abs(vectors).max(axis=1) / np.float32(127)
    quantised = np.empty(vectors.shape, np.int8)
    for start in range(0, len(vectors), BRUTE_FORCE_ROWS):
        part = slice(start, start + BRUTE_FORCE_ROWS)
        quantised[part] = np.clip(np.rint(vectors[part].astype(np.float64) / scales[part, None]), -127, 127)
    ids = rng.integers(0, 256, (len(vectors), 16), dtype=np.uint8)
    return Block(quantised, scales, ids, None, 1.1)


def brute_force(block: Block, query: NDArray[np.float32], top: int) -> list[int]:
    """Rows by float64 score on the stored vectors, ties by id."""
    scores = np.concatenate(
        [
            block.vectors[start : start + BRUTE_FORCE_ROWS].astype(np.float64) @ query.astype(np.float64)
            for start in range(0, len(block.scales), BRUTE_FORCE_ROWS)
        ]
    ) * block.scales.astype(np.float64)
    best = np.argpartition(-scores, min(4 * top, len(scores) - 1))[: 4 * top]
    high, low = block.ids[best].view(">u8").T
    found: list[int] = best[np.lexsort((low, high, -scores[best]))][:top].tolist()
    return found


def by_hand(matrix: NDArray[np.float32], query: NDArray[np.float32], top: int) -> NDArray[np.intp]:
    scores = matrix @ query
    best = np.argpartition(scores, len(scores) - top)[len(scores) - top :]
    return best[np.argsort(-scores[best])]


def read_once(block: Block, threads: int, pool: ThreadPoolExecutor) -> None:
    """Touch every byte of the rows and do as good as nothing with it."""
    words = block.vectors.reshape(-1).view(np.uint64)
    list(pool.map(lambda part: part.max(), np.array_split(words, threads)))


def elapsed_ms(run: Callable[[], object]) -> float:
    time.sleep(PAUSE_S)
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1000.0


def measure(rows: int, dimensions: int, tops: list[int], threads: int) -> None:
    rng = np.random.default_rng(SEED)
    vectors = clustered(rows, dimensions, rng)
    block = stored(vectors, rng)
    queries = [vectors[rng.integers(rows)] * np.float32(0.8) for _ in range(ROUNDS)]
    queries = [q + 0.3 * rng.standard_normal(dimensions, dtype=np.float32) / np.sqrt(dimensions) for q in queries]
    queries = [(q / np.linalg.norm(q)).astype(np.float32) for q in queries]
    matrix = np.multiply(block.vectors, block.scales[:, None], out=vectors)  # the baseline's rows, dequantised
    pool = ThreadPoolExecutor(threads)
    for top in tops:
        ours, theirs, reads, same = [], [], [], 0
        for query in queries:
            theirs.append(elapsed_ms(partial(by_hand, matrix, query, top)))
            search = partial(nearest, query, [block], limit=top, lowest=-1.0, threads=threads)
            ours.append(elapsed_ms(search))
            reads.append(elapsed_ms(partial(read_once, block, threads, pool)))
            same += search().row.tolist() == brute_force(block, query, top)
        mine, numpy, read = (statistics.median(each) for each in (ours, theirs, reads))
        print(
            f"| {rows:>9,} | {dimensions} | {top:>4} | {threads} | {numpy / mine:5.2f} "
            f"| {numpy / read:5.2f} | {mine:8.2f} | {numpy:8.2f} |"
            f" {same / len(queries):.3f} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--dimensions", type=int, nargs="+", default=[128, 512])
    parser.add_argument("--top", type=int, nargs="+", default=[5, 100])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    arguments = parser.parse_args()
    if os.environ.get("OPENBLAS_NUM_THREADS") is None:
        print(
            "| rows | d | top | threads | x numpy | limit | ours ms | numpy ms | same |\n"
            "|---|---|---|---|---|---|---|---|---|",
            flush=True,
        )
        for threads in arguments.threads:  # the baseline's thread count is read once, when numpy is imported
            environment = {**os.environ, "OPENBLAS_NUM_THREADS": str(threads)}
            shape = [
                str(value) for name in ("rows", "dimensions", "top") for value in (f"--{name}", *vars(arguments)[name])
            ]
            subprocess.run([sys.executable, __file__, *shape, "--threads", str(threads)], env=environment, check=True)
        return
    for dimensions in arguments.dimensions:
        for rows in arguments.rows:
            measure(rows, dimensions, arguments.top, arguments.threads[0])


if __name__ == "__main__":
    main()
