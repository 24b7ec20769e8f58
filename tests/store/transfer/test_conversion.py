"""Archives that are converted to another face model on their way in."""

from array import array
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrek.domain.faces import DetectedFace, Embedding, Face
from openrek.domain.models import SFACE, SFACE_7_1, FaceModels
from openrek.store.collections.collections import StoredCollections
from openrek.store.faces.faces import StoredFaces
from openrek.store.integrity.verify import verify
from openrek.store.items.port import Items
from openrek.store.log.quantisation import quantise
from openrek.store.search.search import StoredSearch
from openrek.store.transfer.archive import Archive, BadArchive, check
from openrek.store.transfer.archive_file import load
from openrek.store.transfer.conversion import converted, quantised
from openrek.store.transfer.export import export
from openrek.store.transfer.import_faces import import_archive
from openrek.store.users.users import StoredUsers
from tests.store.memory_blobs import MemoryBlobs
from tests.store.people import likeness
from tests.store.synthetic import MODELS, picture, slots
from tests.store.transfer.exports import at_row, changed
from tests.support.clocks import FakeClock

MODELS_OF_BOTH = FaceModels((SFACE_7_1, SFACE))
EARLIER = Path(__file__).parents[1] / "earlier"
INT8_ERROR = 0.004
"""Of a cosine against float32 it is 3.3e-3 at most; here both have it, and the projection stretches it a little."""

DIRECTION = np.ones(128) / np.sqrt(128)


def project(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors - (vectors @ DIRECTION)[..., None] * DIRECTION)


def projected(embedding: Embedding) -> Embedding:
    left = project(np.array(embedding, np.float64))
    return array("f", (left / np.linalg.norm(left)).astype(np.float32).tobytes())


@given(st.integers(0, 2**32), st.integers(1, 5))
def test_vectors_are_stored_as_ever(seed: int, rows: int) -> None:
    made = np.random.default_rng(seed).normal(size=(rows, 128))
    made /= np.linalg.norm(made, axis=1, keepdims=True)

    vectors, scales = quantised(made)

    for row in range(rows):
        embedding = array("f", made[row].astype(np.float32).tobytes())
        assert (vectors[row].tobytes(), float(scales[row])) == quantise(embedding)


@pytest.fixture
def archives(items: Items) -> tuple[Archive, Archive]:
    """A collection of 7.0 as it was exported and converted, and the same faces as they are indexed freshly by 7.1."""
    names = ("ada", "bob", "eve")
    exports = []
    for model in (SFACE, SFACE_7_1):
        made = StoredCollections(items).create(f"of-{model.version}", model, {"who": "x"})
        for place, name in enumerate(names):
            users = StoredUsers(items, clock=FakeClock())
            users.create(made, name, None)

            def embed(face: DetectedFace, name: str = name, version: str = model.version) -> Embedding:
                found = likeness(name, slots(6).index(face))
                return projected(found) if version == "7.1" else found

            faces = StoredFaces(items).index(made, picture(place, name), slots(6), embed)
            ids = [face.face_id for face in faces[:4]]
            users.associate(made, name, ids, lowest_cosine=-1.0, idempotency_token=None)
        exports.append(export(items, made.collection_id))
    return converted(exports[0], SFACE_7_1, project), exports[1]


def test_the_answers_are_those_of_fresh_indexing(items: Items, other: Items, archives: tuple[Archive, Archive]) -> None:
    check(archives[0], MODELS_OF_BOTH)
    import_archive(other, archives[0], "people", SFACE_7_1, clock=FakeClock())
    made, fresh = StoredCollections(other).require("people"), StoredCollections(items).require("of-7.1")
    assert (made.model_version, made.face_count, made.user_count) == ("7.1", 18, 3)
    assert verify(other, MemoryBlobs(), "people", clock=FakeClock()).findings == ()

    for name in ("ada", "bob", "eve"):
        probe = projected(likeness(name, 20))
        everything = {"limit": 100, "lowest_cosine": -1.0}
        one = StoredSearch(other, MemoryBlobs(), threads=1)
        two = StoredSearch(items, MemoryBlobs(), threads=1)
        faces = [
            {_place(m.face): m.cosine for m in s.nearest(c, probe, **everything)}
            for s, c in ((one, made), (two, fresh))
        ]
        assert faces[0].keys() == faces[1].keys()
        assert faces[0] == pytest.approx(faces[1], abs=INT8_ERROR)
        users = [
            {m.user.user_id: m.cosine for m in s.nearest_users(c, [probe], **everything)[0]}
            for s, c in ((one, made), (two, fresh))
        ]
        assert users[0] == pytest.approx(users[1], abs=INT8_ERROR)
        assert next(iter(users[0])) == name


def _place(face: Face) -> tuple[str | None, float, float]:
    return face.external_image_id, face.box.left, face.box.top


@pytest.mark.parametrize("path", sorted(EARLIER.glob("*/people.npz")), ids=lambda path: path.parent.name)
def test_an_export_of_an_earlier_version_keeps_all_but_its_vectors(other: Items, path: Path) -> None:
    then = load(path, MODELS)
    now = converted(then, SFACE_7_1, project)
    import_archive(other, now, "people", SFACE_7_1, clock=FakeClock())

    imported = export(other, "people")

    assert imported.model_version == "7.1"
    for name in ("face_ids", "image_ids", "external_image_ids", "boxes", "confidences", "user_ids", "image_sha256",
                 "users", "tag_keys", "tag_values"):  # fmt: skip
        assert (getattr(imported, name) == getattr(then, name)).all(), name
    values = imported.vectors * imported.scales[:, None].astype(np.float64)
    assert np.abs(values @ DIRECTION).max() < 0.01
    assert import_archive(other, now, "people", SFACE_7_1, clock=FakeClock()).added == 0


def test_it_does_not_join_a_collection_of_the_old_model(items: Items, archives: tuple[Archive, Archive]) -> None:
    before = export(items, "of-7.0")
    with pytest.raises(BadArchive, match=r"uses face model 7\.0, the file 7\.1"):
        import_archive(items, archives[0], "of-7.0", SFACE_7_1)
    assert (export(items, "of-7.0").vectors == before.vectors).all()


def test_a_face_of_which_too_little_is_left_is_named(items: Items, archives: tuple[Archive, Archive]) -> None:
    alike = changed(export(items, "of-7.0"), "vectors", at_row(4, 127))
    alike = changed(alike, "scales", at_row(4, 1 / (127 * np.sqrt(128))))

    with pytest.raises(BadArchive, match=f"Too little is left of the vector of face {alike.face_ids[4].decode()}"):
        converted(alike, SFACE_7_1, project)
