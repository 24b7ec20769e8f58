"""Four regions of a face in the maps of faceres: the numbers that small heads read.

A region is the upright rectangle, in the square that faceres saw, around some points of the mesh and a margin. Its
numbers are the means of the maps' cells in it, a cell counted by the share that lies inside.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from openrek.vision.images.arrays import Floats

EYES: Final = "eyes"
LIP: Final = "lip"
MOUTH: Final = "mouth"
CHIN: Final = "chin"
_POINTS: Final[Mapping[str, Sequence[int]]] = {
    EYES: (70, 63, 105, 66, 107, 336, 296, 334, 293, 300, 33, 263, 145, 374, 119, 348),
    LIP: (98, 327, 2, 0, 61, 291),
    MOUTH: (61, 291, 0, 17, 13, 14),
    CHIN: (17, 152, 172, 397, 61, 291),
}
"""Brows, eyes and the cheeks right below them; the wings of the nose to the upper lip; the lips; lower lip to jaw."""
NAMES: Final = tuple(_POINTS)
_MARGIN: Final = 0.03
"""On each side of a region, in sides of the square."""
NUMBERS: Final = 256 + 512 + 512
"""Of one region: the channels of the three maps."""


def described(maps: Sequence[Floats], points: Floats) -> dict[str, Floats]:
    """Return the numbers [NUMBERS] of each region from maps [rows, columns, channels] of a square and the points
    [478, 2] of the mesh, 0..1 in that square. A region outside takes the cells at the edge."""
    found = {}
    for name, numbers in _POINTS.items():
        places = points[list(numbers)].astype(np.float64)
        low, high = places.min(axis=0) - _MARGIN, places.max(axis=0) + _MARGIN
        found[name] = np.concatenate([_mean(each, low, high) for each in maps])
    return found


def _mean(cells: Floats, low: NDArray[np.float64], high: NDArray[np.float64]) -> Floats:
    across, down = (_shares(float(low[at]), float(high[at]), cells.shape[1 - at]) for at in (0, 1))
    return np.asarray(np.tensordot(np.outer(down, across), cells, axes=2), np.float32)


def _shares(low: float, high: float, cells: int) -> Floats:
    """Return how much each of `cells` in a row counts for what lies from `low` to `high`, all together 1."""
    low, high = min(max(low, 0.0), 1 - 1 / cells), max(min(high, 1.0), 1 / cells)
    high = max(high, low + 1 / cells)
    edges = np.arange(cells + 1) / cells
    inside = np.clip(np.minimum(edges[1:], high) - np.maximum(edges[:-1], low), 0, None)
    return np.asarray(inside / inside.sum(), np.float32)
