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
    assert sharpness[0] > 90
    assert sharpness[-1] < 50


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


def by_hand(crop: np.ndarray, shown: np.ndarray) -> tuple[float, float, float]:
    """Brightness, sharpness and coarse sharpness as the documents say them, place by place."""
    luma = crop[20:92, 20:92].astype(float) @ np.array([0.299, 0.587, 0.114])
    inside = shown[20:92, 20:92]
    places = [(y, x) for y in range(1, 71) for x in range(1, 71) if inside[y - 1 : y + 2, x - 1 : x + 2].all()]
    squares = [
        ((luma[y - 1, x] + luma[y + 1, x] + luma[y, x - 1] + luma[y, x + 1]) / 4 - luma[y, x]) ** 2 for y, x in places
    ]
    fine = np.sqrt(max(0, np.mean(squares) - 0.35**2)) / (luma[inside].std() + 2)
    means = luma.reshape(24, 3, 24, 3).mean(axis=(1, 3))
    within = inside.reshape(24, 3, 24, 3).all(axis=(1, 3))
    coarse = []
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        seconds = [
            ((means[y - down, x - right] + means[y + down, x + right]) / 2 - means[y, x]) / (down**2 + right**2)
            for y in range(1, 23)
            for x in range(1, 23)
            if within[y - 1 : y + 2, x - 1 : x + 2].all()
        ]
        coarse.append(np.sqrt(np.mean(np.square(seconds))))
    weakest = min(coarse) / (means[within].std() + 2)
    return luma[inside].mean() / 2.55, 100 * fine**2 / (fine**2 + 0.026**2), 100 * weakest / (weakest + 0.1)


@pytest.mark.parametrize("direction", [(0, 1), (1, 0), (1, 1), (1, -1), (2, 1)])
@pytest.mark.parametrize("hidden", [0, 50])
def test_the_numbers_are_those_of_the_documents(direction: tuple[int, int], hidden: int) -> None:
    """Waves of one direction with noise, of which a corner is beyond the picture's edge."""
    chance = np.random.default_rng(sum(direction) + hidden)
    y, x = np.indices((112, 112))
    waves = 120 + 60 * np.sin((direction[0] * y + direction[1] * x) / 4) + chance.normal(0, 4, (112, 112))
    crop = np.clip(waves[..., None] * np.array([1.0, 0.9, 0.8]), 0, 255).astype(np.uint8)
    shown = np.ones((112, 112), np.bool_)
    shown[:hidden, :hidden] = False

    found = quality(crop, shown)

    wanted = by_hand(crop, shown)
    assert (found.brightness, found.sharpness, found.coarse_sharpness) == pytest.approx(wanted, rel=1e-3)


@pytest.mark.parametrize(("width", "counts"), [(15, True), (14, False)])
def test_a_fifth_of_the_middle_is_enough_to_be_judged_by(width: int, counts: bool) -> None:
    crop = np.full((112, 112, 3), 200, np.uint8)
    crop[:, 20 + width :] = 0
    shown = np.zeros((112, 112), np.bool_)
    shown[:, : 20 + width] = True
    brightness = quality(crop, shown).brightness
    assert brightness == pytest.approx(78.43 if counts else 78.43 * width / 72, abs=0.1)
