"""What the networks say of portraits stays what it was: a crop, a normalisation or a point's number that changes shows.

`python -m tests.vision.faces.attributes.test_golden` writes golden.json anew.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from openrek.vision.faces import sface
from openrek.vision.faces.attributes.signals import BLOCKS, Signals
from openrek.vision.faces.reader import FaceReader
from openrek.vision.images.decode import decode
from openrek.vision.models.sessions import ModelSessions
from tests.support import photos as photo_packages

GOLDEN = Path(__file__).with_name("golden.json")
NAMES = ("obama.jpg", "biden.jpg", "astronaut.png")
POINTS = (1, 33, 61, 152, 263, 291, 468)
MOVEMENTS = ("eyeBlinkLeft", "mouthSmileLeft", "jawOpen", "browInnerUp", "eyeLookOutLeft")


def signals(reader: FaceReader, sessions: ModelSessions, image: bytes) -> Signals:
    upright = decode(image)
    return Signals(sessions.session, upright.image, reader.read_upright(upright).faces[0])


def numbers(signals: Signals) -> dict[str, list[float]]:
    seen = signals.impression
    return {
        "points in faces": (signals.mesh.points[list(POINTS), :2] / signals.image.size[0]).ravel().tolist(),
        "presence": [signals.mesh.presence],
        "movements": [signals.movements[name] for name in MOVEMENTS],
        "male": [seen.male, signals.dlib_male],
        "ages": [float(seen.ages @ np.arange(1, 101)), float(signals.dlib_ages @ np.arange(81))],
        "means of blocks": [float(signals.numbers(block).mean()) for block in BLOCKS],
        "deviations of blocks": [float(signals.numbers(block).std()) for block in BLOCKS],
    }


@pytest.fixture(scope="module")
def golden() -> Mapping[str, Mapping[str, list[float]]]:
    return json.loads(GOLDEN.read_text("utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_networks_say_what_they_said(
    face_reader: FaceReader, weights_folder: Path, photos: dict[str, bytes], golden: Mapping, name: str
) -> None:
    found = numbers(signals(face_reader, ModelSessions(weights_folder), photos[name]))

    for what, wanted in golden[name].items():
        assert found[what] == pytest.approx(wanted, rel=0.02, abs=0.004), what


@pytest.mark.parametrize("name", NAMES)
def test_blocks_have_their_lengths(
    face_reader: FaceReader, weights_folder: Path, photos: dict[str, bytes], name: str
) -> None:
    found = signals(face_reader, ModelSessions(weights_folder), photos[name])
    lengths = {block: len(found.numbers(block)) for block in BLOCKS}

    assert lengths == {"eyes": 1280, "lip": 1280, "mouth": 1280, "chin": 1280, "feature": 1024, "movements": 52,
                       "lids": 18, "ages": 183, "genders": 2}  # fmt: skip


def main() -> None:
    sessions = ModelSessions(Path(sys.prefix) / "share/openrek/weights")
    reader, stored = FaceReader(sessions, sface.packs()), photo_packages.load()
    found = {name: numbers(signals(reader, sessions, stored[name])) for name in NAMES}
    rounded = {
        name: {what: [round(float(number), 5) for number in each] for what, each in all_.items()}
        for name, all_ in found.items()
    }
    GOLDEN.write_text(json.dumps(rounded, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
