"""The whole pipeline on real photographs, through the ports: a wrong step anywhere makes one of these fail."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from openrek.domain.errors import InvalidImageFormat
from openrek.domain.faces import BoundingBox, cosine, float32
from openrek.domain.quality import quality_reasons
from openrek.vision.faces import sface
from openrek.vision.faces.reader import FaceReader
from openrek.vision.models.sessions import ModelSessions
from tests.support import variants
from tests.support.photos import PORTRAIT_BOXES

SAME_MAN = ["obama.jpg", "obama2.jpg", "obama3.jpg", "obama_partial_face.jpg", "obama_partial_face2.jpg", "32bit.png"]
FRONTAL = ["obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg", "astronaut.png"]


def similarity(reader: FaceReader, first: bytes, second: bytes) -> float:
    vectors = []
    for image in (first, second):
        photo = reader.read(image)
        vectors.append(photo.embed(photo.faces[0]).embedding)
    return reader.model.similarity_pct(cosine(*vectors))


@pytest.mark.parametrize("name", PORTRAIT_BOXES)
def test_boxes_are_where_the_faces_are(reader: FaceReader, photos: dict[str, bytes], name: str) -> None:
    (face,) = reader.read(photos[name]).faces
    picture = variants.opened(photos[name])

    assert face.box.iou(PORTRAIT_BOXES[name]) > 0.9
    assert face.width_px == pytest.approx(face.box.width * picture.width, rel=1e-5)
    assert face.height_px == pytest.approx(face.box.height * picture.height, rel=1e-5)
    assert 90 < face.confidence <= 100


@pytest.mark.parametrize("name", SAME_MAN)
def test_photos_of_one_person_match(reader: FaceReader, photos: dict[str, bytes], name: str) -> None:
    assert similarity(reader, photos["obama.jpg"], photos[name]) > 95


@pytest.mark.parametrize("name", SAME_MAN)
@pytest.mark.parametrize("other", ["biden.jpg", "astronaut.png"])
def test_photos_of_two_people_do_not(reader: FaceReader, photos: dict[str, bytes], name: str, other: str) -> None:
    assert similarity(reader, photos[other], photos[name]) < 50


@pytest.mark.parametrize("name", FRONTAL)
def test_landmarks_are_the_viewers(reader: FaceReader, photos: dict[str, bytes], name: str) -> None:
    (face,) = reader.read(photos[name]).faces
    at = {landmark.name: landmark for landmark in face.landmarks}

    assert list(at) == ["eyeLeft", "eyeRight", "mouthLeft", "mouthRight", "nose"]
    assert at["eyeLeft"].x < at["nose"].x < at["eyeRight"].x
    assert at["mouthLeft"].x < at["mouthRight"].x
    assert max(at["eyeLeft"].y, at["eyeRight"].y) < at["nose"].y < min(at["mouthLeft"].y, at["mouthRight"].y)


def test_every_number_is_a_float32(reader: FaceReader, photos: dict[str, bytes]) -> None:
    (face,) = reader.read(photos["biden.jpg"]).faces

    numbers = [face.box.left, face.box.top, face.box.width, face.box.height, face.confidence, face.width_px,
               face.height_px, face.pose.roll, face.pose.yaw, face.pose.pitch, face.quality.brightness,
               face.quality.sharpness, *(side for point in face.landmarks for side in (point.x, point.y))]  # fmt: skip

    assert all(type(number) is float and number == float32(number) for number in numbers)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["obama.jpg", "biden.jpg"])
def test_every_orientation_gives_the_same_face(
    reader: FaceReader, photos: dict[str, bytes], name: str, orientation: int
) -> None:
    photo = reader.read(variants.oriented(photos[name], orientation))
    plain = reader.read(photos[name])

    (face,), (expected,) = photo.faces, plain.faces
    assert face.box.iou(expected.box) > 0.97
    assert cosine(photo.embed(face).embedding, plain.embed(expected).embedding) > 0.97


@pytest.mark.parametrize("name", FRONTAL)
def test_mirroring_mirrors_the_face(reader: FaceReader, photos: dict[str, bytes], name: str) -> None:
    (face,) = reader.read(photos[name]).faces
    (mirrored,) = reader.read(variants.mirrored(photos[name])).faces

    box = mirrored.box
    assert BoundingBox(1 - box.left - box.width, box.top, box.width, box.height).iou(face.box) > 0.8
    assert mirrored.pose.yaw == pytest.approx(-face.pose.yaw, abs=15)
    assert mirrored.pose.roll == pytest.approx(-face.pose.roll, abs=8)
    assert similarity(reader, photos[name], variants.mirrored(photos[name])) > 95


@pytest.mark.parametrize("turn_deg", [-30, -15, 15, 30])
def test_roll_follows_the_picture(reader: FaceReader, photos: dict[str, bytes], turn_deg: int) -> None:
    picture = variants.opened(photos["astronaut.png"])
    (straight,) = reader.read(photos["astronaut.png"]).faces

    turned = reader.read(variants.jpeg(picture.rotate(-turn_deg))).faces[0]

    assert turned.pose.roll - straight.pose.roll == pytest.approx(turn_deg, abs=abs(turn_deg) / 2)
    assert similarity(reader, photos["astronaut.png"], variants.jpeg(picture.rotate(-turn_deg))) > 95


@pytest.mark.parametrize("height_px", [40, 80, 160])
@pytest.mark.parametrize("turn_deg", [-20, 20])
def test_leaning_faces_match_at_every_size(
    reader: FaceReader, photos: dict[str, bytes], height_px: int, turn_deg: int
) -> None:
    portrait = variants.opened(photos["obama.jpg"])
    scale = height_px / (0.296 * portrait.height)
    canvas = variants.opened(photos["coffee.png"]).resize((1280, 1280))
    small = portrait.resize((round(portrait.width * scale), round(portrait.height * scale)), Image.Resampling.LANCZOS)
    canvas.paste(small.rotate(turn_deg, Image.Resampling.BICUBIC), (300, 200))

    image = variants.saved(canvas, "PNG")

    assert reader.read(image).faces[0].pose.roll == pytest.approx(-turn_deg, abs=10)
    assert similarity(reader, photos["obama3.jpg"], image) > 95


UPSIDE_DOWN = ["obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg", "astronaut.png", "32bit.png"]


@pytest.mark.parametrize(
    ("name", "turn_deg"),
    [*((name, 180) for name in UPSIDE_DOWN), ("obama.jpg", 150), ("obama3.jpg", 210), ("astronaut.png", 270)],
)
def test_a_face_that_is_upside_down_is_read_as_what_it_is(
    reader: FaceReader, photos: dict[str, bytes], name: str, turn_deg: int
) -> None:
    upright = variants.opened(photos[name])
    turned = variants.saved(upright.rotate(turn_deg, Image.Resampling.BICUBIC, fillcolor=(99, 99, 99)), "PNG")

    face = reader.read(turned).faces[0]

    assert similarity(reader, photos[name], turned) > 95
    straight = reader.read(photos[name]).faces[0].pose.roll
    assert (face.pose.roll - straight + turn_deg + 180) % 360 - 180 == pytest.approx(0, abs=20)
    if turn_deg == 180:
        before = {mark.name: mark for mark in reader.read(photos[name]).faces[0].landmarks}
        for mark in face.landmarks:
            assert (1 - mark.x, 1 - mark.y) == pytest.approx((before[mark.name].x, before[mark.name].y), abs=0.02)


def test_people_that_are_upside_down_are_not_alike(reader: FaceReader, photos: dict[str, bytes]) -> None:
    """Read as if they were upright, a third of these pairs would match."""
    turned = {name: variants.saved(variants.opened(photos[name]).rotate(180), "PNG") for name in UPSIDE_DOWN}
    for name in ("obama.jpg", "obama2.jpg", "obama3.jpg", "32bit.png"):
        for other in ("biden.jpg", "astronaut.png"):
            assert similarity(reader, turned[name], turned[other]) < 50
    assert similarity(reader, turned["biden.jpg"], turned["astronaut.png"]) < 50


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("name", FRONTAL)
def test_what_is_blurred_beyond_recognition_is_dropped_by_auto(
    reader: FaceReader, photos: dict[str, bytes], name: str, kind: str
) -> None:
    picture = variants.opened(photos[name])
    small = picture.resize((320, round(picture.height * 320 / picture.width)))
    read = 0
    for radius in (1, 2, 4, 6, 8, 10, 12):
        blurred = variants.saved(small.filter(ImageFilter.GaussianBlur(radius)), kind, quality=95)
        faces = reader.read(blurred).faces[:1]
        if faces and not quality_reasons(faces[0], "AUTO"):
            assert similarity(reader, photos[name], blurred) > 90, radius
            read += 1
    assert read >= 1


@pytest.mark.parametrize("name", FRONTAL)
def test_dim_and_blurred_photos_still_match(reader: FaceReader, photos: dict[str, bytes], name: str) -> None:
    assert similarity(reader, photos[name], variants.darkened(photos[name], 0.35)) > 95
    assert similarity(reader, photos[name], variants.blurred(photos[name], 1.5)) > 95


def test_a_face_cut_by_the_frame_reaches_beyond_it(reader: FaceReader, photos: dict[str, bytes]) -> None:
    without_chin = variants.cropped(photos["obama.jpg"], (0, 0, 1, 0.33))

    (face,) = reader.read(without_chin).faces

    assert 1.03 < face.box.top + face.box.height < 1.15
    assert similarity(reader, photos["obama.jpg"], without_chin) > 95


def test_faces_of_a_collage_are_in_their_places_largest_first(reader: FaceReader, photos: dict[str, bytes]) -> None:
    pasted = {
        "obama.jpg": (photos["obama.jpg"], (40, 60), 900),
        "biden.jpg": (photos["biden.jpg"], (1010, 20), 420),
        "astronaut.png": (photos["astronaut.png"], (1010, 1000), 300),
        "coffee.png": (photos["coffee.png"], (1450, 60), 300),
    }
    image, places = variants.collage((1800, 1400), pasted)

    photo = reader.read(image)

    expected = {}
    for name in ("obama.jpg", "biden.jpg", "astronaut.png"):
        left, top, width, height = places[name]
        box = PORTRAIT_BOXES[name]
        expected[name] = BoundingBox(
            left + box.left * width, top + box.top * height, box.width * width, box.height * height
        )
    assert [face.box.iou(box) > 0.8 for face, box in zip(photo.faces, expected.values(), strict=True)] == [True] * 3
    areas = [face.box.area for face in photo.faces]
    assert areas == sorted(areas, reverse=True)
    for face, name in zip(photo.faces, expected, strict=True):
        alone = reader.read(photos[name])
        likeness = cosine(photo.embed(face).embedding, alone.embed(alone.faces[0]).embedding)
        assert reader.model.similarity_pct(likeness) > 95


def test_at_most_a_hundred_faces_the_largest(reader: FaceReader, photos: dict[str, bytes]) -> None:
    portrait = variants.opened(photos["obama.jpg"]).crop((320, 20, 680, 460))
    canvas = Image.new("RGB", (1280, 1280), "grey")
    for place in range(121):
        height = 100 if place < 100 else 70
        small = portrait.resize((height * 9 // 11, height), Image.Resampling.LANCZOS)
        canvas.paste(small, (place % 11 * 116, place // 11 * 116))

    faces = reader.read(variants.jpeg(canvas)).faces

    assert len(faces) == 100
    assert min(face.height_px for face in faces) > 65


def test_a_photo_larger_than_4000_px_gives_the_same_face(reader: FaceReader, photos: dict[str, bytes]) -> None:
    large = variants.opened(photos["obama.jpg"]).resize((4095, 5116))

    (face,) = reader.read(variants.jpeg(large)).faces

    assert face.box.iou(PORTRAIT_BOXES["obama.jpg"]) > 0.9
    assert face.width_px == pytest.approx(0.259 * 4095, rel=0.05)
    assert similarity(reader, variants.jpeg(large), photos["obama2.jpg"]) > 95


@pytest.mark.parametrize("name", FRONTAL)
@pytest.mark.parametrize("level", ["NONE", "LOW", "MEDIUM", "HIGH", "AUTO"])
def test_good_portraits_pass_every_quality_filter(
    reader: FaceReader, photos: dict[str, bytes], name: str, level: str
) -> None:
    assert quality_reasons(reader.read(photos[name]).faces[0], level) == ()


def test_bad_faces_are_named_as_such(reader: FaceReader, photos: dict[str, bytes]) -> None:
    dim = ImageEnhance.Brightness(variants.opened(photos["obama.jpg"])).enhance(0.055)
    dark = reader.read(variants.saved(dim, "PNG")).faces[0]
    blurred = reader.read(variants.blurred(photos["obama.jpg"], 14)).faces[0]

    assert "LOW_BRIGHTNESS" in quality_reasons(dark, "LOW")
    assert "LOW_SHARPNESS" in quality_reasons(blurred, "MEDIUM")


def test_a_photo_without_a_face(reader: FaceReader, photos: dict[str, bytes]) -> None:
    assert reader.read(photos["chelsea.png"]).faces == ()


def test_no_image_is_refused(reader: FaceReader) -> None:
    with pytest.raises(InvalidImageFormat):
        reader.read(b"no image")


def test_many_threads_get_what_one_gets(weights_folder: Path, photos: dict[str, bytes]) -> None:
    fresh = FaceReader(ModelSessions(weights_folder), sface.packs())
    names = ["astronaut.png", "obama.jpg", "biden.jpg"] * 4

    def vector(name: str) -> list[float]:
        photo = fresh.read(photos[name])
        return photo.embed(photo.faces[0]).embedding.tolist()

    with ThreadPoolExecutor(4) as pool:
        together = dict(zip(names, pool.map(vector, names), strict=True))

    assert all(np.array_equal(together[name], vector(name)) for name in set(names))
