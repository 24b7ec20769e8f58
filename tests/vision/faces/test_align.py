"""The aligned crop: OpenCV's alignCrop for faces up to twice the crop's size, and nothing that can crash."""

import io

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from openrek.vision.faces import detect
from openrek.vision.faces.align import TEMPLATE, aligned
from openrek.vision.faces.reader import FaceReader
from tests.support.originals import originals


def opened(image: bytes) -> Image.Image:
    return Image.open(io.BytesIO(image)).convert("RGB")


def opencv_crop(image: Image.Image, points: np.ndarray) -> np.ndarray:
    recognizer = cv2.FaceRecognizerSF.create(str(originals() / "sface-2021dec.onnx"), "")
    face = np.concatenate([[0, 0, 1, 1], points.reshape(-1), [1]]).astype(np.float32)
    bgr = np.ascontiguousarray(np.asarray(image)[:, :, ::-1])
    return recognizer.alignCrop(bgr, face)[:, :, ::-1].astype(int)


@pytest.mark.parametrize("name", ["astronaut.png", "obama.jpg", "biden.jpg", "obama_partial_face.jpg"])
@pytest.mark.parametrize("turn_deg", [0, 30, 170])
def test_equals_opencv(reader: FaceReader, photos: dict[str, bytes], name: str, turn_deg: int) -> None:
    picture = opened(photos[name])
    picture.thumbnail((512, 512))
    points = detect.detect(reader.session("yunet"), picture).points[0]
    middle = np.array(picture.size) / 2
    angle = np.radians(turn_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    picture = picture.rotate(turn_deg, Image.Resampling.BILINEAR)
    points = ((points - middle) @ turn + middle).astype(np.float32)

    crop = aligned(picture, points).astype(int)

    difference = np.abs(crop - opencv_crop(picture, points))
    assert difference.mean() < 0.6
    assert np.percentile(difference, 99) <= 6


def test_beyond_the_frame_is_black(photos: dict[str, bytes]) -> None:
    picture = Image.new("RGB", (100, 100), "white")
    points = (TEMPLATE - 56).astype(np.float32)

    crop = aligned(picture, points)

    assert (crop[:54] == 0).all()
    assert (crop[:, :54] == 0).all()
    assert (crop[58:, 58:] == 255).all()


def test_a_large_face_is_averaged_and_stays_in_place() -> None:
    size = 1120
    board = (np.indices((size, size)).sum(axis=0) % 2 * 255).astype(np.uint8)
    board[200:400, 300:500] = 255
    picture = Image.fromarray(board).convert("RGB")

    crop = aligned(picture, ((TEMPLATE + 0.5) * 10 - 0.5).astype(np.float32)).astype(int)

    assert np.abs(crop[60:100, 60:100] - 127).max() <= 2
    assert (crop[22:38, 32:48] == 255).all()
    assert np.abs(crop[18, 20:60] - 127).max() <= 2


numbers = st.floats(-3e4, 3e4, width=32)


@given(st.lists(numbers, min_size=10, max_size=10))
@settings(max_examples=150, deadline=None)
def test_any_five_points_give_a_crop(numbers: list[float]) -> None:
    crop = aligned(Image.new("RGB", (120, 80), "red"), np.array(numbers, np.float32).reshape(5, 2))

    assert crop.shape == (112, 112, 3)
    assert crop.dtype == np.uint8


def test_five_times_the_same_point_gives_a_crop() -> None:
    assert aligned(Image.new("RGB", (120, 80)), np.full((5, 2), 40, np.float32)).shape == (112, 112, 3)
