"""The mean direction of small children's faces, a learnt part beside this module: docs/LEARNT.md, training/.

Vectors of different small children are alike: most of what they have in common is this direction.
"""

import hashlib
from pathlib import Path
from typing import Final

import numpy as np

from openrek.vision.faces.packs import Direction
from openrek.vision.models.learnt_parts import LearntPartError, decode
from openrek.vision.models.zoo import WeightsError

FILE: Final = Path(__file__).with_name("child.learnt")
SHA256: Final = "a6d211cb8955014839247b1a91f9c0a40df237f987ad107185712ffd60f8b6da"
"""Of the file: with another direction the vectors of face model 7.1 would not be those in its collections."""


def child_direction(dimensions: int, path: Path = FILE, sha256: str = SHA256) -> Direction:
    """Return the direction, float64 [dimensions] of unit length: float16 numbers, normalised anew.

    Raises WeightsError for a file that is missing, another one, or of another length.
    """
    try:
        encoded = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"The direction file {path} cannot be read: {error.strerror}.") from error
    if hashlib.sha256(encoded).hexdigest() != sha256:
        raise WeightsError(f"The direction file {path} does not have the sha256 that its face model was made with.")
    try:
        found = decode(encoded).arrays.get("direction")
    except LearntPartError as error:
        raise WeightsError(f"The direction file {path} cannot be used: {error}") from error
    if found is None or found.shape != (dimensions,):
        shape = "no array `direction`" if found is None else f"a direction of the shape {list(found.shape)}"
        raise WeightsError(f"The direction file {path} has {shape}; the face model has {dimensions} numbers.")
    direction = found.astype(np.float64)
    length = float(np.linalg.norm(direction))
    if not length:
        raise WeightsError(f"The direction file {path} has a direction that is all zeros.")
    direction /= length
    direction.setflags(write=False)
    return direction
