"""The network that sees a picture as a whole, PPLCNetV2: what goes in and what comes out, in numpy.

Labels read its classes and its feature, and so does moderation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession
from PIL import Image

PICTURES: Final = "pplcnet"
PICTURE_SIDE_PX: Final = 224
_SHORTER_SIDE_PX: Final = 256
_SCALE: Final = (1 / (255 * np.array([0.229, 0.224, 0.225]))).astype(np.float32)
_SHIFT: Final = (-np.array([0.485, 0.456, 0.406]) / np.array([0.229, 0.224, 0.225])).astype(np.float32)
"""ImageNet's mean and deviation of each channel, which the network was trained with."""

Part: TypeAlias = tuple[float, float, float, float]
"""Left, top, right and bottom of a part of a picture, in pixels."""


@dataclass(frozen=True, slots=True)
class Impression:
    """A picture as a whole: probabilities of ImageNet's classes, float32 [1000]; the feature [1280], of unit length (of
    several views, the mean of such).
    """

    probabilities: NDArray[np.float32]
    feature: NDArray[np.float32]


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
    probabilities: NDArray[np.float32] = np.mean([each.probabilities for each in views], axis=0)
    feature: NDArray[np.float32] = np.mean([each.feature for each in views], axis=0)
    return Impression(probabilities, feature)


def middle(image: Image.Image, part: Part) -> Image.Image:
    """Return the square in the middle of a part, 224 px of the 256 that its shorter side would have."""
    left, top, right, bottom = part
    side = min(right - left, bottom - top) * PICTURE_SIDE_PX / _SHORTER_SIDE_PX
    x, y = (left + right - side) / 2, (top + bottom - side) / 2
    return resized(image, PICTURE_SIDE_PX, (x, y, x + side, y + side))


def squeezed(image: Image.Image) -> Image.Image:
    """Return the whole picture as a square."""
    return resized(image, PICTURE_SIDE_PX, (0, 0, *image.size))


def resized(image: Image.Image, side_px: int, part: Part) -> Image.Image:
    """Return a part of a picture as a square of `side_px`."""
    return image.resize((side_px, side_px), Image.Resampling.BILINEAR, part, reducing_gap=2.0)


def normalised(image: Image.Image) -> NDArray[np.float32]:
    """Return the picture as float32 [3, H, W], by ImageNet's mean and deviation."""
    planes = np.asarray(image).transpose(2, 0, 1)
    tensor = np.empty(planes.shape, np.float32)
    np.multiply(planes, _SCALE[:, None, None], out=tensor)
    tensor += _SHIFT[:, None, None]
    return tensor
