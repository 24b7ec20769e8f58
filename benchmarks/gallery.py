"""Synthetic faces as the store keeps them, made and read in blocks: 4 million rows of 512 are 8 GB as float32."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from openrek.store.search.row_scan import RowBlock
from openrek.store.segments.sketches import LazySketch

ROWS_AT_ONCE = 50_000
PHOTOS_OF_ONE = 10
COPY_OF_EVERY = 50
"""A row is so often the same as the one before it, so that there are ties."""

SPARE = 8
"""Rows that are looked at beyond the best ones: some may be as good as the last."""

NOISE = 0.7
"""Two photos of one person have a cosine of about 1 / (1 + NOISE**2) = 0.67."""


def gallery(rows: int, dimensions: int, rng: np.random.Generator) -> RowBlock:
    """Make people, about ten photos each, around random centres; quantised as openrek.store.log.quantisation does."""
    people = rng.standard_normal((max(1, rows // PHOTOS_OF_ONE), dimensions), dtype=np.float32)
    quantised = np.empty((rows, dimensions), np.int8)
    scales = np.empty(rows, np.float32)
    for part in parts(rows):
        vectors = people[rng.integers(0, len(people), part.stop - part.start)]
        vectors += np.float32(NOISE) * rng.standard_normal(vectors.shape, dtype=np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        scales[part] = np.abs(vectors).max(axis=1) / np.float32(127)
        vectors /= scales[part, None]
        quantised[part] = np.clip(np.rint(vectors), -127, 127)
    copied = slice(1, None, COPY_OF_EVERY)
    originals = slice(0, rows - 1, COPY_OF_EVERY)
    quantised[copied], scales[copied] = quantised[originals], scales[originals]
    sketch = LazySketch(quantised)
    if sketch.claim():
        sketch.make()
    return RowBlock(quantised, scales, rng.integers(0, 256, (rows, 16), dtype=np.uint8), None, 1.1, sketch.made)


def parts(rows: int) -> Iterator[slice]:
    for start in range(0, rows, ROWS_AT_ONCE):
        yield slice(start, min(start + ROWS_AT_ONCE, rows))


def dequantised(block: RowBlock) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Yield the stored rows as float32, part by part."""
    for part in parts(len(block.scales)):
        yield part, block.vectors[part] * block.scales[part, None]


def new_photos(block: RowBlock, count: int, rng: np.random.Generator) -> list[NDArray[np.float32]]:
    """Return queries of unit length: each is near one stored row, and equals none."""
    chosen = rng.integers(0, len(block.scales), count)
    vectors = block.vectors[chosen] * block.scales[chosen, None] * np.float32(0.8)
    vectors += 0.3 * rng.standard_normal(vectors.shape, dtype=np.float32) / np.sqrt(vectors.shape[1], dtype=np.float32)
    return list((vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32))


def brute_force(block: RowBlock, queries: list[NDArray[np.float32]], top: int) -> list[tuple[list[int], list[float]]]:
    """Return for each query the best rows of the stored vectors and their scores, ties by id.

    Found in float64, then scored in integers, from the query in multiples of 2**-40, so that equal rows have equal
    scores wherever they lie.
    """
    wide = np.stack(queries, axis=1).astype(np.float64)
    rows, scores = np.empty((len(queries), 0), np.intp), np.empty((len(queries), 0))
    for part in parts(len(block.scales)):
        found = ((block.vectors[part].astype(np.float64) @ wide) * block.scales[part, None]).T
        near = min(top + SPARE, found.shape[1])
        best = np.argpartition(-found, near - 1)[:, :near]
        rows = np.concatenate([rows, part.start + best], axis=1)
        scores = np.concatenate([scores, np.take_along_axis(found, best, 1)], axis=1)
    truth = []
    for number in range(len(queries)):
        near = rows[number][np.argsort(-scores[number])[: top + SPARE]]
        fixed = np.rint(wide[:, number] * 2.0**40).astype(np.int64)
        exact = (block.vectors[near].astype(np.int64) @ fixed).astype(np.float64) / 2.0**40 * block.scales[near]
        high, low = block.ids[near].view(">u8").reshape(-1, 2).T
        order = np.lexsort((low, high, -exact))[:top]
        truth.append((near[order].tolist(), exact[order].tolist()))
    return truth
