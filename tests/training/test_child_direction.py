"""A direction of faces is learnt from vectors or photos: the right one, and the same bytes whoever learns it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from openrek.domain.models import SFACE
from openrek.vision.faces import sface
from openrek.vision.faces.child_direction import FILE
from openrek.vision.faces.reader import FaceReader
from openrek.vision.models.learnt_parts import decode
from openrek.vision.models.sessions import ModelSessions
from training.child_direction import NoDirection, learn, mean_direction, vectors_of

ROOT = Path(__file__).parents[2]
ABOUT = ROOT / "training/child_direction.toml"


@pytest.fixture
def vectors() -> np.ndarray:
    """60 vectors of many lengths that have a direction in common, and much besides."""
    random = np.random.default_rng(3)
    common = random.normal(size=128)
    return (random.normal(size=(60, 128)) + common) * random.uniform(3, 15, (60, 1))


def test_the_direction_is_the_mean_of_the_unit_vectors(vectors: np.ndarray) -> None:
    mean = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).mean(axis=0)

    part = decode(learn(vectors, ABOUT))

    assert part.arrays["direction"] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-3)
    assert part.provenance.name == "child"


def test_the_same_vectors_give_the_same_bytes_in_any_order_and_process(vectors: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "vectors.npy", vectors[::-1])
    kernels = {"OPENBLAS_CORETYPE": "Nehalem", "OPENBLAS_NUM_THREADS": "2"}
    made = [str(tmp_path / "vectors.npy"), str(ABOUT), str(tmp_path / "part.learnt")]
    command = [sys.executable, "-m", "training.child_direction", *made]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **kernels}, check=True)

    assert (tmp_path / "part.learnt").read_bytes() == learn(vectors, ABOUT)


def test_a_folder_of_photos(weights_folder: Path, photos: dict[str, bytes], tmp_path: Path) -> None:
    """The largest face of each; one without a face does not count."""
    (tmp_path / "more").mkdir()
    for place, name in (("a.jpg", "obama.jpg"), ("more/b.PNG", "astronaut.png"), ("c.png", "chelsea.png")):
        (tmp_path / place).write_bytes(photos[name])
    reader = FaceReader(ModelSessions(weights_folder), sface.packs())
    units = []
    for name in ("obama.jpg", "astronaut.png"):
        photo = reader.read(photos[name], SFACE)
        units.append(np.array(photo.embed(photo.faces[0]).embedding, np.float64))

    found = vectors_of(tmp_path, weights_folder)

    assert len(found) == 2
    assert learn(found, ABOUT) == learn(vectors_of(tmp_path, weights_folder), ABOUT)
    expected = sum(units) / np.linalg.norm(sum(units))
    assert decode(learn(found, ABOUT)).arrays["direction"] == pytest.approx(expected, abs=1e-3)


def test_the_committed_part_is_of_these_words() -> None:
    direction = decode(FILE.read_bytes()).arrays["direction"]

    assert decode(learn(direction[None].astype(np.float64), ABOUT)).provenance == decode(FILE.read_bytes()).provenance


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (np.zeros((0, 128)), "have the shape"),
        (np.full((2, 128), np.nan), "not finite"),
        (np.zeros((2, 128)), "all zeros"),
        (np.vstack([np.eye(128)[0], -np.eye(128)[0]]), "no direction in common"),
    ],
)
def test_vectors_without_a_direction(rows: np.ndarray, expected: str) -> None:
    with pytest.raises(NoDirection, match=expected):
        mean_direction(rows)


@pytest.mark.parametrize("what", ["no photo", "no face", "no picture", "length"])
def test_sources_without_faces_are_told_in_one_sentence_and_nothing_is_written(
    photos: dict[str, bytes], tmp_path: Path, what: str
) -> None:
    source, expected = tmp_path / "source", "shows a face"
    source.mkdir()
    if what == "no face":
        (source / "a.png").write_bytes(photos["chelsea.png"])
    if what == "no picture":
        (source / "a.jpg").write_bytes(b"nothing")
        expected = "a.jpg cannot be read"
    if what == "length":
        source, expected = tmp_path / "vectors.npy", "have 64 numbers; faces have 128"
        np.save(source, np.ones((3, 64)))
    part = tmp_path / "part.learnt"
    command = [sys.executable, "-m", "training.child_direction", str(source), str(ABOUT), str(part)]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, len(done.stderr.strip().splitlines())) == (1, 1)
    assert expected in done.stderr
    assert not part.exists()
