"""The two networks of labels: what goes in and what comes out, in numpy."""

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
    """A picture as a whole: probabilities float32 [1000] of ImageNet's classes, and the feature [1280] of unit length."""

    probabilities: Floats
    feature: Floats


def candidates(session: InferenceSession, image: Image.Image, part: Part, least_score: float) -> Candidates:
    """Return the places in a part of the RGB picture where any score is `least_score` or more; overlaps are not dropped.

    Boxes are ratios of the part. The part is squeezed into a square, as the network was trained.
    """
    square = image.resize((OBJECT_SIDE_PX, OBJECT_SIDE_PX), Image.Resampling.BILINEAR, part, reducing_gap=2.0)
    feed = {"image": _tensor(square)[None], "scale_factor": np.ones((1, 2), np.float32)}
    scores, boxes = session.run(["concat_4.tmp_0", "tmp_17"], feed)
    likely = scores[0].max(axis=0) >= least_score
    return Candidates(scores[0].T[likely], boxes[0][likely] / OBJECT_SIDE_PX)


def impressions(session: InferenceSession, image: Image.Image, parts: list[Part]) -> list[Impression]:
    """Return the impression of each part of the RGB picture: its middle, as far as a square of 224 px goes."""
    if not parts:
        return []
    tensors = np.stack([_tensor(_middle(image, part)) for part in parts])
    probabilities, features = session.run(["softmax_1.tmp_0", "flatten_1.tmp_0"], {"x": tensors})
    units = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-9)
    return [Impression(*each) for each in zip(probabilities, units, strict=True)]


def _middle(image: Image.Image, part: Part) -> Image.Image:
    """Return the square in the middle of a part, 224 px of the 256 that its shorter side would have."""
    left, top, right, bottom = part
    side = min(right - left, bottom - top) * PICTURE_SIDE_PX / _SHORTER_SIDE_PX
    x, y = (left + right - side) / 2, (top + bottom - side) / 2
    size = (PICTURE_SIDE_PX, PICTURE_SIDE_PX)
    return image.resize(size, Image.Resampling.BILINEAR, (x, y, x + side, y + side), reducing_gap=2.0)


def _tensor(image: Image.Image) -> Floats:
    """Return the picture as float32 [3, H, W], normalised."""
    pixels = np.asarray(image, np.float32)
    pixels = pixels * _SCALE + _SHIFT
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))
