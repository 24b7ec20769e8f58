"""Brightness and Sharpness of a face, measured on its aligned 112 x 112 crop, the input of the embedding.

* Brightness: mean luma (Rec. 601) of the face's middle, 0 black .. 100 white.
* Sharpness: the root mean square of the luma's Laplacian there, relative to the luma's own spread, so that it does not
  depend on light or contrast, on a scale that reaches 0 for no detail and 100 for endless detail. A face of
  few pixels is blurred by its enlargement and scores low, as it should. What rounding adds is taken off: it would make
  the most blurred faces, whose spread is small, sharper than less blurred ones.
"""

import math

import numpy as np

from openrek.domain.faces import Quality, float32
from openrek.vision.images.arrays import Crop

_MIDDLE = slice(20, 92)
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_DETAIL_AT_HALF = 0.05
_NOISE_FLOOR = 2.0
_ROUNDING = 0.35
"""Root mean square of the Laplacian that rounding to 8 bits, here and in the photo, makes of no detail at all."""


def quality(crop: Crop) -> Quality:
    """Measure a crop, uint8 [112, 112, 3] RGB."""
    luma = crop[_MIDDLE, _MIDDLE].astype(np.float32) @ _LUMA
    around = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:]
    laplacian = around / 4 - luma[1:-1, 1:-1]
    detail = math.sqrt(max(0.0, float(np.mean(laplacian**2)) - _ROUNDING**2)) / (float(luma.std()) + _NOISE_FLOOR)
    return Quality(
        brightness=float32(float(luma.mean()) / 255 * 100),
        sharpness=float32(100 * detail / (detail + _DETAIL_AT_HALF)),
    )
