"""The networks beside the mesh: what each is fed with, and what it says. Names are rows of the manifest."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from onnxruntime import InferenceSession
from PIL import Image

from openrek.vision.faces.attributes.crops import Square
from openrek.vision.faces.attributes.mesh import Mesh
from openrek.vision.faces.attributes.regions import described
from openrek.vision.images.arrays import Floats

FACERES_PX: Final = 224
AGE_PX: Final = 64
GENDER_PX: Final = 32
_CAFFE_MEAN: Final = np.array([103.939, 116.779, 123.68], np.float32)
_DLIB_MEAN: Final = np.array([122.782, 117.001, 104.298], np.float32)
LAYERS: Final = ("conv_pw_5_relu/clip_by_value", "conv_pw_8_relu/clip_by_value", "conv_pw_11_relu/clip_by_value")
_FACERES_OUTPUTS: Final = ("age_pred/Softmax", "gender_pred/Sigmoid", "global_pooling/Mean", *LAYERS)

_CHIP_POINTS: Final = (263, 362, 33, 133, 2)
_CHIP_PADDING: Final = 0.2
_CHIP_PLACES: Final = np.array(
    [
        [0.8595674595992, 0.2134981538014],
        [0.6460604764104, 0.2289674387677],
        [0.1205750620789, 0.2137274526848],
        [0.3340850613712, 0.2290642403242],
        [0.4901123135679, 0.6277975316475],
    ],
    np.float64,
)
"""Corners of the eyes and the nose's lower end in dlib's chips, get_face_chip_details of
dlib/image_transforms/interpolation.h (Boost Software License)."""


@dataclass(frozen=True, slots=True, eq=False)
class Impression:
    """What faceres says of a face: the chances of the ages 1 to 100 [100] and of a man, its feature [1024], and the
    numbers of each region, made of the maps of LAYERS; the maps, 1.6 MB, are not kept."""

    ages: Floats
    male: float
    feature: Floats
    regions: Mapping[str, Floats]


def impression(session: InferenceSession, image: Image.Image, square: Square, mesh: Mesh) -> Impression:
    """Return what faceres says of a square of an RGB picture that shows the face with this mesh."""
    pixels = square.seen_in(image, FACERES_PX)[:, :, ::-1].astype(np.float32) - _CAFFE_MEAN
    ages, male, feature, *maps = session.run(list(_FACERES_OUTPUTS), {"input_1": pixels[None]})
    numbers = described([each[0] for each in maps], square.within(mesh.points[:, :2]))
    return Impression(ages[0].copy(), float(male[0, 0]), feature[0].copy(), numbers)


def chip(mesh: Mesh) -> Square:
    """Return the square around a face that dlib's networks see."""
    places = (_CHIP_PLACES + _CHIP_PADDING) / (1 + 2 * _CHIP_PADDING)
    return Square.fitted(mesh.points[list(_CHIP_POINTS), :2], places.astype(np.float32))


def dlib_probabilities(session: InferenceSession, image: Image.Image, square: Square, length_px: int) -> Floats:
    """Return what age-v1 or gender-v1 says of a square of an RGB picture: the chances of the ages 0 to 80 [81], or of a
    woman and a man [2]."""
    pixels = (square.seen_in(image, length_px).astype(np.float32) - _DLIB_MEAN) / np.float32(256)
    (chances,) = session.run(None, {"images": np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])})
    return np.asarray(chances[0], np.float32)
