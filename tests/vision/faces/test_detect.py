"""YuNet in onnxruntime: the numbers of OpenCV's FaceDetectorYN, and faces of every size."""

import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from openrek.vision.faces import detect
from openrek.vision.faces.reader import FaceReader
from openrek.vision.images.pixels import zero_copy_pixels
from openrek.vision.images.resample import enlarged_tensor, reduced_tensor, reduced_tensors
from tests.support.originals import originals

GOLDEN = json.loads(Path(__file__).with_name("golden.json").read_text("utf-8"))


def opened(image: bytes) -> Image.Image:
    return Image.open(io.BytesIO(image)).convert("RGB")


def opencv_faces(image: Image.Image) -> np.ndarray:
    """[n, 15] from the untouched graph: box, five points, score."""
    detector = cv2.FaceDetectorYN.create(str(originals() / "yunet-2023mar.onnx"), "", image.size, 0.7, 0.3, 5000)
    return detector.detect(np.ascontiguousarray(np.asarray(image)[:, :, ::-1]))[1]


def as_opencv(found: detect.Detections) -> np.ndarray:
    return np.concatenate([found.boxes, found.points.reshape(-1, 10), found.scores[:, None]], axis=1)


def tensor_of(image: Image.Image) -> np.ndarray:
    return reduced_tensor(image, image.size)


def group(photos: dict[str, bytes]) -> Image.Image:
    canvas = Image.new("RGB", (1003, 701), "grey")
    for place, name in enumerate(["obama.jpg", "biden.jpg", "astronaut.png", "obama3.jpg"]):
        portrait = opened(photos[name])
        portrait.thumbnail((220 + 20 * place, 330))
        canvas.paste(portrait, (240 * place + 10, 90 * place))
    return canvas


def test_golden_face(reader: FaceReader, photos: dict[str, bytes]) -> None:
    found = detect.search(reader.session("yunet"), tensor_of(opened(photos["astronaut.png"])))

    assert as_opencv(found) == pytest.approx(np.array(GOLDEN["yunet"]["astronaut"]), abs=2e-3)


def test_equals_opencv_on_a_group_with_odd_sides(reader: FaceReader, photos: dict[str, bytes]) -> None:
    picture = group(photos)

    found = as_opencv(detect.search(reader.session("yunet"), tensor_of(picture)))

    expected = opencv_faces(picture)
    assert len(expected) == 4
    assert found == pytest.approx(expected, abs=2e-3)


def test_swapped_channels_would_be_noticed(reader: FaceReader, photos: dict[str, bytes]) -> None:
    tensor = tensor_of(opened(photos["astronaut.png"]))

    found = detect.search(reader.session("yunet"), np.ascontiguousarray(tensor[:, ::-1]))

    assert as_opencv(found) != pytest.approx(np.array(GOLDEN["yunet"]["astronaut"]), abs=2e-3)


@pytest.mark.parametrize("side", [92, 150, 224, 500, 1000, 1279, 1280, 1700, 3000])
def test_a_portrait_that_fills_the_picture_is_found_at_every_size(
    reader: FaceReader, photos: dict[str, bytes], side: int
) -> None:
    tight = opened(photos["obama3.jpg"]).crop((620, 230, 940, 630))

    found = detect.detect(reader.session("yunet"), tight.resize((side * 4 // 5, side)))

    assert len(found.boxes) == 1
    middle = (found.boxes[0, :2] + found.boxes[0, 2:] / 2) / side
    assert middle == pytest.approx([0.4, 0.5], abs=0.05)
    assert 0.75 < found.boxes[0, 3] / side < 1.05


@pytest.mark.parametrize(("side", "height_px"), [(300, 20), (300, 40), (640, 40), (1280, 60), (1920, 90), (3000, 140)])
def test_small_faces_are_found(reader: FaceReader, photos: dict[str, bytes], side: int, height_px: int) -> None:
    portrait = opened(photos["obama.jpg"]).crop((300, 0, 700, 500))
    scale = height_px / 326
    small = portrait.resize((round(400 * scale), round(500 * scale)), Image.Resampling.LANCZOS)
    canvas = opened(photos["coffee.png"]).resize((side, side))
    canvas.paste(small, (side // 3, side // 2))

    found = detect.detect(reader.session("yunet"), canvas)

    assert len(found.boxes) == 1
    middle = found.boxes[0, :2] + found.boxes[0, 2:] / 2
    expected = np.array([side // 3 + 193 * scale, side // 2 + 250 * scale])
    assert np.abs(middle - expected).max() < 0.15 * height_px


@pytest.mark.parametrize("name", ["chelsea.png", "coffee.png", "rocket.jpg"])
def test_pictures_without_a_face(reader: FaceReader, photos: dict[str, bytes], name: str) -> None:
    found = detect.detect(reader.session("yunet"), opened(photos[name]))

    assert found.boxes.shape == (0, 4)
    assert found.points.shape == (0, 5, 2)


def test_two_of_one_size_beside_each_other_are_both_kept(reader: FaceReader, photos: dict[str, bytes]) -> None:
    portrait = opened(photos["obama.jpg"]).crop((320, 20, 680, 460))
    pair = Image.new("RGB", (720, 440))
    pair.paste(portrait, (0, 0))
    pair.paste(portrait, (360, 0))

    boxes = detect.detect(reader.session("yunet"), pair).boxes

    assert len(boxes) == 2
    assert np.abs(boxes[0, 1:] - boxes[1, 1:]).max() < 8
    assert abs(abs(boxes[0, 0] - boxes[1, 0]) - 360) < 8


def test_searched_sizes() -> None:
    sizes = {(4000, 3000): (1280, 960), (1280, 80): (1280, 80), (1100, 900): (1100, 900), (1000, 500): (1280, 640),
             (320, 240): (1280, 960), (100, 80): (400, 320), (10_000, 80): (1280, 10)}  # fmt: skip

    assert {size: detect.searched_size(size) for size in sizes} == sizes


@pytest.mark.parametrize("source", [(600, 400), (599, 400), (1024, 683), (320, 213), (2, 3)])
def test_enlarging_equals_opencvs_bilinear(photos: dict[str, bytes], source: tuple[int, int]) -> None:
    picture = opened(photos["coffee.png"]).resize(source)

    tensor = enlarged_tensor(picture, (1280, 853))

    expected = cv2.resize(np.asarray(picture).astype(np.float32), (1280, 853))[:, :, ::-1].transpose(2, 0, 1)
    assert tensor.shape == (1, 3, 864, 1280)
    assert np.abs(tensor[0, :, :853, :1280] - expected).max() < 0.05
    assert not tensor[0, :, 853:].any()


def plain(image: Image.Image) -> np.ndarray:
    """float32 [3, H, W], blue first."""
    return np.asarray(image).astype(np.float32)[:, :, ::-1].transpose(2, 0, 1)


def reduced(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Down by a whole number first, then pixels at a quarter and at three quarters of the diagonals; right where no
    such place is between two pixels."""
    by = min(image.width // size[0], image.height // size[1])
    pixels, samples = np.asarray(image.reduce(by)).astype(int), []
    for quarters in (1, 3):
        columns, rows = (
            (4 * np.arange(n) + quarters) * side // (4 * by * n) for n, side in zip(size, image.size, strict=True)
        )
        samples.append(pixels[rows][:, columns])
    return Image.fromarray(((samples[0] + samples[1] + 1) // 2).astype(np.uint8))


@pytest.mark.parametrize(
    "size", [(600, 400), (596, 392), (400, 264), (300, 200), (260, 174), (160, 107), (60, 40), (64, 128)]
)
def test_reducing_takes_two_pixels_of_each_diagonal(photos: dict[str, bytes], size: tuple[int, int]) -> None:
    picture = opened(photos["coffee.png"])

    tensor = reduced_tensor(picture, size)[0]

    expected = plain(picture if size == picture.size else reduced(picture, size))
    assert (tensor[:, : size[1], : size[0]] == expected).all()
    assert not tensor[:, size[1] :].any()
    assert not tensor[:, :, size[0] :].any()


@pytest.mark.parametrize("size", [(2200, 2056), (1280, 1192)])
def test_pictures_that_pillow_does_not_lend_are_reduced_alike(photos: dict[str, bytes], size: tuple[int, int]) -> None:
    picture = opened(photos["coffee.png"]).resize((2200, 2056))

    tensor = reduced_tensor(picture, size)[0]

    assert zero_copy_pixels(picture) is None
    expected = plain(picture if size == picture.size else reduced(picture, size))
    assert (tensor[:, : size[1], : size[0]] == expected).all()


@pytest.mark.parametrize(
    "size", [(600, 400), (599, 399), (400, 267), (301, 202), (302, 203), (303, 201), (61, 41), (65, 130)]
)
def test_the_coarse_picture_is_the_mean_of_the_fine_one(photos: dict[str, bytes], size: tuple[int, int]) -> None:
    """Of every 4 x 4 pixels; beyond the edge each is as the last one."""
    picture = opened(photos["coffee.png"])

    fine, coarse = reduced_tensors(picture, size)

    width, height = -(-size[0] // 4), -(-size[1] // 4)
    beyond = ((0, 0), (0, 4 * height - size[1]), (0, 4 * width - size[0]))
    whole = np.pad(fine[0, :, : size[1], : size[0]], beyond, "edge").reshape(3, height, 4, width, 4)
    assert (fine == reduced_tensor(picture, size)).all()
    assert (coarse[0, :, :height, :width] == whole.mean(axis=(2, 4))).all()
    assert not coarse[0, :, height:].any()
    assert not coarse[0, :, :, width:].any()


@pytest.mark.parametrize("source", [(600, 400), (450, 640), (320, 213), (1020, 765)])
def test_the_coarse_picture_of_an_enlarged_one_has_a_share_of_every_pixel(
    photos: dict[str, bytes], source: tuple[int, int]
) -> None:
    """Each in the mean within which its middle lies."""
    picture = opened(photos["coffee.png"]).resize(source)

    fine, coarse, _ = detect.tensors(picture)

    assert (fine == enlarged_tensor(picture, detect.searched_size(source))).all()
    width, height = (-(-side // 4) for side in detect.searched_size(source))
    expected = plain(picture)
    for axis, target in ((1, height), (2, width)):
        side = expected.shape[axis]
        starts = np.searchsorted((2 * np.arange(side) + 1) * target, 2 * side * np.arange(target), "right")
        counts = np.diff(starts, append=side).reshape((-1, 1) if axis == 1 else -1)
        expected = np.add.reduceat(expected, starts, axis) / counts
    assert np.abs(coarse[0, :, :height, :width] - expected).max() <= 1
    assert not coarse[0, :, height:].any()
    assert not coarse[0, :, :, width:].any()


@pytest.mark.parametrize("longest", [800, 900, 1000, 1137, 2560, 3400, 3999])
@pytest.mark.parametrize("name", ["obama.jpg", "obama2.jpg"])
def test_faces_of_dithered_pictures_are_found(
    reader: FaceReader, photos: dict[str, bytes], name: str, longest: int
) -> None:
    """Enlarged, as they are, and much reduced."""
    picture = opened(photos[name])
    scale = longest / max(picture.size)
    dithered = picture.resize((round(picture.width * scale), round(picture.height * scale))).convert("1").convert("RGB")

    found = detect.detect(reader.session("yunet"), dithered)

    assert len(found.boxes) == 1


@pytest.mark.parametrize("longest", [2560, 3400, 3999])
def test_faces_of_dark_and_noisy_photos_of_many_pixels_are_found(
    reader: FaceReader, photos: dict[str, bytes], longest: int
) -> None:
    picture = opened(photos["obama.jpg"])
    pixels = np.asarray(picture.resize((longest * picture.width // picture.height, longest))).astype(np.float32)
    noise = np.random.default_rng(5).normal(0, 25, pixels.shape)
    night = Image.fromarray(np.clip(pixels * 0.2 + noise, 0, 255).astype(np.uint8))

    found = detect.detect(reader.session("yunet"), night)

    assert len(found.boxes) == 1


@pytest.mark.parametrize("size", [(1022, 701), (333, 998), (81, 80), (1280, 961), (1999, 1501), (3001, 3998)])
def test_what_is_searched_coarsely_is_the_whole_picture(size: tuple[int, int]) -> None:
    """Its step from pixel to pixel leads from edge to edge, or 4 px at a time, to a mean of what there is."""
    *_, step = detect.tensors(Image.new("RGB", size))

    searched = detect.searched_size(size)
    if searched[0] > size[0]:
        assert step * [-(-side // 4) for side in searched] == pytest.approx(np.array(searched))
    else:
        assert step.tolist() == [4, 4]


def test_faces_of_both_searches_come_in_pixels_of_the_fine_one() -> None:
    def one(left: float, height: float) -> detect.Detections:
        box = np.array([[left, 10, 80, height]], np.float32)
        return detect.Detections(box, np.ones(1, np.float32), np.full((1, 5, 2), left, np.float32), box[:, 3])

    found = detect._merged(one(800, 100), one(10, 100), np.array([3.9, 3.8], np.float32))

    assert found.boxes == pytest.approx(np.array([[800, 10, 80, 100], [39, 38, 312, 380]]))
    assert found.points[:, 0] == pytest.approx(np.array([[800, 800], [39, 38]]))
    assert found.heights.tolist() == [100, 100]


@pytest.mark.parametrize("size", [(300, 200), (187, 131), (97, 80)])
@pytest.mark.parametrize("level", [0, 255])
def test_a_plain_picture_stays_plain(size: tuple[int, int], level: int) -> None:
    picture = Image.new("RGB", (300, 200), (level, 255, 255 - level))

    fine, coarse = reduced_tensors(picture, size)

    for tensor, (width, height) in ((fine, size), (coarse, (-(-size[0] // 4), -(-size[1] // 4)))):
        assert (tensor[0, :, :height, :width] == np.array([255 - level, 255, level])[:, None, None]).all()
