"""Colours are those of CSS's palette with the right shares; quality falls with blur and follows the light."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from openrek.domain.faces import BoundingBox
from openrek.vision.labels.colors import LEAST_PCT, Canvas
from openrek.vision.labels.css_colors import SIMPLIFIED, palette

WHOLE = BoundingBox(0, 0, 1, 1)


def flag(*colors: str) -> Image.Image:
    """Return upright stripes of the same width."""
    picture = Image.new("RGB", (120 * len(colors), 200))
    for place, color in enumerate(colors):
        picture.paste(palette()[color], (120 * place, 0, 120 * (place + 1), 200))
    return picture


def test_the_palette_is_css() -> None:
    assert len(palette()) == len(set(palette().values())) == 139
    assert palette()["darkslategrey"] == (47, 79, 79)
    assert len(set(SIMPLIFIED.values())) == 12


@pytest.mark.parametrize("name", ["black", "white", "red", "darkslategrey", "gold", "teal", "hotpink"])
def test_a_plain_picture_has_one_color(name: str) -> None:
    (color,) = Canvas(flag(name)).colors_in(WHOLE, 10)

    assert (color.css_name, color.simplified, color.pixel_pct) == (name, SIMPLIFIED[name], 100.0)
    assert (color.red, color.green, color.blue) == palette()[name]


def test_shares_are_those_of_the_pixels_the_largest_first() -> None:
    colors = Canvas(flag("blue", "blue", "red", "white")).colors_in(WHOLE, 10)

    assert colors[0].css_name == "blue"
    assert [color.pixel_pct for color in colors] == pytest.approx([50, 25, 25], abs=2)
    assert len(Canvas(flag("blue", "red", "white")).colors_in(WHOLE, 1)) == 1
    assert Canvas(flag("blue")).colors_in(WHOLE, 0) == ()


def test_parts_have_their_own_colors() -> None:
    properties = Canvas(flag("blue", "red")).properties([BoundingBox(0.5, 0, 0.5, 1)], 10)

    assert properties.foreground is not None
    assert properties.background is not None
    assert [color.css_name for color in properties.foreground.colors] == ["red"]
    assert [color.css_name for color in properties.background.colors] == ["blue"]


def test_a_part_without_pixels_is_not_there() -> None:
    assert Canvas(flag("blue")).properties([], 10).foreground is None
    assert Canvas(flag("blue")).properties([WHOLE], 10).background is None


@given(st.integers(0, 2**32 - 1))
def test_shares_never_exceed_the_whole(seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (90, 80, 3), np.uint8)
    colors = Canvas(Image.fromarray(pixels)).colors_in(WHOLE, 20)

    assert sum(color.pixel_pct for color in colors) <= 100.01
    assert all(color.pixel_pct >= LEAST_PCT for color in colors)


@pytest.mark.parametrize("name", ["coffee.png", "astronaut.png", "chelsea.png", "obama.jpg"])
def test_every_step_of_blur_is_less_sharp(name: str, photos: dict[str, bytes]) -> None:
    picture = Image.open(io.BytesIO(photos[name])).convert("RGB")
    blurred = [picture, *(picture.filter(ImageFilter.GaussianBlur(radius)) for radius in (1, 2, 4, 8))]

    sharpness = [Canvas(each).properties([], 10).quality.sharpness for each in blurred]

    assert sharpness == sorted(sharpness, reverse=True)
    assert sharpness[0] > 45 > sharpness[-1]


def test_brightness_and_contrast_follow_the_light(photos: dict[str, bytes]) -> None:
    picture = Image.open(io.BytesIO(photos["coffee.png"])).convert("RGB")
    bright, dark = (
        Canvas(each).properties([], 10).quality
        for each in (picture, picture.point([value // 2 for value in range(256)] * 3))
    )

    assert dark.brightness == pytest.approx(bright.brightness / 2, abs=1)
    assert dark.contrast == pytest.approx(bright.contrast / 2, abs=1)
    assert dark.sharpness == pytest.approx(bright.sharpness, abs=8)


def test_black_and_white_are_the_ends() -> None:
    black, white = (Canvas(flag(name)).properties([], 10).quality for name in ("black", "white"))

    assert (black.brightness, white.brightness) == (0, 100)
    assert black.sharpness == white.sharpness == black.contrast == white.contrast == 0
