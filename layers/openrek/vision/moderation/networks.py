"""The two networks of nudity: what goes in and what comes out, in numpy."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from onnxruntime import InferenceSession
from PIL import Image

OPEN_NSFW: Final = "open-nsfw"
NSFWJS: Final = "nsfwjs"
SIDE_PX: Final = 224
_OPEN_NSFW_SIDE_PX: Final = 256
_MEAN_BGR: Final = np.array([104, 117, 123], np.float32)
"""Of ImageNet, as Caffe's networks have it."""


@dataclass(frozen=True, slots=True)
class Styles:
    """nsfwjs's probabilities of what a picture is: drawn, drawn and explicit, harmless, explicit, suggestive."""

    drawing: float
    hentai: float
    neutral: float
    porn: float
    sexy: float


def unsafe(session: InferenceSession, image: Image.Image) -> float:
    """Return open-nsfw's probability that a picture, RGB, is not safe to be looked at while at work, 0..1.

    As its makers fed it: squeezed to 256 x 256 px, of which it sees the middle.
    """
    margin = (_OPEN_NSFW_SIDE_PX - SIDE_PX) // 2
    square = _squeezed(image, _OPEN_NSFW_SIDE_PX).crop((margin, margin, margin + SIDE_PX, margin + SIDE_PX))
    pixels = np.asarray(square, np.float32)[:, :, ::-1] - _MEAN_BGR
    (found,) = session.run(None, {session.get_inputs()[0].name: pixels[None]})
    return float(found[0, 1])


def styles(session: InferenceSession, image: Image.Image) -> Styles:
    """Return nsfwjs's probabilities for a picture, RGB."""
    pixels = np.asarray(_squeezed(image, SIDE_PX), np.float32) / 255
    (found,) = session.run(None, {session.get_inputs()[0].name: pixels[None]})
    return Styles(*map(float, found[0]))


def _squeezed(image: Image.Image, side_px: int) -> Image.Image:
    return image.resize((side_px, side_px), Image.Resampling.BILINEAR, reducing_gap=2.0)
