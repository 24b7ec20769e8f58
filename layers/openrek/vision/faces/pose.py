"""Roll, yaw and pitch from five points and a rigid head seen from far away (weak perspective).

In units of half the distance between the eyes the head has its eyes at (-1, 0) and (1, 0), its mouth EYES_TO_MOUTH
below them, and a nose tip that stands NOSE_DEPTH in front of that plane, NOSE_SHARE of the way down to the mouth.

* roll  = angle of the line through the eyes; of a head seen from the side, whose eyes fall together, that of the line
          from the middle of the eyes to the middle of the mouth, less a right angle; between the two a mean;
* yaw   = atan(sideways shift of the nose from the line between the middles of eyes and mouth / NOSE_DEPTH), the shift
          in half eye distances as seen, which shrink with the cosine while the shift grows with the sine;
* pitch = atan((NOSE_SHARE - share of the way as seen) EYES_TO_MOUTH / NOSE_DEPTH), by the same argument.

EYES_TO_MOUTH: the ArcFace template (a mean of many frontal faces); NOSE_DEPTH: common 3-D head models; NOSE_SHARE: the
median of frontal faces as YuNet marks them. A person's own proportions shift pitch by some 10 degrees; near full
profile the points themselves become unsure.
"""

import cmath
import math

import numpy as np

from openrek.domain.faces import Pose, float32
from openrek.vision.faces.align import TEMPLATE
from openrek.vision.images.arrays import Floats

_HALF_EYES = float(TEMPLATE[1, 0] - TEMPLATE[0, 0]) / 2
_EYES_Y = float(TEMPLATE[:2, 1].mean())
_MOUTH_Y = float(TEMPLATE[3:, 1].mean())
EYES_TO_MOUTH = (_MOUTH_Y - _EYES_Y) / _HALF_EYES
NOSE_SHARE = 0.573
NOSE_DEPTH = 0.85
SIDE_FROM, SIDE_TO = 0.5, 0.25
"""Of the distance of the eyes to that from eyes to mouth, .9 in front: below the first the eyes count less, below the
second, some 75 degrees aside, not at all."""


def pose(points: Floats) -> Pose:
    """Return the pose, in degrees, of a face with these points, float [5, 2] in pixels: left eye, right eye, nose, left
    and right mouth corner (the viewer's)."""
    left_eye, right_eye, nose, left_mouth, right_mouth = points.astype(np.float64) @ (1, 1j)
    eyes = right_eye - left_eye
    if abs(eyes) < 1e-6:
        return Pose(0.0, 0.0, 0.0)
    middle = (left_eye + right_eye) / 2
    to_mouth = (left_mouth + right_mouth) / 2 - middle
    roll = _roll(eyes, to_mouth)
    half_eyes, upright = abs(eyes) / 2, cmath.exp(-1j * roll)
    down = to_mouth * upright / half_eyes
    tip = (nose - middle) * upright / half_eyes
    length = max(down.imag, 0.1)
    share = tip.imag / length
    yaw = math.atan((tip.real - down.real * share) / NOSE_DEPTH)
    pitch = math.atan((NOSE_SHARE - share) * EYES_TO_MOUTH / NOSE_DEPTH)
    return Pose(*(float32(math.degrees(angle)) for angle in (roll, yaw, pitch)))


def _roll(eyes: complex, to_mouth: complex) -> float:
    """Return the roll in radians, of the lines from eye to eye and from the eyes to the mouth."""
    of_eyes = cmath.phase(eyes)
    if abs(to_mouth) < 1e-6:
        return of_eyes
    of_face = cmath.phase(to_mouth / 1j)
    weight = min(1.0, max(0.0, (abs(eyes) / abs(to_mouth) - SIDE_TO) / (SIDE_FROM - SIDE_TO)))
    return cmath.phase(cmath.rect(1.0, of_face + weight * math.remainder(of_eyes - of_face, math.tau)))
