"""The mesh of a face: 478 points, and how sure it is that there is a face.

Recipe: one pass over a square of CROP_SIZE times the longer side of the face's box, turned as the eyes are. Points have
the numbers of MediaPipe's FaceLandmarker: of the eye on the viewer's left, say, the outer corner is 33.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from onnxruntime import InferenceSession
from PIL import Image

from openrek.vision.faces.attributes.crops import Square
from openrek.vision.images.arrays import Floats

CROP_PX: Final = 256
CROP_SIZE: Final = 1.35
POINTS: Final = 478
SECOND_CROP_SIZE: Final = 1.5
"""Of a second look, in sides of the first mesh; it finds one in five of the faces that the first one missed."""
LEAST_PRESENCE: Final = 0.5
"""With less, the points are not to be relied on: most such faces are near profiles, or half hidden."""


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """`points` float32 [478, 3]: x and y in pixels of the picture, z in the same unit, towards the camera negative.

    `presence` is 0..1.
    """

    points: Floats
    presence: float

    def at(self, *numbers: int) -> Floats:
        """Return the mean of the points with these numbers, [2]."""
        return np.asarray(self.points[list(numbers), :2].mean(axis=0), np.float32)

    def square(self, size: float) -> Square:
        """Return the square around the points, its rows along the line of the eyes, `size` times as long as the longer
        of width and height."""
        eyes = complex(*(self.at(263) - self.at(33)).tolist())
        along = eyes / abs(eyes) if abs(eyes) > 1e-3 else 1 + 0j
        upright = self.points[:, :2].astype(np.float64) @ (1, 1j) / along
        low, high = (complex(end(upright.real), end(upright.imag)) for end in (np.min, np.max))
        longer = max(high.real - low.real, high.imag - low.imag, 1.0)
        return Square.around((low + high) / 2 * along, size * longer, math.atan2(along.imag, along.real))


def mesh_of(session: InferenceSession, image: Image.Image, box: Floats, turn_rad: float) -> Mesh:
    """Return the mesh of the face in `box` [4] (left, top, width, height in pixels of an RGB picture), turned clockwise
    by `turn_rad`. Where the network hardly sees one there, it looks again at where its points are."""
    first = _seen(session, image, boxed(box, turn_rad, CROP_SIZE))
    if first.presence >= LEAST_PRESENCE:
        return first
    again = _seen(session, image, first.square(SECOND_CROP_SIZE))
    return again if again.presence > max(first.presence, LEAST_PRESENCE) else first


def boxed(box: Floats, turn_rad: float, size: float) -> Square:
    """Return the square around a box [4], `size` times as long as its longer side, turned clockwise by `turn_rad`."""
    middle = complex(box[0] + box[2] / 2, box[1] + box[3] / 2)
    return Square.around(middle, size * max(float(max(box[2:])), 1.0), turn_rad)


def _seen(session: InferenceSession, image: Image.Image, square: Square) -> Mesh:
    pixels = square.seen_in(image, CROP_PX).astype(np.float32) / 255
    points, presence = session.run(["points", "presence"], {"image": pixels[None]})
    within = points.reshape(POINTS, 3) / CROP_PX
    places = np.concatenate([square.placed(within[:, :2]), within[:, 2:] * abs(square.side)], axis=1)
    return Mesh(places.astype(np.float32), 1 / (1 + math.exp(-float(presence.reshape(())))))
