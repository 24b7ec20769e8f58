"""Pose: the signs of Rekognition, and the laws that any pose must obey."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrek.vision.faces.align import TEMPLATE
from openrek.vision.faces.pose import EYES_TO_MOUTH, NOSE_DEPTH, NOSE_SHARE, pose

MIRRORED = [1, 0, 2, 4, 3]
angles = st.floats(-60, 60)


def head(yaw_deg: float = 0, pitch_deg: float = 0, roll_deg: float = 0, size: float = 40) -> np.ndarray:
    """The five points of the module's own head, turned in three dimensions and seen from far away; x right, y down, z
    towards the viewer."""
    mouth, nose = EYES_TO_MOUTH, NOSE_SHARE * EYES_TO_MOUTH
    points = np.array([[-1, 0, 0], [1, 0, 0], [0, nose, NOSE_DEPTH], [-0.8, mouth, 0], [0.8, mouth, 0]])
    yaw, pitch, roll = (math.radians(angle) for angle in (yaw_deg, pitch_deg, roll_deg))
    about_y = np.array([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]])
    about_z = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
    return (points @ (about_z @ about_x @ about_y).T)[:, :2] * size + 100


def test_a_straight_face_has_no_angles() -> None:
    straight = pose(head())

    assert (straight.roll, straight.yaw, straight.pitch) == pytest.approx((0, 0, 0), abs=1e-3)


@given(angles)
def test_turning_to_image_right_is_positive_yaw(yaw: float) -> None:
    assert pose(head(yaw_deg=yaw)).yaw == pytest.approx(yaw, abs=1e-2)


@given(angles)
def test_looking_up_is_positive_pitch(pitch: float) -> None:
    found = pose(head(pitch_deg=pitch)).pitch

    assert found == pytest.approx(pitch, abs=1e-2)


@given(st.floats(-179, 179), st.floats(-30, 30))
def test_roll_follows_the_image(roll: float, yaw: float) -> None:
    found = pose(head(yaw_deg=yaw, roll_deg=roll))

    assert found.roll == pytest.approx(roll, abs=1e-2)
    assert found.yaw == pytest.approx(pose(head(yaw_deg=yaw)).yaw, abs=1e-2)


@given(angles, st.floats(-40, 40), st.floats(-80, 80))
def test_mirroring_turns_yaw_and_roll_around(yaw: float, pitch: float, roll: float) -> None:
    points = head(yaw, pitch, roll)
    there, back = pose(points), pose((points * (-1, 1))[MIRRORED])

    assert (back.roll, back.yaw, back.pitch) == pytest.approx((-there.roll, -there.yaw, there.pitch), abs=1e-2)


@given(st.lists(st.floats(-1e4, 1e4), min_size=10, max_size=10))
def test_any_five_points_have_a_pose_within_range(numbers: list[float]) -> None:
    found = pose(np.array(numbers).reshape(5, 2))

    assert abs(found.roll) <= 180
    assert abs(found.yaw) <= 90
    assert abs(found.pitch) <= 90


def test_the_nose_near_the_eyes_is_looking_up() -> None:
    nose_up = TEMPLATE.copy()
    nose_up[2, 1] -= 8

    assert pose(nose_up).pitch > pose(TEMPLATE).pitch + 10


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("slant", [-0.9, -0.4, 0.0, 0.4, 0.9])
def test_a_full_profile_neither_lies_on_its_side_nor_looks_at_its_feet(side: int, slant: float) -> None:
    """The eyes fall together, and the line between them may point anywhere: with it alone Roll was -93, Pitch -90."""
    points = np.array([[40, 40], [40 + side * 3, 40 + 3 * slant], [40 + side * 28, 60], [48, 84], [52, 84]], np.float32)
    points[3:, 0] = 40 + side * np.array([4.0, 6.0])

    found = pose(points)

    assert abs(found.roll) < 15
    assert abs(found.pitch) < 45
    assert side * found.yaw > 60
