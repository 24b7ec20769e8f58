"""Long narrow pictures and crowds: each face is found once, wherever a tile's border lies."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from openrek.vision.faces.detect import Detections, detect
from openrek.vision.faces.reader import FaceReader
from openrek.vision.faces.tiles import detect_in_tiles, grid, strips
from openrek.vision.images.decode import Upright
from tests.support.variants import opened

MOST_STRIPS = 137
MOST_STRIPS_PX = 120_000_000
"""What is searched of a long narrow picture, after it was enlarged: 75 pictures of 1280 x 1280 px."""


def portrait(photos: dict[str, bytes], height_px: int) -> Image.Image:
    """The face of astronaut.png with all the head, in a square."""
    return opened(photos["astronaut.png"]).crop((120, 0, 330, 210)).resize((height_px, height_px))


@pytest.mark.parametrize("lying", [False, True])
def test_each_face_of_a_long_screenshot_is_found_once(
    reader: FaceReader, photos: dict[str, bytes], lying: bool
) -> None:
    """18 faces at distances that no tile's length divides, so that borders cut some of them."""
    face, step = portrait(photos, 160), 307
    picture = Image.new("RGB", (18 * step, 700) if lying else (700, 18 * step), "white")
    places = [(which * step + 70, 240) if lying else (240, which * step + 70) for which in range(18)]
    for place in places:
        picture.paste(face, place)

    faces = reader.read_upright(Upright(picture, *picture.size)).faces

    middles = [
        ((at.box.left + at.box.width / 2) * picture.width, (at.box.top + at.box.height / 2) * picture.height)
        for at in faces
    ]
    assert len(faces) == 18
    for left, top in places:
        assert any(left < x < left + 160 and top < y < top + 160 for x, y in middles)
    heights = [at.height_px for at in faces]
    assert min(heights) > 0.9 * max(heights)


def test_a_crowd_is_searched_more_closely(reader: FaceReader, photos: dict[str, bytes]) -> None:
    session, small = reader.session("yunet"), portrait(photos, 60)
    crowd = Image.new("RGB", (1600, 1200), (96, 110, 120))
    for which in range(100):
        crowd.paste(small.resize((26 + which % 9, 26 + which % 9)), (60 + which % 10 * 150, 40 + which // 10 * 115))
    whole = detect(session, crowd)

    found = detect_in_tiles(session, crowd, whole)

    assert 3 <= len(whole.scores) < len(found.scores) <= 100
    assert (np.diff(found.scores) <= 0).all()


def test_faces_that_a_large_picture_hides_are_found(reader: FaceReader, photos: dict[str, bytes]) -> None:
    """At 1280 px they are some 13 px high, and only some are seen."""
    small, picture = portrait(photos, 80), Image.new("RGB", (3999, 2500), (90, 110, 120))
    for which in range(60):
        picture.paste(small, (100 + which % 10 * 390, 100 + which // 10 * 390))
    whole = detect(reader.session("yunet"), picture)

    found = detect_in_tiles(reader.session("yunet"), picture, whole)

    assert 1 <= len(whole.scores) < 50
    assert len(found.scores) == 60


@pytest.mark.parametrize("size", [(80, 80), (1920, 1080), (4000, 2000), (640, 100), (100, 640), (2000, 900)])
def test_ordinary_pictures_are_not_cut(size: tuple[int, int]) -> None:
    large = Detections(
        np.array([[0, 0, 0.1, 0.1]] * 9, np.float32) * max(size), np.ones(9), np.zeros((9, 5, 2)), np.ones(9)
    )

    assert strips(size) == []
    assert grid(size, large) == []


@given(st.integers(80, 70_000), st.integers(80, 70_000))
def test_tiles_are_bounded_by_the_pixels_of_a_picture(width: int, height: int) -> None:
    """16 megapixels at most are left of a picture, and a side has at most 65,535 px."""
    width, height = min(width, 65_535), min(height, 65_535, 16_000_000 // min(width, 65_535))
    tiles = strips((width, height))

    assert len(tiles) <= MOST_STRIPS
    enlarged = (1280 / max(tile.right - tile.left, tile.bottom - tile.top) for tile in tiles)
    areas = ((tile.right - tile.left) * (tile.bottom - tile.top) for tile in tiles)
    assert sum(area * min(by, 4) ** 2 for by, area in zip(enlarged, areas, strict=True)) <= MOST_STRIPS_PX
