"""Brightness and Sharpness of a face, measured on its aligned 112 x 112 crop, the input of the embedding.

* Brightness: mean luma (Rec. 601) of the face's middle, 0 black .. 100 white.
* Sharpness: the root mean square of the luma's Laplacian there, relative to the luma's own spread, so that it does not
  depend on light or contrast, on a scale that reaches 0 for no detail and 100 for endless detail. A face of
  few pixels is blurred by its enlargement and scores low, as it should. What rounding adds is taken off: it would make
  the most blurred faces, whose spread is small, sharper than less blurred ones.
* Coarse sharpness: the least of four directions' second differences, relative to the same spread, of means of 3 x 3
  pixels. Noise, and the blocks of strong JPEG compression, look like detail in single pixels, but not there; a face
  that moved has detail in all directions but one.

What lies beyond the picture's edge is black in a crop and does not count.
"""

import math

import numpy as np
from numpy.typing import NDArray

from openrek.domain.faces import Quality, float32
from openrek.vision.images.arrays import Crop, Floats

_MIDDLE = slice(20, 92)
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_DETAIL_AT_HALF = 0.026
"""So portraits of some 100 px and more have 90, as Rekognition's published answers do, and one that was enlarged from a
photo of 120 x 160 px some 45."""
_COARSE_DETAIL_AT_HALF = 0.1
_COARSE_PX = 3
_NOISE_FLOOR = 2.0
_ROUNDING = 0.35
"""Root mean square of the Laplacian that rounding to 8 bits, here and in the photo, makes of no detail at all."""
_LEAST_SHOWN = 0.2
"""If less of the middle than that comes from the picture, all of it counts."""
_FEWEST_PLACES = 10


def quality(crop: Crop, shown: NDArray[np.bool_] | None = None) -> Quality:
    """Measure a crop, uint8 [112, 112, 3] RGB, or of it only what `shown` [112, 112] marks."""
    luma = crop[_MIDDLE, _MIDDLE].astype(np.float32) @ _LUMA
    inside = np.ones(luma.shape, np.bool_) if shown is None else shown[_MIDDLE, _MIDDLE]
    if inside.mean() < _LEAST_SHOWN:
        inside = np.ones(luma.shape, np.bool_)
    fine = _detail(luma, inside)
    coarse = _weakest_detail(_means(luma), _means(inside.astype(np.float32)) == 1)
    return Quality(
        brightness=float32(float(luma[inside].mean()) / 255 * 100),
        sharpness=float32(100 * fine**2 / (fine**2 + _DETAIL_AT_HALF**2)),
        coarse_sharpness=float32(100 * coarse / (coarse + _COARSE_DETAIL_AT_HALF)),
    )


def _means(values: Floats) -> Floats:
    side = len(values) // _COARSE_PX
    means: Floats = values.reshape(side, _COARSE_PX, side, _COARSE_PX).mean(axis=(1, 3))
    return means


def _detail(luma: Floats, inside: NDArray[np.bool_]) -> float:
    """Return the root mean square of the Laplacian of luma [n, n], less that of rounding, relative to luma's spread;
    both of what is `inside`."""
    around = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:]
    laplacian = around / 4 - luma[1:-1, 1:-1]
    detail = math.sqrt(max(0.0, float(np.mean(laplacian[_surrounded(inside)] ** 2)) - _ROUNDING**2))
    return detail / (float(luma[inside].std()) + _NOISE_FLOOR)


def _weakest_detail(luma: Floats, inside: NDArray[np.bool_]) -> float:
    """Return the least root mean square of second differences of luma [n, n] along rows, columns and both diagonals,
    relative to luma's spread; of what is `inside`."""
    whole, middle = _surrounded(inside), luma[1:-1, 1:-1]
    pairs = (
        (luma[1:-1, :-2], luma[1:-1, 2:], 1),
        (luma[:-2, 1:-1], luma[2:, 1:-1], 1),
        (luma[:-2, :-2], luma[2:, 2:], 2),
        (luma[:-2, 2:], luma[2:, :-2], 2),
    )
    weakest = min(float(np.mean((((a + b) / 2 - middle)[whole] / squared_px) ** 2)) for a, b, squared_px in pairs)
    return math.sqrt(weakest) / (float(luma[inside].std() if inside.any() else luma.std()) + _NOISE_FLOOR)


def _surrounded(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the places of [n - 2, n - 2] all of whose eight neighbours are inside; all places if hardly any is."""
    rows = inside[:-2] & inside[1:-1] & inside[2:]
    whole = rows[:, :-2] & rows[:, 1:-1] & rows[:, 2:]
    return whole if whole.sum() >= _FEWEST_PLACES else np.ones_like(whole)
