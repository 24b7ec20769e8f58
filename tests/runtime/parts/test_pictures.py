"""A picture that several readers look at is decoded once, and each reader is made when it is first needed."""

from pathlib import Path

import pytest

from openrek.domain.errors import InvalidImageFormat
from openrek.runtime.parts.pictures import DecodedPictures
from openrek.vision.equipment.reader import EquipmentReader
from openrek.vision.faces.reader import FaceReader
from openrek.vision.labels.reader import LabelReader
from openrek.vision.models.sessions import ModelSessions


def test_both_readers_see_the_same_picture(reader: FaceReader, weights_folder: Path, photos: dict[str, bytes]) -> None:
    made: list[str] = []

    def labels() -> LabelReader:
        made.append("labels")
        return LabelReader(ModelSessions(weights_folder))

    def equipment() -> EquipmentReader:
        raise AssertionError

    picture = DecodedPictures(lambda: reader, labels, equipment).open(photos["obama.jpg"])
    (face,) = picture.faces().faces
    assert made == []
    assert picture.labels()._image is picture._upright.image
    assert made == ["labels"]
    assert face == reader.read(photos["obama.jpg"]).faces[0]


def test_what_is_no_picture_is_refused_before_a_reader_is_made() -> None:
    def never() -> FaceReader:
        raise AssertionError

    with pytest.raises(InvalidImageFormat):
        DecodedPictures(never, never, never).open(b"GIF89a")  # type: ignore[arg-type]
