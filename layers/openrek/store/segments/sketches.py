"""Sketches of vectors: the higher half of each byte, so that a scan reads half of the memory.

A byte v is 16 h + 7.5 + r with h = v >> 4 in -8..7 and a rest r of at most 7.5. So with a query q of integers
q . v = 16 q . h + 7.5 sum(q) + q . r, and |q . r| <= ||q|| ||r|| (Cauchy-Schwarz): a sketch bounds the score
of its row. Only rows that may reach the best ones are then read in full, and the result stays exact.

This is the first level of locally-adaptive vector quantization in two levels of 4 bits (Aguerrebere et al., "Similarity
Search in the Blink of an Eye with Compressed Indices", 2023), with a bound in place of an estimate.
"""

import threading
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

STEP: Final = 16
MIDDLE: Final = 7.5
OFFSET: Final = 8
"""Added to h, so that a nibble holds it."""

LINE: Final = 64
"""Bytes; see `struct block` of row_scan.c."""

LEAST_ROWS: Final = 1 << 16
"""Fewer rows are quickly read in full."""

ROWS_PER_PART: Final = 1024


@dataclass(frozen=True, slots=True)
class Sketch:
    """A sketch of n vectors.

    nibbles uint8 [n, d / 2]: h + OFFSET of two dimensions in each; `rest` is no shorter than any row's r.
    """

    nibbles: NDArray[np.uint8]
    rest: float


def fits(dimensions: int) -> bool:
    """Return whether vectors of so many dimensions can be sketched."""
    return dimensions > 0 and dimensions % (2 * LINE) == 0


def sketch_of(vectors: NDArray[np.int8]) -> Sketch:
    """Return the sketch of vectors [n, d], where d fits."""
    rows, dimensions = vectors.shape
    nibbles = np.empty((rows, dimensions // 2), np.uint8)
    longest2 = 0.0
    for start in range(0, rows, ROWS_PER_PART):
        part = vectors[start : start + ROWS_PER_PART]
        high = ((part >> 4) + OFFSET).astype(np.uint8).reshape(len(part), -1, 2, LINE)
        nibbles[start : start + len(part)] = (high[:, :, 0] | high[:, :, 1] << 4).reshape(len(part), -1)
        rest = (part & 15).astype(np.float32) - np.float32(MIDDLE)
        longest2 = max(longest2, float(np.einsum("ij,ij->i", rest, rest).max()))  # multiples of 1/4: exact
    return Sketch(nibbles, float(np.sqrt(longest2)))


def unpacked(nibbles: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return h + OFFSET [n, d] of nibbles [n, d / 2]."""
    lines = nibbles.reshape(len(nibbles), -1, LINE)
    return np.stack([lines & 15, lines >> 4], axis=2).reshape(len(nibbles), -1)


class LazySketch:
    """A sketch of vectors that never change, made once, after the first search that could have used it."""

    def __init__(self, vectors: NDArray[np.int8]) -> None:
        worth = fits(vectors.shape[1]) and len(vectors) >= LEAST_ROWS
        self._vectors = vectors
        self._claimed = not worth
        self._lock = threading.Lock()
        self.size_bytes = vectors.nbytes // 2 if worth else 0
        self.made: Sketch | None = None

    def claim(self) -> bool:
        """Return True to one caller, which then has to make the sketch.

        Return False if it was claimed or is not worth making.
        """
        with self._lock:
            claimed, self._claimed = self._claimed, True
        return not claimed

    def make(self) -> None:
        """Make the sketch."""
        self.made = sketch_of(self._vectors)
