"""Squares of a picture: places go there and back, and pixels are where the map says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from openrek.vision.faces.attributes.crops import Square

places = st.floats(-500, 500)


def ramp(width: int, height: int) -> Image.Image:
    """A picture whose red grows by one a column, and green by one a row."""
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    return Image.fromarray(np.stack([columns, rows, np.zeros_like(rows)], axis=-1).astype(np.uint8))


@given(places, places, st.floats(1, 400), st.floats(-3, 3), st.floats(-1, 2), st.floats(-1, 2))
def test_places_go_there_and_back(x: float, y: float, length: float, turn: float, u: float, v: float) -> None:
    square = Square.around(complex(x, y), length, turn)

    assert square.within(square.placed(np.array([[u, v]], np.float32)))[0] == pytest.approx((u, v), abs=2e-3)


@given(places, places, st.floats(5, 400), st.floats(-3, 3))
def test_a_square_is_found_from_points(x: float, y: float, length: float, turn: float) -> None:
    square = Square.around(complex(x, y), length, turn)
    known = np.array([[0.2, 0.3], [0.8, 0.3], [0.5, 0.6], [0.4, 0.8]], np.float32)

    found = Square.fitted(square.placed(known), known)

    assert abs(found.corner - square.corner) < 2e-3 * length + 2e-3
    assert abs(found.side - square.side) < 1e-3 * length


def test_pixels_are_those_of_the_place() -> None:
    seen = Square(20 + 10j, 64).seen_in(ramp(200, 200), 64)

    assert seen[0, 0].tolist() == [20, 10, 0]
    assert seen[63, 63].tolist() == [83, 73, 0]


def test_a_quarter_turn_to_the_right_shows_columns_as_rows() -> None:
    seen = Square.around(100 + 100j, 64, np.pi / 2).seen_in(ramp(200, 200), 64)

    assert seen[0, 0, :2] == pytest.approx((131, 68), abs=1)
    assert seen[0, 63, :2] == pytest.approx((131, 131), abs=1)


def test_a_large_square_is_averaged() -> None:
    stripes = Image.fromarray(np.tile(np.array([[0], [255]], np.uint8), (200, 400)).astype(np.uint8)).convert("RGB")

    seen = Square(0j, 400).seen_in(stripes, 50)

    assert seen.shape == (50, 50, 3)
    assert np.abs(seen.astype(int) - 127).max() <= 2


def test_outside_is_black() -> None:
    white = Image.new("RGB", (100, 100), "white")

    half = Square(-50 + 0j, 100).seen_in(white, 40)
    nothing = Square(500 + 500j, 90).seen_in(white, 40)
    far_and_large = Square(-9000 - 9000j, 8000).seen_in(white, 40)

    assert half[:, :19].max() == 0
    assert half[:, 21:].min() == 255
    assert nothing.max() == far_and_large.max() == 0
