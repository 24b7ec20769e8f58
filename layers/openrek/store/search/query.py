"""A query vector in two forms: int8 for scans, and fixed point, in which every score is exact."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

MAX_DIMENSIONS: Final = 1040
"""127 * 127 * 1040 < 2**24, and 127 * 2 * 2**40 * sqrt(1040) < 2**53: both sums stay exact."""

LONGEST_QUERY: Final = 2.0
FIXED_POINT: Final = 2.0**40
ROUNDING: Final = 1e-6
"""More than float32's rounding of a scanned score times s, for scores up to 2."""

ROWS_PER_PART: Final = 256
"""As many are widened to float64 at a time: in the cache, and in memory that malloc has at hand."""


class Probe:
    """A query vector, quantised for scans and in fixed point for exact scores."""

    def __init__(self, query: NDArray[np.float32]) -> None:
        """Quantise `query`, float32 [d]. Raises ValueError if it is zero, longer than 2, or of over 1040 dimensions."""
        self.fixed = np.rint(query.astype(np.float64) * FIXED_POINT)
        unrounded = self.fixed / FIXED_POINT
        peak = float(np.abs(unrounded).max(initial=0.0))
        self.norm = float(np.linalg.norm(unrounded))
        if not (peak > 0.0 and self.norm <= LONGEST_QUERY and len(unrounded) <= MAX_DIMENSIONS):
            raise ValueError("a query must not be zero, not be longer than 2, and have at most 1040 dimensions")
        self.scale = peak / 127.0
        self.int8 = np.rint(unrounded / self.scale).astype(np.int8)
        self._rest = float(np.linalg.norm(unrounded - self.scale * self.int8))

    def margin(self, longest: float) -> float:
        """Return the largest error of a scanned score, in units of `scale`, for rows of a norm of at most `longest`."""
        return (self._rest + ROUNDING * self.norm) * longest / self.scale


def exact_scores(
    probe: Probe, vectors: NDArray[np.int8], scales: NDArray[np.float32], rows: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return query . (scale * vector) of these rows, float64 [len(rows)].

    Each sum is of integers below 2**53, so it does not depend on the order of its terms.
    """
    sums = np.empty(len(rows))
    for start in range(0, len(rows), ROWS_PER_PART):
        part = rows[start : start + ROWS_PER_PART]
        np.matmul(vectors[part].astype(np.float64), probe.fixed, out=sums[start : start + len(part)])
    return sums / FIXED_POINT * scales[rows].astype(np.float64)
