"""Five points and pixels -> the 112 x 112 crop that face embeddings are trained on.

The similarity transform that maps the points best (least squares) onto the ArcFace template, sampled bilinearly,
black outside the picture; the same as OpenCV's FaceRecognizerSF.alignCrop as long as the face is at most twice the
crop's size. Larger faces are first averaged down by a whole number, where OpenCV skips pixels.

Source of the template: Deng et al., "ArcFace" (2019), insightface's reference code.
"""

import math

import numpy
from numpy.typing import NDArray
from PIL import Image

from openrek.vision.arrays import Crop, Floats

SIDE_PX = 112
TEMPLATE = numpy.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
_TARGET = TEMPLATE @ (1, 1j)
_TARGET_MEAN = _TARGET.mean()
_GRID = (numpy.arange(SIDE_PX)[:, None] * 1j + numpy.arange(SIDE_PX)[None, :]) - _TARGET_MEAN


def aligned(image: Image.Image, points: Floats) -> Crop:
    """uint8 [112, 112, 3] RGB from an upright RGB picture and float [5, 2] points in its pixels (order of detect)."""
    places, step_px = _sampled_places(points)
    by = max(1, min(int(step_px), max(image.size) // 32))
    left, top, right, bottom = _frame(places, image.size, by)
    region = image.crop((left, top, right, bottom))
    if by > 1:
        region = region.reduce(by)
    x = (places.real - left + 0.5) / by - 0.5
    y = (places.imag - top + 0.5) / by - 0.5
    return _sampled(region, x, y)


def _sampled_places(points: Floats) -> tuple[NDArray[numpy.complex128], float]:
    """Where each crop pixel lies in the picture, as x + iy [112, 112], and how far apart neighbours are."""
    source = points.astype(numpy.float64) @ (1, 1j)
    mean = source.mean()
    offsets = source - mean
    turn = (offsets.conj() @ (_TARGET - _TARGET_MEAN)) / max(float(numpy.sum(numpy.abs(offsets) ** 2)), 1e-9)
    places = mean + _GRID / (turn if abs(turn) > 1e-6 else 1e-6)
    return places, 1 / max(abs(turn), 1e-6)


def _frame(places: NDArray[numpy.complex128], size: tuple[int, int], by: int) -> tuple[int, int, int, int]:
    """The part of the picture that is sampled, with one black step around the picture where it reaches the edge."""
    sides = []
    for along, side in ((places.real, size[0]), (places.imag, size[1])):
        low = min(max(math.floor(float(along.min())) - by, -by), side)
        high = max(min(math.ceil(float(along.max())) + 2 * by, side + by), low + 2 * by)
        sides.append((low, high))
    (left, right), (top, bottom) = sides
    return left, top, right, bottom


def _sampled(image: Image.Image, x: NDArray[numpy.float64], y: NDArray[numpy.float64]) -> NDArray[numpy.uint8]:
    """Bilinear samples of an RGB picture at x, y [h, w] -> uint8 [h, w, 3]; places outside take the border's pixel."""
    width, height = image.size
    words = numpy.frombuffer(image.tobytes("raw", "RGBX"), numpy.uint32)
    x, y = numpy.clip(x, 0, width - 1), numpy.clip(y, 0, height - 1)
    column, row = numpy.minimum(x.astype(numpy.intp), width - 2), numpy.minimum(y.astype(numpy.intp), height - 2)
    across, down = (numpy.repeat(share.astype(numpy.float32), 4) for share in (x - column, y - row))
    corner = (row * width + column).reshape(-1)

    def at(place: NDArray[numpy.intp]) -> Floats:
        return words.take(place, mode="clip").view(numpy.uint8).astype(numpy.float32)

    upper, lower = at(corner), at(corner + width)
    upper += (at(corner + 1) - upper) * across
    lower += (at(corner + width + 1) - lower) * across
    upper += (lower - upper) * down
    upper += numpy.float32(0.5)
    return numpy.ascontiguousarray(upper.astype(numpy.uint8).reshape(*x.shape, 4)[..., :3])
