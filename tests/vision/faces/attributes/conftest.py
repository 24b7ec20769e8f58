"""The attributes pack, and what each portrait shows."""

from pathlib import Path

import pytest

from openrek.domain.attributes import FaceAttributes, Trait
from openrek.vision.faces import sface
from openrek.vision.faces.reader import FaceReader
from openrek.vision.models import build_weights
from openrek.vision.models.sessions import ModelSessions

ALL = frozenset(Trait)


@pytest.fixture(scope="session")
def face_reader(weights_folder: Path) -> FaceReader:
    """A reader beside whose models the pack of attributes lies."""
    build_weights.build(weights_folder, print, packs=["faces", "attributes"])
    return FaceReader(ModelSessions(weights_folder), sface.packs())


@pytest.fixture(scope="session")
def shown(face_reader: FaceReader, photos: dict[str, bytes]) -> dict[str, FaceAttributes]:
    """Portrait -> all attributes of its face."""
    found = {}
    for name in ("obama.jpg", "obama2.jpg", "biden.jpg", "astronaut.png"):
        photo = face_reader.read(photos[name])
        found[name] = photo.attributes(photo.faces[0], ALL)
    return found
