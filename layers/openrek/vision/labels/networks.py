"""The network of objects: what goes in and what comes out, in numpy."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from onnxruntime import InferenceSession
from PIL import Image

from openrek.vision.images.arrays import Floats
from openrek.vision.models.picture_classes import Part, normalised, resized

OBJECTS: Final = "picodet"
OBJECT_SIDE_PX: Final = 416


@dataclass(frozen=True, slots=True)
class Candidates:
    """Places where an object may be: scores float32 [n, 80] and boxes [n, 4] (left, top, right, bottom; ratios)."""

    scores: Floats
    boxes: Floats


def candidates(session: InferenceSession, image: Image.Image, part: Part, least_score: float) -> Candidates:
    """Return the places in a part of the picture, RGB, where any score is `least_score` or more.

    Overlaps are not dropped. Boxes are ratios of the part, which is squeezed into a square, as in training.
    """
    square = resized(image, OBJECT_SIDE_PX, part)
    feed = {"image": normalised(square)[None], "scale_factor": np.ones((1, 2), np.float32)}
    scores, boxes = session.run(["concat_4.tmp_0", "tmp_17"], feed)
    likely = scores[0].max(axis=0) >= least_score
    return Candidates(scores[0].T[likely], boxes[0][likely] / OBJECT_SIDE_PX)
