"""Faces that cannot be told apart any more are dropped by the quality filter, and good ones of any size are not."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from openrek.domain.faces import DetectedFace
from openrek.domain.quality import quality_reasons
from openrek.vision.faces.align import SIDE_PX, TEMPLATE, aligned, shown
from openrek.vision.faces.quality import quality
from openrek.vision.faces.reader import FaceReader
from tests.support.variants import opened, saved

PORTRAITS = ["obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg", "astronaut.png"]
LEVELS = ["NONE", "LOW", "MEDIUM", "HIGH"]
FACE_PX = 110


@pytest.fixture(scope="module")
def portraits(reader: FaceReader, photos: dict[str, bytes]) -> dict[str, Image.Image]:
    """Portraits whose face is 110 px high, as in most photos of the public sets."""
    result = {}
    for name in PORTRAITS:
        picture = opened(photos[name])
        scale = FACE_PX / (reader.read(photos[name]).faces[0].box.height * picture.height)
        size = round(picture.width * scale), round(picture.height * scale)
        result[name] = picture.resize(size, Image.Resampling.LANCZOS)
    return result


def moved(picture: Image.Image, across_px: int, down_px: int) -> Image.Image:
    """The picture as of a camera that moved that far while it was taken."""
    steps = np.linspace(-0.5, 0.5, 2 * max(across_px, down_px))
    places = [(1, 0, step * across_px, 0, 1, step * down_px) for step in steps]
    shifted = [picture.transform(picture.size, Image.Transform.AFFINE, at, Image.Resampling.BILINEAR) for at in places]
    return Image.fromarray(np.mean([np.asarray(each, np.float32) for each in shifted], axis=0).round().astype(np.uint8))


def reasons_by_level(reader: FaceReader, image: bytes) -> list[tuple[DetectedFace, list[tuple[str, ...]]]]:
    photo = reader.read(image)
    return [(face, [quality_reasons(face, level, photo.clearness(face)) for level in LEVELS]) for face in photo.faces]


@pytest.mark.parametrize("q", [30, 50])
@pytest.mark.parametrize("name", PORTRAITS)
def test_blurred_faces_are_dropped_however_strongly_they_are_compressed(
    reader: FaceReader, portraits: dict[str, Image.Image], name: str, q: int
) -> None:
    blurred = portraits[name].filter(ImageFilter.GaussianBlur(0.06 * FACE_PX))

    for _, by_level in reasons_by_level(reader, saved(blurred, "JPEG", quality=q)):
        assert all("LOW_SHARPNESS" in reasons for reasons in by_level[1:])


@pytest.mark.parametrize("way", [(1, 0), (0, 1), (0.7, 0.7), (-0.7, 0.7)])
@pytest.mark.parametrize("name", PORTRAITS)
def test_faces_that_moved_are_dropped_whichever_way(
    reader: FaceReader, portraits: dict[str, Image.Image], name: str, way: tuple[float, float]
) -> None:
    across, down = (round(0.3 * FACE_PX * part) for part in way)

    for _, by_level in reasons_by_level(reader, saved(moved(portraits[name], across, down), "JPEG", quality=50)):
        assert by_level[1]


@pytest.mark.parametrize("q", [20, 50, 95])
@pytest.mark.parametrize("height_px", [40, 70, FACE_PX])
@pytest.mark.parametrize("name", PORTRAITS)
def test_faces_that_are_only_small_or_compressed_are_kept(
    reader: FaceReader, portraits: dict[str, Image.Image], name: str, height_px: int, q: int
) -> None:
    picture = portraits[name]
    size = picture.width * height_px // FACE_PX, picture.height * height_px // FACE_PX
    canvas = Image.new("RGB", (640, 640), "grey")
    canvas.paste(picture.resize(size, Image.Resampling.LANCZOS), (50, 50))

    ((_, by_level),) = reasons_by_level(reader, saved(canvas, "JPEG", quality=q))

    assert by_level[1] == ()


@pytest.mark.parametrize("name", PORTRAITS)
def test_what_a_stricter_level_keeps_of_spoilt_photos_a_laxer_one_keeps(
    reader: FaceReader, portraits: dict[str, Image.Image], name: str
) -> None:
    seen = set()
    for sigma in (0, 0.01, 0.02, 0.03, 0.05):
        blurred = portraits[name].filter(ImageFilter.GaussianBlur(sigma * FACE_PX))
        for _, by_level in reasons_by_level(reader, saved(blurred, "JPEG", quality=60)):
            kept = [not reasons for reasons in by_level]
            assert kept == sorted(kept, reverse=True)
            seen.add(tuple(kept))
    assert {(True, True, True, True), (True, False, False, False)} <= seen


@pytest.mark.parametrize("name", PORTRAITS)
def test_a_vector_is_the_shorter_the_less_is_seen(
    reader: FaceReader, portraits: dict[str, Image.Image], name: str
) -> None:
    clearness = []
    for sigma in (0, 0.03, 0.06):
        photo = reader.read(saved(portraits[name].filter(ImageFilter.GaussianBlur(sigma * FACE_PX)), "PNG"))
        clearness.append([photo.clearness(face) for face in photo.faces[:1]])

    assert clearness[0][0] > 0.75
    assert [each for each in clearness if each] == sorted((each for each in clearness if each), reverse=True)


def test_what_lies_beyond_the_edge_of_the_picture_is_no_detail(
    reader: FaceReader, portraits: dict[str, Image.Image]
) -> None:
    """The same blurred face, whole and cut at the mouth: its black lower edge would make it a sharp one."""
    picture = portraits["obama.jpg"].filter(ImageFilter.GaussianBlur(5))
    face = reader.read(saved(portraits["obama.jpg"], "PNG")).faces[0]
    mouth = round(face.landmarks[2].y * picture.height)
    marks = {mark.name: (mark.x * picture.width, mark.y * picture.height) for mark in face.landmarks}
    points = np.array([marks[at] for at in ("eyeLeft", "eyeRight", "nose", "mouthLeft", "mouthRight")], np.float32)
    cut = picture.crop((0, 0, picture.width, mouth))

    whole, part, careless = (
        quality(aligned(picture, points), shown(points, picture.size)),
        quality(aligned(cut, points), shown(points, cut.size)),
        quality(aligned(cut, points)),
    )

    assert part.sharpness == pytest.approx(whole.sharpness, abs=8)
    assert part.coarse_sharpness == pytest.approx(whole.coarse_sharpness, abs=8)
    assert part.brightness == pytest.approx(whole.brightness, abs=6)
    assert careless.sharpness > part.sharpness + 20


def test_shown_marks_what_is_in_the_picture() -> None:
    points = TEMPLATE.astype(np.float32) - np.array([12, 30], np.float32)

    marked = shown(points, (70, 60))

    assert marked.shape == (SIDE_PX, SIDE_PX)
    rows, columns = np.nonzero(marked)
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == pytest.approx((12, 81, 30, 89), abs=1)
    assert marked.sum() == pytest.approx(70 * 60, rel=0.04)
