"""The second look: points in their place at every size, at the edges too, in little memory."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from openrek.domain.faces import cosine
from openrek.vision.faces.reader import FaceReader
from openrek.vision.faces.second_look import (
    LOOK_PX,
    _best,
    _looks,
    _shared,
    _turned_back,
    closer_points,
    is_close,
    quarters_to_upright,
)
from tests.support.variants import opened, saved

TIGHT = (620, 230, 940, 630)
"""A portrait that a face fills, of obama3.jpg."""


def points_at(reader: FaceReader, portrait: Image.Image, corner: tuple[int, int], height_px: int) -> np.ndarray:
    """The points [5, 2], in heights of the face, of one in a corner of a picture."""
    face = portrait.resize((height_px * 4 // 5, height_px), Image.Resampling.LANCZOS)
    picture = Image.new("RGB", (height_px * 4 // 3, height_px * 4 // 3 + 1), "grey")
    left, top = (end * (side - taken) for end, side, taken in zip(corner, picture.size, face.size, strict=True))
    picture.paste(face, (left, top))
    box = np.array([left, top, face.width, face.height], np.float32)
    points = closer_points(reader.session("yunet"), picture, box, np.zeros((5, 2), np.float32))
    return (points - (left, top)) / height_px


@pytest.mark.parametrize("corner", [(0, 0), (1, 0), (0, 1), (1, 1)])
@pytest.mark.parametrize("height_px", [120, 448, 449, 900, 1300, 2500])
def test_the_points_of_a_face_at_an_edge_are_in_their_place_at_every_size(
    reader: FaceReader, photos: dict[str, bytes], corner: tuple[int, int], height_px: int
) -> None:
    """224 px is the height that is neither enlarged nor reduced."""
    portrait = opened(photos["obama3.jpg"]).crop(TIGHT)

    points = points_at(reader, portrait, corner, height_px)

    assert points == pytest.approx(points_at(reader, portrait, corner, 224), abs=0.025)
    assert (points[:, 0].min(), points[:, 1].max()) == pytest.approx((0.3, 0.72), abs=0.04)


@pytest.mark.parametrize("name", ["obama.jpg", "obama3.jpg", "astronaut.png"])
def test_a_face_that_fills_the_picture_is_looked_at_again(
    reader: FaceReader, photos: dict[str, bytes], name: str
) -> None:
    """Leaning by 30 degrees: with the points of the search alone the cosine would be .59 to .72."""
    picture, straight = opened(photos[name]), reader.read(photos[name])
    face = straight.faces[0]
    box = face.box
    middle = (box.left + box.width / 2) * picture.width, (box.top + box.height / 2) * picture.height
    leaning = picture.rotate(30, Image.Resampling.BICUBIC, center=middle)
    left, top, right, bottom = (round(at + by * face.height_px) for by in (-0.5, 0.5) for at in middle)

    crop = reader.read(saved(leaning.crop((left, top, right, bottom)).resize((150, 150)), "PNG"))

    assert cosine(crop.embed(crop.faces[0]).embedding, straight.embed(face).embedding) > 0.82


@pytest.mark.parametrize("box", [(900, 100, 200, 200), (100, -700, 300, 300), (5000, 5000, 400, 500)])
def test_a_face_that_the_second_look_does_not_see_keeps_its_points(reader: FaceReader, box: tuple[float, ...]) -> None:
    picture = Image.new("RGB", (600, 500), "grey")
    points = np.arange(10, dtype=np.float32).reshape(5, 2)

    found = closer_points(reader.session("yunet"), picture, np.array(box, np.float32), points)

    assert (found == points).all()


def test_each_of_two_neighbours_gets_its_own_points(reader: FaceReader, photos: dict[str, bytes]) -> None:
    """A large face beside a small one is in the small one's look, too."""
    portrait = opened(photos["obama3.jpg"]).crop(TIGHT)
    small, large = portrait.resize((64, 80)), portrait.resize((160, 200))
    picture = Image.new("RGB", (400, 260), "grey")
    picture.paste(small, (40, 90))
    picture.paste(large, (104, 30))
    for left, top, face in ((40, 90, small), (104, 30, large)):
        box = np.array([left, top, face.width, face.height], np.float32)

        points = closer_points(reader.session("yunet"), picture, box, np.zeros((5, 2), np.float32))

        assert ((points >= (left, top)) & (points <= (left + face.width, top + face.height))).all()


@given(st.lists(st.tuples(*[st.integers(0, 20)] * 2, *[st.integers(1, 20)] * 2), min_size=2, max_size=6))
def test_shared_is_the_intersection_over_the_union(boxes: list[tuple[int, int, int, int]]) -> None:
    def cells(box: tuple[int, int, int, int]) -> set[tuple[int, int]]:
        left, top, width, height = box
        return {(x, y) for x in range(left, left + width) for y in range(top, top + height)}

    first, *others = map(cells, boxes)
    expected = [len(first & other) / len(first | other) for other in others]
    found = _shared(np.array(boxes[0], np.float32), np.array(boxes[1:], np.float32))
    assert found.tolist() == pytest.approx(expected)


@pytest.mark.parametrize("quarters", range(4))
def test_places_of_a_turned_look_are_turned_back(quarters: int) -> None:
    look = Image.new("L", (LOOK_PX, LOOK_PX))
    look.putpixel((40, 300), 255)
    turned = look.rotate(90 * quarters)
    (y,), (x,) = np.nonzero(np.asarray(turned))

    place = _turned_back(np.array([x + 0.5, y + 0.5], np.float32), quarters)

    assert place.tolist() == [40.5, 300.5]


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ((0.95, 0.99), 0),
        ((0.9, 0.99), 0),
        ((0.89, 0.9), 0),
        ((0.85, 0.86, 0.94, 0.8), 2),
        ((0.0, 0.8), 1),
        ((0, 0), None),
    ],
)
def test_another_turn_is_taken_only_where_the_first_is_not_sure_and_the_other_better(
    scores: tuple[float, ...], best: int | None
) -> None:
    looks = ((score, np.full((5, 2), number, np.float32)) for number, score in enumerate(scores))

    points = _best(looks)

    assert (None if points is None else points[0, 0]) == best


def test_a_large_face_is_not_copied(weights_folder: Path) -> None:
    """The picture has 64 MB."""
    code = f"""
from pathlib import Path
import numpy as np
from PIL import Image
from openrek.vision.faces.second_look import closer_points
from openrek.vision.faces import sface
from openrek.vision.faces.reader import FaceReader
from openrek.vision.models.sessions import ModelSessions
def status(name):
    return int(Path("/proc/self/status").read_text().split(name + ":")[1].split()[0]) / 1024
session = FaceReader(ModelSessions(Path({str(weights_folder)!r})), sface.packs()).session("yunet")
points = np.zeros((5, 2), np.float32)
closer_points(session, Image.new("RGB", (800, 800)), np.array([100, 100, 600, 600], np.float32), points)
picture = Image.new("RGB", (3999, 3999), "grey")
before = status("VmRSS")
closer_points(session, picture, np.array([500, 500, 3100, 3100], np.float32), points)
print(status("VmHWM") - before)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert float(done.stdout) < 16


UPRIGHT = np.array([[30, 40], [70, 41], [50, 60], [36, 80], [66, 82]], np.float32)
"""Two eyes, nose, two corners of a mouth."""


@pytest.mark.parametrize("turned", range(-180, 181, 15))
def test_a_face_is_upright_again_after_so_many_quarters_to_the_left(turned: int) -> None:
    """`turned` is clockwise, in degrees; halfway between two quarters either will do."""
    angle = np.deg2rad(turned)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
    points = (UPRIGHT - 50) @ turn.T + 50

    quarters = quarters_to_upright(points)

    left = (turned - 90 * quarters + 180) % 360 - 180
    assert abs(left) <= 48
    assert quarters in range(4)


@pytest.mark.parametrize(
    ("height_px", "score", "close"),
    [(180, 0.9, True), (400, 0.99, True), (179, 0.95, False), (401, 0.95, False), (250, 0.899, False)],
)
def test_a_face_needs_no_second_look_within_bounds_that_include_their_ends(
    height_px: float, score: float, close: bool
) -> None:
    assert is_close(height_px, score) is close


def test_the_first_look_is_turned_as_the_points_say_and_the_others_follow(
    reader: FaceReader, photos: dict[str, bytes]
) -> None:
    """A face that lies on its side is seen at once if its points say so: no look but that one is made."""
    portrait = opened(photos["obama3.jpg"]).crop(TIGHT).resize((LOOK_PX * 4 // 5, LOOK_PX))
    square = Image.new("RGB", (LOOK_PX, LOOK_PX), "grey")
    square.paste(portrait, ((LOOK_PX - portrait.width) // 2, 0))
    whole = np.array([60, 40, 232, 272], np.float32)
    for quarters in range(4):
        lying = square.rotate(-90 * quarters)
        first, *_ = looks = list(_looks(reader.session("yunet"), lying, whole, quarters))
        assert first[0] > 0.8
        assert first[0] == max(score for score, _ in looks)
        assert quarters_to_upright(first[1][:5]) == quarters
        assert len(looks) == 4


@pytest.mark.parametrize(("scores", "best"), [((0.5, 0.52), 0), ((0.5, 0.5201), 1), ((0.9, 1.0), 0)])
def test_a_turned_look_must_be_better_by_more_than_the_margin(scores: tuple[float, ...], best: int) -> None:
    looks = ((score, np.full((5, 2), number, np.float32)) for number, score in enumerate(scores))
    points = _best(looks)
    assert points is not None
    assert points[0, 0] == best
