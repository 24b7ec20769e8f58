"""Faces are given to persons, and hats and masks to the places where they are worn."""

import numpy as np
import pytest
from PIL import Image

from openrek.domain.faces import BoundingBox
from openrek.vision.equipment.bodies import cut
from openrek.vision.equipment.covers import COVER, WORN_RIGHT, heads
from openrek.vision.equipment.reader import with_faces

TALL = (BoundingBox(0.1, 0.1, 0.3, 0.8), 90.0)
SMALL = (BoundingBox(0.2, 0.15, 0.15, 0.5), 80.0)
FACE = (BoundingBox(0.25, 0.2, 0.06, 0.08), 95.0)
OTHER = (BoundingBox(0.3, 0.22, 0.06, 0.08), 94.0)
FAR = (BoundingBox(0.8, 0.5, 0.1, 0.1), 93.0)


def test_a_face_belongs_to_the_person_that_it_fills_most() -> None:
    assert with_faces([TALL, SMALL], [FACE]) == [(TALL, None), (SMALL, FACE)]
    assert with_faces([TALL, SMALL], [FACE, OTHER]) == [(TALL, OTHER), (SMALL, FACE)]


def test_a_face_at_somebodys_feet_is_not_theirs() -> None:
    low = (BoundingBox(0.2, 0.8, 0.06, 0.08), 95.0)
    (person, lone) = with_faces([TALL], [low])
    assert person == (TALL, None)
    assert lone[1] == low


def test_a_face_of_nobody_makes_a_person_within_the_frame() -> None:
    ((person, face),) = with_faces([], [FAR])
    assert (face, person[1]) == (FAR, 93.0)
    box = person[0]
    assert (box.left, box.top, box.width, box.height) == pytest.approx((0.7, 0.45, 0.3, 0.45), abs=1e-6)
    edge = with_faces([], [(BoundingBox(0.95, 0.9, 0.05, 0.1), 90.0)])[0][0][0]
    assert edge.left + edge.width <= 1.000001
    assert edge.top + edge.height <= 1.000001


def test_beyond_the_frame_a_square_is_black() -> None:
    square = np.asarray(cut(Image.new("RGB", (10, 10), "white"), -5, -5, 10))
    assert square.shape == (10, 10, 3)
    assert square[:5].max() == square[:, :5].max() == 0
    assert square[5:, 5:].min() == 255


def test_the_heads_are_those_that_are_asked() -> None:
    assert heads().names == (COVER, WORN_RIGHT)
    assert {name: array.shape for name, array in heads().arrays.items()} == {"biases": (2,), "weights": (2, 1280)}
