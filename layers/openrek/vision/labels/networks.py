"""The two networks of labels: what goes in and what comes out, in numpy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from onnxruntime import InferenceSession
from PIL import Image

from openrek.vision.images.arrays import Floats

OBJECTS: Final = "picodet"
PICTURES: Final = "pplcnet"
OBJECT_SIDE_PX: Final = 416
PICTURE_SIDE_PX: Final = 224
_SHORTER_SIDE_PX: Final = 256
_SCALE: Final = (1 / (255 * np.array([0.229, 0.224, 0.225]))).astype(np.float32)
_SHIFT: Final = (-np.array([0.485, 0.456, 0.406]) / np.array([0.229, 0.224, 0.225])).astype(np.float32)
"""ImageNet's mean and deviation of each channel, which both networks were trained with."""

Part = tuple[float, float, float, float]
"""Left, top, right and bottom of a part of a picture, in pixels."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Places where an object may be: scores float32 [n, 80] and boxes [n, 4] (left, top, right, bottom; ratios)."""

    scores: Floats
    boxes: Floats


@dataclass(frozen=True, slots=True)
class Impression:
    """A picture as a whole: probabilities of ImageNet's classes, float32 [1000]; the feature [1280], of unit length (of
    several views, the mean of such)."""

    probabilities: Floats
    feature: Floats


def candidates(session: InferenceSession, image: Image.Image, part: Part, least_score: float) -> Candidates:
    """Return the places in a part of the picture, RGB, where any score is `least_score` or more.

    Overlaps are not dropped. Boxes are ratios of the part, which is squeezed into a square, as in training.
    """
    square = _resized(image, OBJECT_SIDE_PX, part)
    feed = {"image": normalised(square)[None], "scale_factor": np.ones((1, 2), np.float32)}
    scores, boxes = session.run(["concat_4.tmp_0", "tmp_17"], feed)
    likely = scores[0].max(axis=0) >= least_score
    return Candidates(scores[0].T[likely], boxes[0][likely] / OBJECT_SIDE_PX)


def impressions(session: InferenceSession, squares: list[Image.Image]) -> list[Impression]:
    """Return the impression of each picture, RGB and of 224 x 224 px (`middle`, `squeezed`)."""
    if not squares:
        return []
    tensors = np.stack([normalised(square) for square in squares])
    probabilities, features = session.run(["softmax_1.tmp_0", "flatten_1.tmp_0"], {"x": tensors})
    units = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-9)
    return [Impression(*each) for each in zip(probabilities, units, strict=True)]


def mean_impression(views: Sequence[Impression]) -> Impression:
    """Return the mean of several views of one picture."""
    probabilities: Floats = np.mean([each.probabilities for each in views], axis=0)
    feature: Floats = np.mean([each.feature for each in views], axis=0)
    return Impression(probabilities, feature)


def middle(image: Image.Image, part: Part) -> Image.Image:
    """Return the square in the middle of a part, 224 px of the 256 that its shorter side would have."""
    left, top, right, bottom = part
    side = min(right - left, bottom - top) * PICTURE_SIDE_PX / _SHORTER_SIDE_PX
    x, y = (left + right - side) / 2, (top + bottom - side) / 2
    return _resized(image, PICTURE_SIDE_PX, (x, y, x + side, y + side))


def squeezed(image: Image.Image) -> Image.Image:
    """Return the whole picture as a square."""
    return _resized(image, PICTURE_SIDE_PX, (0, 0, *image.size))


def _resized(image: Image.Image, side_px: int, part: Part) -> Image.Image:
    return image.resize((side_px, side_px), Image.Resampling.BILINEAR, part, reducing_gap=2.0)


def normalised(image: Image.Image) -> Floats:
    """Return the picture as float32 [3, H, W], normalised."""
    planes = np.asarray(image).transpose(2, 0, 1)
    tensor = np.empty(planes.shape, np.float32)
    np.multiply(planes, _SCALE[:, None, None], out=tensor)
    tensor += _SHIFT[:, None, None]
    return tensor
