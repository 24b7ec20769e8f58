"""Dark and pale photos and printed dots: the faces of the photo as it was, and no treatment of ordinary ones."""

from collections.abc import Callable

import pytest
from PIL import Image, ImageEnhance

from openrek.domain.faces import cosine
from openrek.vision.faces.reader import FaceReader
from openrek.vision.faces.rescue import is_dotted, is_flat
from openrek.vision.images.decode import Upright
from tests.support.variants import opened

Change = Callable[[Image.Image], Image.Image]
FLAT: dict[str, Change] = {
    "a tenth of the light": lambda photo: ImageEnhance.Brightness(photo).enhance(0.1),
    "a twentieth of the light": lambda photo: ImageEnhance.Brightness(photo).enhance(0.05),
    "a tenth of the contrast": lambda photo: ImageEnhance.Contrast(photo).enhance(0.1),
}


def scene(photo: Image.Image) -> Image.Image:
    """The photo small in a dull room, as in a picture that was not taken for the face."""
    room = Image.new("RGB", (600, 450), (110, 120, 100))
    room.paste(photo.resize((420 * photo.width // photo.height, 420)), (100, 15))
    return room


@pytest.mark.parametrize("name", ["obama.jpg", "biden.jpg", "astronaut.png"])
@pytest.mark.parametrize("change", sorted(FLAT))
def test_a_dark_or_pale_face_is_found_and_is_itself(
    reader: FaceReader, photos: dict[str, bytes], name: str, change: str
) -> None:
    room = scene(opened(photos[name]))
    plain = reader.read_upright(Upright(room, *room.size))
    picture = FLAT[change](room)

    found = reader.read_upright(Upright(picture, *picture.size))

    assert len(found.faces) == len(plain.faces) == 1
    assert cosine(found.embed(found.faces[0]).embedding, plain.embed(plain.faces[0]).embedding) > 0.88
    bright, as_sent = (photo.faces[0].quality.brightness for photo in (plain, found))
    if "light" in change:
        assert as_sent < 0.15 * bright


@pytest.mark.parametrize("width", [1400, 2000, 2500])
def test_a_face_of_printed_dots_is_found(reader: FaceReader, photos: dict[str, bytes], width: int) -> None:
    room = scene(opened(photos["astronaut.png"]).crop((120, 0, 330, 210)))
    print_ = room.resize((width, width * 3 // 4), Image.Resampling.LANCZOS).convert("1").convert("RGB")

    assert is_dotted(print_)
    assert len(reader.read_upright(Upright(print_, *print_.size)).faces) == 1


def test_ordinary_photos_are_not_treated(photos: dict[str, bytes]) -> None:
    for photo in photos.values():
        picture = opened(photo)
        assert not is_flat(picture)
        assert not is_dotted(picture.resize((1800, 1800)))


def test_what_is_one_colour_is_left_alone() -> None:
    assert not is_flat(Image.new("RGB", (300, 200), (20, 20, 20)))
