"""What covers faces and heads: learnt heads on the feature of the face, and ImageNet's kinds of hats and helmets."""

from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from onnxruntime import InferenceSession
from PIL import Image

from openrek.domain.equipment import FACE_COVER, HEAD_COVER, Cover
from openrek.domain.faces import BoundingBox, float32
from openrek.vision.equipment.bodies import cut
from openrek.vision.models.learnt_parts import LearntPart, decode
from openrek.vision.models.picture_classes import PICTURE_SIDE_PX, Impression, impressions, resized

HEADS_FILE: Final = Path(__file__).with_name("face_cover.learnt")
COVER, WORN_RIGHT = "face cover", "worn right"
AROUND_FACE: Final = 1.4
AROUND_HEAD: Final = 2.0
HATS: Final = (518, 560, 715, 439, 452, 515, 808, 793, 433, 667)
"""Classes of ImageNet: crash helmet, football helmet, pickelhaube; bearskin, bonnet, cowboy hat, sombrero, shower cap,
bathing cap, mortarboard."""
LEAST_PCT: Final = 50.0
"""A cover that is less sure is not told."""


@lru_cache(maxsize=1)
def heads() -> LearntPart:
    """Return the learnt heads: `weights` [2, 1280] and `biases` [2] for logits of COVER and WORN_RIGHT."""
    return decode(HEADS_FILE.read_bytes())


def face_square(image: Image.Image, face: BoundingBox) -> Image.Image:
    """Return the square around a face that the heads were learnt from, 224 x 224 px."""
    width, height = image.size
    side = AROUND_FACE * max(face.width * width, face.height * height)
    middle = (face.left + face.width / 2) * width, (face.top + face.height / 2) * height
    return _square(image, middle, side)


def head_square(image: Image.Image, face: BoundingBox) -> Image.Image:
    """Return the square around the head of a face: what is worn on it is above the face."""
    width, height = image.size
    side = AROUND_HEAD * max(face.width * width, face.height * height)
    middle = (face.left + face.width / 2) * width, (face.top + face.height / 4) * height
    return _square(image, middle, side)


def covers_of(
    session: InferenceSession, image: Image.Image, faces: list[BoundingBox]
) -> list[tuple[Cover | None, Cover | None]]:
    """Return what covers each face, and the head that it belongs to."""
    found: list[tuple[Cover | None, Cover | None]] = []
    for face in faces:  # one after the other: memory is bounded by one pair
        looks = impressions(session, [face_square(image, face), head_square(image, face)])
        found.append((_face_cover(looks[0], face), _head_cover(looks[1], face)))
    return found


def _face_cover(look: Impression, face: BoundingBox) -> Cover | None:
    cover, right = probabilities(look)
    if 100 * cover < LEAST_PCT:
        return None
    lower = BoundingBox(face.left, float32(face.top + 0.4 * face.height), face.width, float32(0.6 * face.height))
    sure = float32(100 * max(right, 1 - right))
    return Cover(FACE_COVER, lower, float32(100 * cover), right >= 0.5, sure)


def probabilities(look: Impression) -> tuple[float, float]:
    """Return how sure it is that the face is covered, and that what covers it is worn right, 0..1 each."""
    part = heads()
    logits = part.arrays["weights"] @ look.feature + part.arrays["biases"]
    chances = 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
    return float(chances[part.names.index(COVER)]), float(chances[part.names.index(WORN_RIGHT)])


def _head_cover(look: Impression, face: BoundingBox) -> Cover | None:
    confidence = float32(min(100.0, 100 * float(look.probabilities[list(HATS)].sum())))
    if confidence < LEAST_PCT:
        return None
    top = max(0.0, face.top - 0.5 * face.height)
    above = BoundingBox(face.left, float32(top), face.width, float32(face.top + 0.3 * face.height - top))
    return Cover(HEAD_COVER, above, confidence, True, confidence)


def _square(image: Image.Image, middle: tuple[float, float], side: float) -> Image.Image:
    square = cut(image, middle[0] - side / 2, middle[1] - side / 2, side)
    return resized(square, PICTURE_SIDE_PX, (0, 0, *square.size))
