"""What the networks say of one face: each runs at most once, and only when something asks for what it says."""

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Final

import numpy as np
from onnxruntime import InferenceSession
from PIL import Image

from openrek.domain.faces import DetectedFace
from openrek.vision.faces.attributes import networks, regions
from openrek.vision.faces.attributes.blendshapes import movements
from openrek.vision.faces.attributes.mesh import LEAST_PRESENCE, Mesh, boxed, mesh_of
from openrek.vision.images.arrays import Floats

FACE_SIZE: Final = 1.3
BOX_SIZE: Final = 1.25
"""The square that faceres sees, in sides of the mesh, and of the box where there is no mesh to rely on."""
LEAST_MOVEMENT: Final = 1e-3
_LEAST_BLINK: Final = 0.01
_LEAST_CHANCE: Final = 1e-4
_LIDS: Final = (
    ((33, 133), ((159, 145), (158, 153), (160, 144))),
    ((362, 263), ((386, 374), (385, 380), (387, 373))),
)
"""Of each eye: its corners, and pairs of an upper and a lower lid's point."""


class Signals:
    """The outputs of the networks for one face of an RGB picture."""

    def __init__(self, session: Callable[[str], InferenceSession], image: Image.Image, face: DetectedFace) -> None:
        """Run nothing yet; `session` opens a model by its name in the manifest."""
        self._session = session
        self.image = image
        self.face = face

    @cached_property
    def mesh(self) -> Mesh:
        return mesh_of(self._session("face-mesh"), self.image, self._box, self._turn_rad)

    @property
    def has_mesh(self) -> bool:
        """Tell if the mesh can be relied on."""
        return self.mesh.presence >= LEAST_PRESENCE

    @cached_property
    def movements(self) -> Mapping[str, float]:
        """The blendshapes by name, 0..1."""
        return movements(self._session("blendshapes"), self.mesh)

    @cached_property
    def impression(self) -> networks.Impression:
        square = self.mesh.square(FACE_SIZE) if self.has_mesh else boxed(self._box, self._turn_rad, BOX_SIZE)
        return networks.impression(self._session("faceres"), self.image, square, self.mesh)

    def numbers(self, block: str) -> Floats:
        """Return the numbers of a block that heads read: of one of BLOCKS."""
        return BLOCKS[block](self)

    @cached_property
    def dlib_ages(self) -> Floats:
        """The chances of the ages 0 to 80."""
        chip = networks.chip(self.mesh)
        return networks.dlib_probabilities(self._session("age"), self.image, chip, networks.AGE_PX)

    @cached_property
    def dlib_male(self) -> float:
        """The chance of a man."""
        chip = networks.chip(self.mesh)
        return float(networks.dlib_probabilities(self._session("gender"), self.image, chip, networks.GENDER_PX)[1])

    @property
    def five_points(self) -> dict[str, Floats]:
        """The detector's points by Rekognition's names, [2] each in pixels of the picture."""
        size = np.array(self.image.size, np.float32)
        return {point.name: np.array([point.x, point.y], np.float32) * size for point in self.face.landmarks}

    @property
    def _box(self) -> Floats:
        box = np.array([self.face.box.left, self.face.box.top, self.face.box.width, self.face.box.height], np.float32)
        return np.asarray(box * np.tile(np.array(self.image.size, np.float32), 2))

    @property
    def _turn_rad(self) -> float:
        return math.radians(self.face.pose.roll)


def _movements(signals: Signals) -> Floats:
    shares = np.array(list(signals.movements.values()), np.float64)
    return np.asarray(np.log(shares + LEAST_MOVEMENT), np.float32)


def _lids(signals: Signals) -> Floats:
    """Return how far the lids are apart, as the mesh has it, and what the eyes do, [18]."""
    points = signals.mesh.points.astype(np.float64)
    gaps = [
        float(np.mean([np.linalg.norm(points[up] - points[down]) for up, down in pairs]))
        / max(float(np.linalg.norm(points[corners[0]] - points[corners[1]])), 1e-6)
        for corners, pairs in _LIDS
    ]
    left, right = signals.movements["eyeBlinkLeft"], signals.movements["eyeBlinkRight"]
    blinks = [left + right, math.log(left + _LEAST_BLINK) + math.log(right + _LEAST_BLINK), abs(left - right)]
    moves = [math.log(share + LEAST_MOVEMENT) for name, share in signals.movements.items() if name.startswith("eye")]
    return np.array([sum(gaps), *blinks, *moves], np.float32)


def _ages(signals: Signals) -> Floats:
    chances, dlib = signals.impression.ages, signals.dlib_ages
    means = [float(chances @ np.arange(1, len(chances) + 1)), float(dlib @ np.arange(len(dlib)))]
    return np.concatenate([np.array(means, np.float32), chances, dlib])


def _genders(signals: Signals) -> Floats:
    chances = np.clip([signals.impression.male, signals.dlib_male], _LEAST_CHANCE, 1 - _LEAST_CHANCE)
    return np.asarray(np.log(chances / (1 - chances)), np.float32)


def _region(name: str) -> Callable[[Signals], Floats]:
    return lambda signals: signals.impression.regions[name]


BLOCKS: Final[Mapping[str, Callable[[Signals], Floats]]] = {
    **{name: _region(name) for name in regions.NAMES},
    "feature": lambda signals: signals.impression.feature,
    "movements": _movements,
    "lids": _lids,
    "ages": _ages,
    "genders": _genders,
}
"""What heads read, by name: the numbers of the four regions [1280], faceres' feature [1024], the logarithms of the
movements [52], the lids [18], means and chances of ages by both networks [183], their logits of a man [2]."""
