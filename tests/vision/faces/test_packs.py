"""Face packs: the child direction goes out of a vector, and its length and cosine are told."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from openrek.domain.faces import cosine
from openrek.domain.models import SFACE, SFACE_7_1
from openrek.vision.faces import sface
from openrek.vision.faces.child_direction import FILE, child_direction
from openrek.vision.faces.embed import face_vector
from openrek.vision.faces.packs import FacePack, conversion, projected
from openrek.vision.faces.reader import FaceReader
from openrek.vision.models import zoo
from openrek.vision.models.learnt_parts import Provenance, decode, encode
from openrek.vision.models.sessions import ModelSessions
from openrek.vision.models.zoo import WeightsError

NEW, OLD = sface.packs()
B = child_direction(128)
WORDS = Provenance("child", "a", "b", "c", "d", "e")
numbers = st.floats(-20, 20).filter(lambda x: x == 0 or abs(x) > 1e-6)
vectors = arrays(np.float64, 128, elements=numbers)


def with_cosine(chosen: float, length: float) -> tuple[np.ndarray, np.ndarray]:
    """A raw vector of that cosine with the direction, and the unit vector that is left of it."""
    left = np.zeros(128)
    left[7] = 1.0
    left -= (left @ B) * B
    left /= np.linalg.norm(left)
    return length * (chosen * B + np.sqrt(1 - chosen**2) * left), left


@given(vectors)
def test_what_is_left_is_orthogonal_and_stays_under_a_second_projection(vector: np.ndarray) -> None:
    once = projected(vector, B)

    assert abs(once @ B) <= 1e-12 * max(1.0, float(np.linalg.norm(vector)))
    assert np.abs(projected(once, B) - once).max() <= 1e-12 * max(1.0, float(np.linalg.norm(vector)))


@given(vectors, vectors)
def test_the_projection_of_a_unit_vector_is_that_of_the_vector(first: np.ndarray, second: np.ndarray) -> None:
    """So vectors that were stored by the old model can be converted."""
    pair = np.stack([first, second])
    lengths = np.linalg.norm(pair, axis=1, keepdims=True)
    if (np.linalg.norm(projected(pair, B), axis=1, keepdims=True) < 1e-3 * lengths).any() or not lengths.all():
        return
    convert = conversion(OLD, NEW)
    assert convert is not None
    converted = convert(pair / lengths)
    fresh = np.stack([np.array(face_vector(raw, NEW).embedding) for raw in pair])
    assert np.abs(converted / np.linalg.norm(converted, axis=1, keepdims=True) - fresh).max() < 1e-6


@pytest.mark.parametrize("chosen", [-0.3, 0.0, 0.41, 0.9])
def test_golden_vectors_of_a_chosen_cosine(chosen: float) -> None:
    raw, left = with_cosine(chosen, 8.5)

    for pack in (NEW, OLD):
        found = face_vector(raw, pack)
        assert found.length == pytest.approx(8.5)
        assert found.child_cosine == pytest.approx(chosen)
    assert np.array(face_vector(raw, NEW).embedding) == pytest.approx(left, abs=1e-6)
    assert np.array(face_vector(raw, OLD).embedding) == pytest.approx(raw / 8.5, abs=1e-6)


def test_two_children_of_one_direction_are_no_match_any_more() -> None:
    """Of cosine .6 with the direction, and strangers besides: alike to 7.0, not to 7.1."""
    one, left = with_cosine(0.7, 9.0)
    other = 9.0 * (0.7 * B + np.sqrt(1 - 0.7**2) * np.roll(left, 1))

    old = cosine(face_vector(one, OLD).embedding, face_vector(other, OLD).embedding)
    new = cosine(face_vector(one, NEW).embedding, face_vector(other, NEW).embedding)

    assert SFACE.similarity_pct(old) > 80
    assert SFACE_7_1.similarity_pct(new) < 1


def test_one_session_serves_both_models(weights_folder: Path, photos: dict[str, bytes]) -> None:
    opened: list[str] = []

    def load(folder: Path, name: str) -> bytes:
        opened.append(name)
        return zoo.load(folder, name)

    reader = FaceReader(ModelSessions(weights_folder, load=load), sface.packs())
    found = {}
    for model in (SFACE, SFACE_7_1):
        photo = reader.read(photos["obama.jpg"], model)
        found[model.version] = photo.embed(photo.faces[0])

    assert sorted(opened) == ["sface", "yunet"]
    assert found["7.0"].length == found["7.1"].length > 10
    assert found["7.0"].child_cosine == found["7.1"].child_cosine < 0.2
    old = np.array(found["7.0"].embedding, np.float64)
    assert old @ B == pytest.approx(found["7.0"].child_cosine, abs=1e-6)
    expected = projected(old, B) / np.linalg.norm(projected(old, B))
    assert np.array(found["7.1"].embedding) == pytest.approx(expected, abs=1e-6)
    assert reader.read(photos["obama.jpg"]).embed(photo.faces[0]) == found["7.1"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda: replace(NEW, project_out=B[:64]), r"has the shape \[64\]; its vectors have 128 numbers"),
        (lambda: replace(OLD, child_direction=2 * B), "is not of unit length"),
    ],
)
def test_a_pack_with_a_wrong_direction_is_none(change: Callable[[], FacePack], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        change()


def test_models_that_do_not_follow_from_each_other() -> None:
    assert conversion(NEW, OLD) is None
    assert conversion(OLD, replace(NEW, embedder="another")) is None
    assert conversion(NEW, NEW) is None


def test_the_committed_direction() -> None:
    part = decode(FILE.read_bytes())

    assert (B.shape, B.dtype, B.flags.writeable) == ((128,), np.float64, False)
    assert np.linalg.norm(B) == pytest.approx(1, abs=1e-12)
    assert "K. Kaerkkaeinen and J. Joo" in part.provenance.learnt_from
    assert "CC BY 4.0" in part.provenance.licence


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "cannot be read: No such file"),
        (b"something else", "cannot be used: The file is no learnt part"),
        (encode(WORDS, (), {"direction": np.ones(64)}), r"a direction of the shape \[64\]; the face model has 128"),
        (encode(WORDS, (), {"direction": np.zeros(128)}), "a direction that is all zeros"),
        (encode(WORDS, (), {"other": np.ones(128)}), "no array `direction`"),
    ],
)
def test_a_direction_file_that_is_wrong_is_told_in_one_sentence(
    tmp_path: Path, content: bytes | None, expected: str
) -> None:
    path = tmp_path / "child.learnt"
    if content is not None:
        path.write_bytes(content)
    sha256 = hashlib.sha256(content or b"").hexdigest()

    with pytest.raises(WeightsError, match=expected):
        child_direction(128, path, sha256)


def test_another_direction_than_that_of_the_face_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "child.learnt"
    path.write_bytes(encode(WORDS, (), {"direction": np.ones(128)}))

    with pytest.raises(WeightsError, match="does not have the sha256 that its face model was made with"):
        child_direction(128, path)
