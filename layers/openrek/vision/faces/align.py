"""Alignment: five points and pixels become the 112 x 112 crop that face embeddings are trained on.

The similarity transform that maps the points best (least squares) onto the ArcFace template, sampled bilinearly,
black outside the picture; the same as OpenCV's FaceRecognizerSF.alignCrop as long as the face is at most twice the
crop's size. Larger faces are first averaged down by a whole number, where OpenCV skips pixels.

Source of the template: Deng et al., "ArcFace" (2019), insightface's reference code.
"""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from openrek.vision.images.arrays import Crop, Floats
from openrek.vision.images.pixels import packed_pixels

SIDE_PX = 112
TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
_TARGET = TEMPLATE @ (1, 1j)
_TARGET_MEAN = complex(_TARGET.mean())
_TARGET_OFFSETS = _TARGET - _TARGET_MEAN
_ALONG = np.arange(SIDE_PX, dtype=np.float64)


def aligned(image: Image.Image, points: Floats) -> Crop:
    """Return the crop, uint8 [112, 112, 3] RGB, of the face with these points [5, 2], in pixels (order of detect)."""
    corner, step = _placed(points)
    by = max(1, min(int(abs(step)), max(image.size) // 32))
    left, top, right, bottom = _frame(corner, step, image.size, by)
    region = image.crop((left, top, right, bottom))
    if by > 1:
        region = region.reduce(by)
    return _sampled(region, (corner - complex(left, top) + (0.5 + 0.5j)) / by - (0.5 + 0.5j), step / by)


def shown(points: Floats, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Mark the pixels, [112, 112], of the crop of these points that come from a picture of (width, height) `size`; the
    others are black."""
    corner, step = _placed(points)
    places = corner + step * np.add.outer(1j * _ALONG, _ALONG)
    within = (places.real >= 0) & (places.real <= size[0] - 1) & (places.imag >= 0) & (places.imag <= size[1] - 1)
    return np.asarray(within)


def _placed(points: Floats) -> tuple[complex, complex]:
    """Fit the crop: return its first pixel's place in the picture, x + iy, and the step to its right neighbour."""
    source = points.astype(np.float64) @ (1, 1j)
    mean = complex(source.mean())
    offsets = source - mean
    turn = complex(offsets.conj() @ _TARGET_OFFSETS) / max(float(np.sum(np.abs(offsets) ** 2)), 1e-9)
    step = 1 / (turn if abs(turn) > 1e-6 else 1e-6)
    return mean - _TARGET_MEAN * step, step


def _frame(corner: complex, step: complex, size: tuple[int, int], by: int) -> tuple[int, int, int, int]:
    """Return the sampled part (left, top, right, bottom), with one black step where it reaches the picture's edge."""
    corners = [corner + step * (SIDE_PX - 1) * along for along in (0, 1, 1j, 1 + 1j)]
    sides = []
    for ends, side in (([end.real for end in corners], size[0]), ([end.imag for end in corners], size[1])):
        low = min(max(math.floor(min(ends)) - by, -by), side)
        high = max(min(math.ceil(max(ends)) + 2 * by, side + by), low + 2 * by)
        sides.append((low, high))
    (left, right), (top, bottom) = sides
    return left, top, right, bottom


def _sampled(image: Image.Image, corner: complex, step: complex) -> Crop:
    """Sample an RGB picture bilinearly, in rows at right angles to `step`; places outside take the border's pixel."""
    width = image.width
    pixels = packed_pixels(image).reshape(-1)
    column, across = _taps(corner.real, step.real, -step.imag, width)
    row, down = _taps(corner.imag, step.imag, step.real, image.height)
    places = row * width + column

    def at(offset: int) -> Floats:
        return pixels.take(places + offset, mode="clip").view(np.uint8).astype(np.float32)

    upper, lower = at(0), at(width)
    upper += (at(1) - upper) * across
    lower += (at(width + 1) - lower) * across
    upper += (lower - upper) * down
    upper += np.float32(0.5)
    return upper.astype(np.uint8).reshape(-1, 4)[:, [0, 1, 2]].reshape(SIDE_PX, SIDE_PX, 3)


def _taps(start: float, right: float, below: float, source: int) -> tuple[NDArray[np.intp], Floats]:
    """Return for each crop pixel the source pixel before its place, [12544], and its distance from there, 0..1, once
    for each byte of a pixel, [50176]."""
    places = np.add.outer(start + below * _ALONG, right * _ALONG).reshape(-1)
    np.clip(places, 0, source - 1, out=places)
    before = np.minimum(places.astype(np.intp), source - 2)
    return before, np.repeat((places - before).astype(np.float32), 4)
