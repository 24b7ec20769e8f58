"""Pillow's own memory read in place: the same pixels as a copy, for as long as they are needed."""

import gc

import numpy as np
import pytest
from PIL import Image

from openrek.vision.images.arrays import PackedPixels
from openrek.vision.images.pixels import packed_pixels, zero_copy_pixels


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8))


def colours(words: PackedPixels) -> np.ndarray:
    """uint8 [H, W, 3], RGB."""
    return words.view(np.uint8).reshape(*words.shape, 4)[..., :3]


@pytest.mark.parametrize("size", [(1, 1), (80, 3), (1511, 1013), (2048, 2048)])
def test_lent_pixels_are_the_pictures(size: tuple[int, int]) -> None:
    picture = noise(*size)

    lent = zero_copy_pixels(picture)

    assert lent is not None
    assert (colours(lent) == np.asarray(picture)).all()


def test_lent_pixels_outlive_the_picture_and_cannot_be_written() -> None:
    picture = noise(400, 300)
    expected = np.array(picture)
    lent = zero_copy_pixels(picture)
    assert lent is not None

    del picture
    gc.collect()
    others = [noise(400, 300) for _ in range(20)]

    assert len(others) == 20
    assert (colours(lent) == expected).all()
    with pytest.raises(ValueError, match="read-only"):
        lent[0, 0] = 0


@pytest.mark.parametrize("size", [(300, 200), (2049, 2049)])
def test_pixels_are_the_same_lent_or_copied(size: tuple[int, int]) -> None:
    picture = noise(*size)
    assert (zero_copy_pixels(picture) is None) == (size == (2049, 2049))

    assert (colours(packed_pixels(picture)) == np.asarray(picture)).all()
