"""The pose of a head from its mesh: the turn that brings MediaPipe's mean face onto it best.

W. Kabsch, "A solution for the best rotation to relate two sets of vectors", Acta Crystallographica A32 (1976), with the
33 points and weights of MediaPipe's face geometry (geometry_pipeline_metadata_landmarks, Apache-2.0). The mean face
looks at the camera: x to the image's right, y up, z towards the camera. Yaw grows no further than some 52 degrees on
full profiles, whose far half the mesh only guesses.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from openrek.domain.faces import Pose, float32
from openrek.vision.faces.attributes.mesh import Mesh

PITCH_OF_MEAN: Final = 5.0
"""Degrees that the mean face looks down, by the pose of people who look straight ahead."""

_MEAN_FACE: Final = np.array(
    [  # number, weight, x, y, z in centimetres; a point on the left has a twin on the right
        (4, 0.070910, 0.0, -0.463170, 7.586580),
        (6, 0.032100, 0.0, 2.473255, 5.788627),
        (10, 0.008447, 0.0, 8.261778, 4.481535),
        (33, 0.058724, -4.445859, 2.663991, 3.173422),
        (54, 0.007667, -6.279331, 6.615427, 1.425850),
        (67, 0.009078, -3.523964, 8.005976, 3.729163),
        (117, 0.009792, -5.258659, 0.945811, 2.974312),
        (119, 0.014565, -3.300681, 0.861641, 3.872784),
        (121, 0.018591, -1.820731, 1.467954, 4.224124),
        (127, 0.005198, -7.743095, 2.364999, -2.005167),
        (129, 0.120625, -1.785794, -0.978284, 4.850470),
        (132, 0.005560, -7.270895, -2.890917, -2.252455),
        (133, 0.053286, -1.856432, 2.585245, 3.757904),
        (136, 0.066890, -5.085276, -7.178590, 0.714711),
        (143, 0.014817, -6.407571, 2.236021, 1.560843),
        (147, 0.014263, -6.234883, -1.944430, 1.663542),
        (198, 0.025462, -1.246815, 0.230297, 5.681036),
        (205, 0.047252, -3.832928, -1.537326, 4.137731),
        (263, 0.058724, 4.445859, 2.663991, 3.173422),
        (284, 0.007667, 6.279331, 6.615427, 1.425850),
        (297, 0.009078, 3.523964, 8.005976, 3.729163),
        (346, 0.009792, 5.258659, 0.945811, 2.974312),
        (348, 0.014565, 3.300681, 0.861641, 3.872784),
        (350, 0.018591, 1.820731, 1.467954, 4.224124),
        (356, 0.005198, 7.743095, 2.364999, -2.005167),
        (358, 0.120625, 1.785794, -0.978284, 4.850470),
        (361, 0.005560, 7.270895, -2.890917, -2.252455),
        (362, 0.053286, 1.856432, 2.585245, 3.757904),
        (365, 0.066890, 5.085276, -7.178590, 0.714711),
        (372, 0.014817, 6.407571, 2.236021, 1.560843),
        (376, 0.014263, 6.234883, -1.944430, 1.663542),
        (420, 0.025462, 1.246815, 0.230297, 5.681036),
        (425, 0.047252, 3.832928, -1.537326, 4.137731),
    ]
)
_NUMBERS: Final = _MEAN_FACE[:, 0].astype(int)
_WEIGHTS: Final = _MEAN_FACE[:, 1:2] / _MEAN_FACE[:, 1].sum()
_CENTRED: Final = _MEAN_FACE[:, 2:] - (_WEIGHTS * _MEAN_FACE[:, 2:]).sum(axis=0)


def head_pose(mesh: Mesh) -> Pose:
    """Return the pose of the head with this mesh, in degrees."""
    turn = _rotation(mesh.points[_NUMBERS].astype(np.float64) * (1, -1, -1))
    roll = -math.atan2(turn[1, 0], turn[0, 0])
    yaw = math.asin(max(-1.0, min(1.0, -turn[2, 0])))
    pitch = -math.atan2(turn[2, 1], turn[2, 2])
    degrees = (math.degrees(roll), math.degrees(yaw), math.degrees(pitch) + PITCH_OF_MEAN)
    return Pose(*(float32(angle) for angle in degrees))


def _rotation(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rotation [3, 3] that brings the mean face nearest to `points` [33, 3]."""
    centred = points - (_WEIGHTS * points).sum(axis=0)
    left, _, right = np.linalg.svd((_WEIGHTS * centred).T @ _CENTRED)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    rotation: NDArray[np.float64] = (left * signs) @ right
    return rotation
