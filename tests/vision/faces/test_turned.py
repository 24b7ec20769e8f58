"""Faces that lie on their side or are upside down: found, placed and read as the upright ones."""

from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from openrek.domain.faces import BoundingBox, cosine
from openrek.domain.models import SFACE
from openrek.vision.faces import detect, turned
from openrek.vision.faces.align import aligned
from openrek.vision.faces.detect import Detections
from openrek.vision.faces.reader import FacePhoto, FaceReader, _placed
from openrek.vision.images.decode import Upright
from tests.support.variants import opened

PORTRAITS = {
    "obama.jpg": 1,
    "obama2.jpg": 1,
    "obama3.jpg": 1,
    "obama_partial_face.jpg": 1,
    "32bit.png": 1,
    "biden.jpg": 2,
    "astronaut.png": 3,
}
"""By name, who it is."""
TURNS = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}
"""By degrees to the left."""


@pytest.fixture(scope="module")
def read(reader: FaceReader, photos: dict[str, bytes]) -> dict[tuple[str, int], FacePhoto]:
    """Every portrait in every turn."""
    found = {}
    for name in PORTRAITS:
        picture = opened(photos[name])
        for turn_deg, turn in {0: None, **TURNS}.items():
            way = picture if turn is None else picture.transpose(turn)
            found[name, turn_deg] = reader.read_upright(Upright(way, *way.size))
    return found


def turned_place(x: float, y: float, turn_deg: int) -> tuple[float, float]:
    """A place, in ratios of the upright picture, in the turned one."""
    for _ in range(turn_deg // 90):
        x, y = y, 1 - x
    return x, y


def turned_box(box: BoundingBox, turn_deg: int) -> BoundingBox:
    ends = [
        turned_place(box.left, box.top, turn_deg),
        turned_place(box.left + box.width, box.top + box.height, turn_deg),
    ]
    (left, right), (top, bottom) = (sorted(values) for values in zip(*ends, strict=True))
    return BoundingBox(left, top, right - left, bottom - top)


@pytest.mark.parametrize("turn_deg", TURNS)
@pytest.mark.parametrize("name", PORTRAITS)
def test_a_turned_photo_has_the_face_of_the_upright_one(
    read: dict[tuple[str, int], FacePhoto], name: str, turn_deg: int
) -> None:
    (straight,), (face,) = read[name, 0].faces, read[name, turn_deg].faces

    assert face.box.iou(turned_box(straight.box, turn_deg)) > 0.75
    assert face.confidence > 80
    assert (face.pose.roll - straight.pose.roll + turn_deg + 180) % 360 - 180 == pytest.approx(0, abs=8)
    assert face.pose.yaw == pytest.approx(straight.pose.yaw, abs=12)
    assert [mark.name for mark in face.landmarks] == [mark.name for mark in straight.landmarks]
    for mark, before in zip(face.landmarks, straight.landmarks, strict=True):
        assert (mark.x, mark.y) == pytest.approx(turned_place(before.x, before.y, turn_deg), abs=0.02)
    assert similarity(read[name, turn_deg], read[name, 0]) > 99


def similarity(first: FacePhoto, second: FacePhoto) -> float:
    return SFACE.similarity_pct(cosine(first.embed(first.faces[0]).embedding, second.embed(second.faces[0]).embedding))


def test_turned_faces_of_two_people_are_not_alike(read: dict[tuple[str, int], FacePhoto]) -> None:
    pairs = [
        similarity(first, second)
        for (one, turn_deg), first in read.items()
        for (other, _), second in read.items()
        if turn_deg and PORTRAITS[one] < PORTRAITS[other]
    ]

    assert len(pairs) == 3 * 4 * (5 * 2 + 1)
    assert max(pairs) < 50


def test_a_group_that_lies_is_found_with_its_small_faces(reader: FaceReader, photos: dict[str, bytes]) -> None:
    """Twelve faces of 60 px: turned searches end finely where the small ones have seen somebody."""
    portrait = opened(photos["obama.jpg"]).crop((320, 20, 680, 460))
    group = Image.new("RGB", (1280, 960), "grey")
    for place in range(12):
        group.paste(
            portrait.resize((80, 98), Image.Resampling.LANCZOS), (150 + place % 4 * 270, 120 + place // 4 * 260)
        )
    straight = reader.read_upright(Upright(group, *group.size)).faces
    lying = group.transpose(Image.Transpose.ROTATE_90)

    faces = reader.read_upright(Upright(lying, *lying.size)).faces

    assert len(straight) == len(faces) == 12
    for face in straight:
        box = turned_box(face.box, 90)
        assert max(each.box.iou(box) for each in faces) > 0.75


def test_faces_in_two_turns_are_all_found(reader: FaceReader, photos: dict[str, bytes]) -> None:
    """As of two photos on one sheet that was scanned lying."""
    portrait = opened(photos["obama.jpg"]).resize((400, 500))
    sheet = Image.new("RGB", (1000, 1000), "white")
    sheet.paste(portrait.transpose(Image.Transpose.ROTATE_90), (0, 0))
    sheet.paste(portrait.transpose(Image.Transpose.ROTATE_270), (500, 550))

    faces = reader.read_upright(Upright(sheet, *sheet.size)).faces

    assert sorted(round(face.pose.roll / 90) for face in faces) == [-1, 1]


def test_a_photo_with_a_sure_face_is_searched_once(reader: FaceReader, photos: dict[str, bytes]) -> None:
    """What an ordinary photo costs: its faces are those of one search, to the bit."""
    for name in ("obama.jpg", "astronaut.png", "biden.jpg"):
        once, every_way = (
            find(reader.session("yunet"), opened(photos[name])) for find in (detect.detect, turned.detect_every_way)
        )
        assert once.scores.max() >= turned.SURE_SCORE
        assert np.array_equal(once.boxes, every_way.boxes)
        assert np.array_equal(once.points, every_way.points)


def test_a_crop_that_is_upside_down_is_noticed(reader: FaceReader, photos: dict[str, bytes]) -> None:
    yunet = reader.session("yunet")
    for name in PORTRAITS:
        picture = opened(photos[name])
        crop = aligned(picture, detect.detect(yunet, picture).points[0])
        over = np.ascontiguousarray(crop[::-1, ::-1])

        assert not turned.is_upside_down(yunet, crop, 0.85)
        assert turned.is_upside_down(yunet, over, 0.85)
        assert not turned.is_upside_down(yunet, over, 0.95)


@pytest.mark.parametrize("name", ["obama.jpg", "biden.jpg", "astronaut.png"])
def test_a_face_that_was_surely_but_wrongly_read_as_upright_gets_its_own_points_and_box(
    reader: FaceReader, photos: dict[str, bytes], name: str
) -> None:
    """As one in some 30 upside-down faces is: seen with .905, the eyes on the mouth, the box too far down."""
    picture = opened(photos[name])
    found = detect.detect(reader.session("yunet"), picture)
    over = picture.transpose(Image.Transpose.ROTATE_180)
    points = (picture.size - found.points)[:, ::-1].astype(np.float32)
    box = np.concatenate([picture.size - found.boxes[:, :2] - found.boxes[:, 2:], found.boxes[:, 2:]], axis=1)
    off = box + box[:, 3:] * np.array([0, 0.12, 0, 0], np.float32)
    misread = Detections(off, np.array([0.905], np.float32), points, np.array([250], np.float32))

    places, right_box, crop = _placed(reader.session("yunet"), over, misread, 0)

    height_px = found.boxes[0, 3]
    assert places / height_px == pytest.approx((picture.size - found.points[0]) / height_px, abs=0.05)
    assert np.abs(right_box - box[0]).max() < 0.12 * height_px
    assert not turned.is_upside_down(reader.session("yunet"), crop, 0.905)


def test_no_face_is_seen_in_turns_of_what_has_none(reader: FaceReader, photos: dict[str, bytes]) -> None:
    for name in ("coffee.png", "chelsea.png"):
        picture = opened(photos[name])

        assert turned.detect_every_way(reader.session("yunet"), picture).scores.size == 0


@pytest.mark.parametrize("quarters", TURNS)
@given(data=st.data())
def test_faces_of_a_turned_picture_are_turned_back(quarters: int, data: st.DataObject) -> None:
    """A pixel at (x, y) is where Pillow's turn puts it; a box keeps its corners' pixels."""
    quarters //= 90
    width, height = data.draw(st.integers(2, 40)), data.draw(st.integers(2, 40))
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    picture = np.zeros((height, width), np.uint8)
    picture[top, left] = 1
    (y,), (x,) = np.nonzero(np.rot90(picture, quarters))
    size = (width, height) if quarters == 2 else (height, width)
    box = np.array([[x, y, 1, 1]], np.float32)
    points = np.repeat(np.array([[[x + 0.5, y + 0.5]]], np.float32), 5, axis=1)
    found = Detections(box, np.ones(1, np.float32), points, box[:, 3])

    back = turned._turned_back(found, quarters, size, np.array([2, 3], np.float32))

    assert back.boxes.tolist() == [[2 * left, 3 * top, 2, 3]]
    assert back.points[0, 0].tolist() == [2 * left + 1, 3 * top + 1.5]


Row: TypeAlias = tuple[int, int, int, int, float]
"""A box and its score."""
places = st.integers(0, 40)
rows = st.lists(
    st.tuples(
        places, places, st.integers(1, 60), st.integers(1, 60), st.integers(90, 128).map(lambda score: score / 128)
    ),
    max_size=6,
)


def faces_of(rows: list[Row]) -> Detections:
    table = np.array(rows, np.float32).reshape(-1, 5)
    return Detections(table[:, :4], table[:, 4], np.zeros((len(rows), 5, 2), np.float32), table[:, 3])


def rows_of(faces: Detections) -> list[Row]:
    return [(*box, score) for box, score in zip(faces.boxes.tolist(), faces.scores.tolist(), strict=True)]


@settings(max_examples=200)
@given(rows, rows)
def test_of_two_turns_a_face_is_kept_or_loses_to_one_that_is_hardly_worse(first: list[Row], second: list[Row]) -> None:
    both = rows_of(turned._together(faces_of(first), faces_of(second)))

    assert [score for *_, score in both] == sorted((score for *_, score in both), reverse=True)
    assert set(both) <= {*first, *second}
    highest, kept = (max((score for *_, score in each), default=0) for each in ([*first, *second], both))
    assert highest - kept <= turned.LEAST_BETTER
    assert sorted(rows_of(turned._together(faces_of(first), faces_of([])))) == sorted(first)


@pytest.mark.parametrize(("score", "kept"), [(0.84, 0), (0.86, 0), (0.88, 1)])
def test_of_one_place_the_turned_face_has_to_be_seen_better(score: float, kept: int) -> None:
    upright, other = (10, 10, 20, 20, 0.85), (11, 10, 20, 20, score)

    both = turned._together(faces_of([upright]), faces_of([other]))

    assert both.scores.tolist() == pytest.approx([(0.85, score)[kept]])
    assert both.boxes[0, 0] == (10, 11)[kept]


def test_a_piece_of_a_better_face_of_another_turn_is_left_out() -> None:
    whole, piece = (10, 10, 60, 60, 0.9), (20, 20, 15, 15, 0.75)

    assert turned._together(faces_of([piece]), faces_of([whole])).boxes.tolist() == [[10, 10, 60, 60]]
    assert turned._together(faces_of([whole]), faces_of([piece])).boxes.tolist() == [[10, 10, 60, 60]]
    assert len(turned._together(faces_of([whole, piece]), faces_of([])).scores) == 2
