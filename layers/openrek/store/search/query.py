"""A query in two forms: int8 for scans, and fixed point, in which every score is exact."""

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
    def __init__(self, query: NDArray[np.float32]) -> None:
        """Raises ValueError for a query [d] that is zero or longer than 2, or of more than 1040 dimensions."""
        self.fixed = np.rint(query.astype(np.float64) * FIXED_POINT)
        exact = self.fixed / FIXED_POINT
        peak = float(np.abs(exact).max(initial=0.0))
        self.norm = float(np.linalg.norm(exact))
        if not (peak > 0.0 and self.norm <= LONGEST_QUERY and len(exact) <= MAX_DIMENSIONS):
            raise ValueError("a query must not be zero, not be longer than 2, and have at most 1040 dimensions")
        self.scale = peak / 127.0
        self.int8 = np.rint(exact / self.scale).astype(np.int8)
        self._rest = float(np.linalg.norm(exact - self.scale * self.int8))

    def margin(self, longest: float) -> float:
        """How far the score of a row with int8 (in units of `scale`) may be from the true one; no row is longer."""
        return (self._rest + ROUNDING * self.norm) * longest / self.scale


def exact(
    probe: Probe, vectors: NDArray[np.int8], scales: NDArray[np.float32], rows: NDArray[np.intp]
) -> NDArray[np.float64]:
    """query . (scale * vector) of these rows. Each sum is of integers below 2**53: it does not depend on its order."""
    sums = np.empty(len(rows))
    for start in range(0, len(rows), ROWS_PER_PART):
        part = rows[start : start + ROWS_PER_PART]
        np.matmul(vectors[part].astype(np.float64), probe.fixed, out=sums[start : start + len(part)])
    return sums / FIXED_POINT * scales[rows].astype(np.float64)
