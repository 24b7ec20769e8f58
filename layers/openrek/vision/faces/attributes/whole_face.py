"""Rekognition's thirty landmarks, in its order, and the pose of the head, both from the mesh.

Where the mesh is not to be relied on, it is moved, turned and sized onto the detector's five points; these are
taken as they are, and the pose is theirs. Left and right are the viewer's.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from openrek.domain.faces import Landmark, Pose, float32
from openrek.vision.faces.attributes import mesh
from openrek.vision.faces.attributes.crops import Square
from openrek.vision.faces.attributes.head_pose import head_pose
from openrek.vision.faces.attributes.signals import Signals
from openrek.vision.images.arrays import Floats

POINTS: Final[Mapping[str, Sequence[int]]] = {
    "eyeLeft": (33, 133),
    "eyeRight": (362, 263),
    "mouthLeft": (61,),
    "mouthRight": (291,),
    "nose": (1,),
    "leftEyeBrowLeft": (70, 46),
    "leftEyeBrowRight": (107, 55, 65),
    "leftEyeBrowUp": (105, 52, 66),
    "rightEyeBrowLeft": (336, 285, 295),
    "rightEyeBrowRight": (300, 276),
    "rightEyeBrowUp": (334, 282, 296),
    "leftEyeLeft": (33,),
    "leftEyeRight": (133,),
    "leftEyeUp": (159,),
    "leftEyeDown": (145,),
    "rightEyeLeft": (362,),
    "rightEyeRight": (263,),
    "rightEyeUp": (386,),
    "rightEyeDown": (374,),
    "noseLeft": (98, 97),
    "noseRight": (327, 326),
    "mouthUp": (0,),
    "mouthDown": (17,),
    "leftPupil": (33, 133),
    "rightPupil": (362, 263),
    "upperJawlineLeft": (127,),
    "midJawlineLeft": (58, 172),
    "chinBottom": (152,),
    "midJawlineRight": (288, 397),
    "upperJawlineRight": (356,),
}
"""The means of these points of the mesh make a landmark; the pupils repeat the eyes, as Rekognition's do."""
_MEANS: Final = np.zeros((len(POINTS), mesh.POINTS), np.float32)
for _row, _numbers in zip(_MEANS, POINTS.values(), strict=True):
    _row[list(_numbers)] = 1 / len(_numbers)
_PUPILS: Final = {"leftPupil": "eyeLeft", "rightPupil": "eyeRight"}


def landmarks(signals: Signals) -> tuple[Landmark, ...]:
    """Return the thirty landmarks of a face."""
    places = dict(zip(POINTS, _MEANS @ signals.mesh.points[:, :2], strict=True))
    if not signals.has_mesh:
        places = _fitted(places, signals.five_points)
    width, height = signals.image.size
    return tuple(
        Landmark(name, float32(float(place[0]) / width), float32(float(place[1]) / height))
        for name, place in places.items()
    )


def pose(signals: Signals) -> Pose:
    """Return the pose of a face: of the mesh, or of the five points where that is not to be relied on."""
    return head_pose(signals.mesh) if signals.has_mesh else signals.face.pose


def _fitted(places: Mapping[str, Floats], five: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return the places of landmarks brought onto the five that are known."""
    fit = Square.fitted(np.stack(list(five.values())), np.stack([places[name] for name in five]))
    moved = dict(zip(places, fit.placed(np.stack(list(places.values()))), strict=True))
    return moved | dict(five) | {pupil: five[eye] for pupil, eye in _PUPILS.items()}
