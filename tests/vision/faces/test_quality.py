"""Brightness and Sharpness on real faces: they follow light and blur, and only those."""

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from openrek.domain.faces import Quality
from openrek.vision.faces import detect
from openrek.vision.faces.align import aligned
from openrek.vision.faces.quality import quality
from openrek.vision.faces.reader import FaceReader
from tests.support.variants import opened, saved

PORTRAITS = ["obama.jpg", "biden.jpg", "astronaut.png", "obama3.jpg"]


def measured(reader: FaceReader, picture: Image.Image) -> Quality:
    return reader.read(saved(picture, "PNG", compress_level=1)).faces[0].quality


@pytest.mark.parametrize("name", PORTRAITS)
def test_sharpness_falls_with_every_step_of_blur(reader: FaceReader, photos: dict[str, bytes], name: str) -> None:
    picture = opened(photos[name])
    face = reader.read(photos[name]).faces[0]
    step_px = face.width_px / 250

    steps = [picture.filter(ImageFilter.GaussianBlur(step_px * radius)) for radius in (0, 0.5, 1, 1.5, 2, 3, 4, 6)]
    sharpness = [measured(reader, step).sharpness for step in steps]

    assert all(before > after for before, after in pairwise(sharpness)), sharpness
    assert sharpness[0] > 60
    assert sharpness[-1] < 45


@pytest.mark.parametrize("name", PORTRAITS)
def test_brightness_rises_with_every_step_of_gain(reader: FaceReader, photos: dict[str, bytes], name: str) -> None:
    picture = opened(photos[name])

    steps = [ImageEnhance.Brightness(picture).enhance(gain) for gain in (0.2, 0.4, 0.6, 0.8, 1, 1.2, 1.4)]
    brightness = [measured(reader, step).brightness for step in steps]

    assert all(before < after for before, after in pairwise(brightness)), brightness
    assert brightness[4] == pytest.approx(5 * brightness[0], rel=0.05)


@pytest.mark.parametrize("gain", [0.5, 0.8])
def test_sharpness_hardly_depends_on_light(reader: FaceReader, photos: dict[str, bytes], gain: float) -> None:
    picture = opened(photos["obama.jpg"])
    points = detect.detect(reader.session("yunet"), picture).points[0]

    bright, dim = (quality(aligned(step, points)) for step in (picture, ImageEnhance.Brightness(picture).enhance(gain)))

    assert dim.sharpness == pytest.approx(bright.sharpness, abs=3)


def test_ends_of_the_scales() -> None:
    black, white = (np.full((112, 112, 3), level, np.uint8) for level in (0, 255))
    board = (np.indices((112, 112)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None].repeat(3, axis=2)

    assert quality(black) == Quality(brightness=0, sharpness=0, coarse_sharpness=0)
    assert quality(white) == Quality(brightness=pytest.approx(100, abs=1e-4), sharpness=0, coarse_sharpness=0)
    assert 95 < quality(board).sharpness <= 100
