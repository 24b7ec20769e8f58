"""Points of bodies with MoveNet Lightning: a square around a person becomes 17 points."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession
from PIL import Image

from openrek.domain.faces import BoundingBox

BODIES: Final = "movenet"
SIDE_PX: Final = 192
AROUND: Final = 1.25
"""The square's side in longer sides of the person's box."""
LEAST_SCORE: Final = 0.3
"""Of a point that is told: of 34 wrists above it 29 were right."""
HEAD_POINTS: Final = slice(0, 5)
"""Nose, eyes and ears."""
LEFT_WRIST, RIGHT_WRIST = 9, 10
"""The person's own left and right, as in COCO."""


@dataclass(frozen=True, slots=True)
class Body:
    """Points float32 [17, 2] (x, y; pixels of the picture) and their scores [17], 0..1."""

    points: NDArray[np.float32]
    scores: NDArray[np.float32]


def body(session: InferenceSession, image: Image.Image, box: BoundingBox) -> Body:
    """Return the points of the person in a box of an RGB picture; beyond the frame the square is black."""
    width, height = image.size
    side = max(1.0, AROUND * max(box.width * width, box.height * height))
    left = (box.left + box.width / 2) * width - side / 2
    top = (box.top + box.height / 2) * height - side / 2
    square = cut(image, left, top, side).resize((SIDE_PX, SIDE_PX), Image.Resampling.BILINEAR, reducing_gap=2.0)
    (found,) = session.run(None, {session.get_inputs()[0].name: np.asarray(square, np.int32)[None]})
    points = found[0, 0, :, 1::-1] * np.float32(side) + np.array([left, top], np.float32)
    return Body(points, found[0, 0, :, 2])


def cut(image: Image.Image, left: float, top: float, side: float) -> Image.Image:
    """Return a square of a picture, black where it lies outside."""
    corner = round(left), round(top)
    length = max(1, round(side))
    return image.crop((*corner, corner[0] + length, corner[1] + length))
