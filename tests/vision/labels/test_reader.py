"""The label reader over real networks: sessions open when something asks, and pictures have a largest side."""

import io
from pathlib import Path

import pytest
from PIL import Image

from openrek.domain.errors import ImageTooLarge
from openrek.vision.images.decode import Upright, decode
from openrek.vision.labels.networks import OBJECTS
from openrek.vision.labels.reader import LARGEST_SIDE_PX, LabelReader
from openrek.vision.models.picture_classes import PICTURES
from openrek.vision.models.sessions import ModelSessions
from openrek.vision.models.zoo import WeightsError


@pytest.fixture
def label_reader(weights_folder: Path) -> LabelReader:
    return LabelReader(ModelSessions(weights_folder))


def opened(reader: LabelReader) -> set[str]:
    return set(reader.sessions._open)


def test_networks_run_when_something_asks_for_what_they_say(
    label_reader: LabelReader, photos: dict[str, bytes]
) -> None:
    photo = label_reader.read_upright(decode(photos["coffee.png"]))
    assert opened(label_reader) == set()

    photo.colors(photo._sightings[0].box, 3)
    assert opened(label_reader) == {OBJECTS}

    photo.labels()
    assert opened(label_reader) == {OBJECTS, PICTURES}


def test_labels_come_with_names_of_the_vocabulary_only(label_reader: LabelReader, photos: dict[str, bytes]) -> None:
    photo = label_reader.read_upright(decode(photos["chelsea.png"]))

    labels = photo.labels()

    assert {label.name for label in labels} <= photo.vocabulary.keys()
    assert all(0 <= label.confidence <= 100 for label in labels)
    assert "Cat" in {label.name for label in labels if label.confidence > 90}


def test_the_foreground_is_where_objects_are(label_reader: LabelReader, photos: dict[str, bytes]) -> None:
    """A cup on a table, before a dark wall."""
    properties = label_reader.read_upright(decode(photos["coffee.png"])).properties(10)
    alone = label_reader.read_upright(Upright(Image.new("RGB", (300, 300), "navy"), 300, 300)).properties(10)

    assert properties.foreground is not None
    assert alone.foreground is None
    assert alone.background is not None
    assert [color.css_name for color in alone.background.colors] == ["navy"]


@pytest.mark.parametrize("size", [(LARGEST_SIDE_PX + 1, 80), (80, LARGEST_SIDE_PX + 1)])
def test_a_picture_may_have_10000_px_a_side(label_reader: LabelReader, size: tuple[int, int]) -> None:
    with pytest.raises(ImageTooLarge, match=f"^Input image dimensions {size[0]} x {size[1]} exceed maximum dimension"):
        label_reader.read_upright(Upright(Image.new("RGB", (100, 100)), *size))


def test_a_missing_pack_is_an_error_that_says_how_to_build_it(tmp_path: Path, photos: dict[str, bytes]) -> None:
    photo = LabelReader(ModelSessions(tmp_path)).read_upright(decode(photos["coffee.png"]))
    with pytest.raises(WeightsError, match="run `openrek weights"):
        photo.labels()


@pytest.mark.parametrize("kind", ["RGBA", "L", "P", "1", "CMYK"])
def test_pictures_of_any_kind_are_read(label_reader: LabelReader, photos: dict[str, bytes], kind: str) -> None:
    file = io.BytesIO()
    Image.open(io.BytesIO(photos["chelsea.png"])).convert(kind).save(file, "JPEG" if kind == "CMYK" else "PNG")

    labels = label_reader.read_upright(decode(file.getvalue())).labels()

    cat = max((label.confidence for label in labels if label.name in ("Cat", "Animal")), default=0)
    assert cat > (30 if kind == "1" else 80)
