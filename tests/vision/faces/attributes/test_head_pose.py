"""The pose of a mesh: that of a mean face that is turned, whatever its place and size."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrek.vision.faces.attributes import head_pose
from openrek.vision.faces.attributes.mesh import POINTS, Mesh


def turned(yaw_deg: float = 0, pitch_deg: float = 0, roll_deg: float = 0, size: float = 9.0) -> Mesh:
    """The mean face, turned in three dimensions and seen from far away, in pixels of a picture."""
    yaw, pitch, roll = (math.radians(angle) for angle in (yaw_deg, pitch_deg - head_pose.PITCH_OF_MEAN, roll_deg))
    about_y = np.array([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, math.cos(pitch), math.sin(pitch)], [0, -math.sin(pitch), math.cos(pitch)]])
    about_z = np.array([[math.cos(roll), math.sin(roll), 0], [-math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
    points = np.zeros((POINTS, 3), np.float32)
    points[head_pose._NUMBERS] = (head_pose._MEAN_FACE[:, 2:] @ (about_z @ about_y @ about_x).T) * (
        1,
        -1,
        -1,
    ) * size + 100
    return Mesh(points, 1.0)


def test_the_mean_face_looks_straight() -> None:
    straight = head_pose.head_pose(turned())

    assert (straight.roll, straight.yaw, straight.pitch) == pytest.approx((0, 0, 0), abs=1e-2)


@given(st.floats(-60, 60), st.floats(-40, 40), st.floats(-170, 170), st.floats(1, 50))
def test_turns_are_found_with_the_signs_of_the_api(yaw: float, pitch: float, roll: float, size: float) -> None:
    """Yaw to the image's right, pitch up, and roll clockwise are positive."""
    found = head_pose.head_pose(turned(yaw, pitch, roll, size))

    assert found.yaw == pytest.approx(yaw, abs=0.1)
    assert found.pitch == pytest.approx(pitch, abs=0.1)
    assert found.roll == pytest.approx(roll, abs=0.1)


def test_a_mesh_of_one_place_has_a_pose() -> None:
    found = head_pose.head_pose(Mesh(np.zeros((POINTS, 3), np.float32), 0.0))

    assert all(math.isfinite(angle) for angle in (found.roll, found.yaw, found.pitch))
