"""Export and import: exact round trips, and one moment of a busy collection."""

import contextlib
import stat
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from openrek.domain.collections import Collection
from openrek.domain.errors import ResourceNotFound
from openrek.domain.models import SFACE
from openrek.store.blobs.folder import FolderBlobs
from openrek.store.collections.collections import StoredCollections
from openrek.store.faces.faces import StoredFaces
from openrek.store.integrity.verify import verify
from openrek.store.items.port import Items
from openrek.store.search.search import StoredSearch
from openrek.store.transfer.archive import NAMES, BadArchive
from openrek.store.transfer.archive_file import load, save
from openrek.store.transfer.export import NotExported, export
from openrek.store.transfer.import_faces import Imported, import_archive
from tests.store.faults import Fault, FaultyItems, Killed, at
from tests.store.synthetic import MODELS, new_collection, picture, unit
from tests.store.transfer.exports import at_row, changed, index, same
from tests.support.clocks import FakeClock


def sound(items: Items, folder: Path, name: str = "people") -> bool:
    return verify(items, FolderBlobs(folder / "blobs"), name, clock=FakeClock()).findings == ()


def test_a_round_trip_is_exact(items: Items, other: Items, people: Collection, tmp_path: Path) -> None:
    path = tmp_path / "out.npz"
    exported = export(items, "people")
    save(exported, path)
    loaded = load(path, MODELS)
    assert same(loaded, exported)

    assert import_archive(other, loaded, "people", SFACE) == Imported(added=90, present=0, made=True)

    assert same(export(other, "people"), exported)
    assert sound(other, tmp_path)
    made = StoredCollections(other).require("people")
    assert made.face_count == 90
    one = StoredSearch(items, FolderBlobs(tmp_path / "1"))
    two = StoredSearch(other, FolderBlobs(tmp_path / "2"))
    people = StoredCollections(items).require("people")
    for probe in map(unit, range(5)):
        found = one.nearest(people, probe, limit=200, lowest_cosine=-1.0)
        assert found == two.nearest(made, probe, limit=200, lowest_cosine=-1.0)
        assert len(found) == 90


def test_the_file_is_plain_numpy(items: Items, people: Collection, tmp_path: Path) -> None:
    path = tmp_path / "out.npz"
    path.write_bytes(b"what was there before")
    save(export(items, "people"), path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.glob("*.npz*")] == ["out.npz"]
    with np.load(path, allow_pickle=False) as file:
        assert set(file.files) == set(NAMES) - {"celebrities"}
        faces = StoredFaces(items).page(people, None, 4096).rows
        assert file["face_ids"].astype(str).tolist() == [str(face.face_id) for face in faces]
        assert file["image_ids"].astype(str).tolist() == [str(face.image_id) for face in faces]
        assert [text or None for text in file["external_image_ids"].astype(str).tolist()] == [
            face.external_image_id for face in faces
        ]
        assert file["boxes"].tolist() == [[f.box.left, f.box.top, f.box.width, f.box.height] for f in faces]
        assert file["confidences"].tolist() == [face.confidence for face in faces]
        assert (file["vectors"].shape, file["vectors"].dtype) == ((90, 128), np.int8)
        norms = np.linalg.norm(file["vectors"] * file["scales"][:, None], axis=1)
        assert np.abs(norms - 1).max() < 0.01
        assert {row.tobytes() for row in file["image_sha256"]} <= {picture(number).sha256 for number in range(12)}
        assert dict(zip(file["tag_keys"].tolist(), file["tag_values"].tolist(), strict=True)) == {
            "who": "Łukasz + co",
            "empty": "",
        }
        assert file["user_ids"].astype(str).tolist() == [""] * 90
        assert file["users"].tolist() == []


def test_pictures_are_known_again_after_an_import(items: Items, other: Items, people: Collection) -> None:
    known = index(items, people, 5, 8)
    import_archive(other, export(items, "people"), "copy", SFACE)
    made = StoredCollections(other).require("copy")

    assert index(other, made, 5, 8) == known
    assert StoredCollections(other).require("copy").face_count == StoredCollections(items).require("people").face_count


def test_an_empty_collection(items: Items, other: Items, tmp_path: Path) -> None:
    new_collection(items)
    save(export(items, "people"), tmp_path / "out.npz")

    assert import_archive(other, load(tmp_path / "out.npz", MODELS), "people", SFACE) == Imported(0, 0, made=True)
    assert same(export(other, "people"), export(items, "people"))


def test_many_pictures_in_one_commit_and_many_faces_of_one_picture(items: Items, other: Items, tmp_path: Path) -> None:
    made = new_collection(items)
    for number in range(120):
        index(items, made, number, 1)
    index(items, made, 500, 100)
    exported = export(items, "people")
    steps: list[int] = []

    assert import_archive(other, exported, "people", SFACE, on_progress=steps.append).added == 220

    assert same(export(other, "people"), exported)
    assert sound(other, tmp_path)
    assert steps[-1] == 220
    assert max(np.diff([0, *steps])) <= 90
    assert len(steps) <= 5


def test_an_export_is_one_moment_of_a_busy_collection(items: Items, people: Collection) -> None:
    """Every picture is added whole, before any step of the export: it is in the export whole, or not at all."""
    number = 1000

    def others(step: int) -> None:
        nonlocal number
        if number < 1030:
            number += 1
            added = index(items, people, number, 3)
            if number % 2:
                StoredFaces(items).delete(people, added)

    found = export(FaultyItems(items, before=others), "people", clock=FakeClock())

    assert len(found) == len({*found.face_ids.tolist()})
    hashes, counts = np.unique(found.image_sha256, axis=0, return_counts=True)
    late = {picture(n).sha256 for n in range(1000, 1031) if n % 2 == 0}
    gone = {picture(n).sha256 for n in range(1000, 1031) if n % 2}
    for row, count in zip(hashes, counts.tolist(), strict=True):
        if row.tobytes() in late | gone:
            assert count == 3
    assert late & {row.tobytes() for row in hashes}
    assert same(export(items, "people"), export(items, "people"))


def test_an_export_of_what_changes_without_end_gives_up(items: Items, people: Collection) -> None:
    number = 2000

    def others(step: int) -> None:
        nonlocal number
        number += 1
        index(items, people, number, 1)

    with pytest.raises(NotExported, match="when it is quieter"):
        export(FaultyItems(items, before=others), "people", clock=FakeClock())
    with pytest.raises(ResourceNotFound):
        export(items, "nobody")


@pytest.mark.parametrize("fault", [Fault.KILLED_BEFORE, Fault.KILLED_AFTER, Fault.UNSAID, Fault.CONTENDED])
def test_an_import_interrupted_anywhere_goes_on(
    items: Items, other: Items, people: Collection, fault: Fault, tmp_path: Path
) -> None:
    exported = export(items, "people")
    for step in range(0, 30, 2):
        name = f"copy{step}"
        faulty = FaultyItems(other, at(step, fault))
        with contextlib.suppress(Killed):
            import_archive(faulty, exported, name, SFACE, clock=FakeClock())
        again = import_archive(other, exported, name, SFACE)
        assert again.added + again.present == 90
        assert same(replace(export(other, name), collection_id=exported.collection_id), exported)
        assert sound(other, tmp_path, name)
        if faulty.steps <= step:
            break
    assert import_archive(other, exported, name, SFACE) == Imported(added=0, present=90, made=False)


def test_a_deleted_face_comes_back(items: Items, people: Collection, tmp_path: Path) -> None:
    exported = export(items, "people")
    ids = [face.face_id for face in StoredFaces(items).page(people, None, 30).rows]
    StoredFaces(items).delete(people, ids)

    assert import_archive(items, exported, "people", SFACE) == Imported(added=30, present=60, made=False)

    assert same(export(items, "people"), exported)
    assert sound(items, tmp_path)


def heads_and_logs(items: Items) -> list[tuple[str, int]]:
    page = StoredCollections(items).page(None, 100).rows
    return [(entry.collection_id, StoredCollections(items).require(entry.collection_id).face_count) for entry in page]


@pytest.mark.parametrize(("name", "value"), [("boxes", 0.25), ("vectors", 90), ("scales", 0.001), ("confidences", 1)])
def test_another_face_of_that_id_is_refused_before_anything_is_written(
    items: Items, people: Collection, name: str, value: float
) -> None:
    exported = export(items, "people")
    StoredFaces(items).delete(people, [UUID(text.decode()) for text in exported.face_ids[:5].tolist()])
    before = heads_and_logs(items)

    with pytest.raises(BadArchive, match=f"another face with the id {exported.face_ids[-1].decode()}"):
        import_archive(items, changed(exported, name, at_row(-1, value)), "people", SFACE)

    assert heads_and_logs(items) == before


def test_what_does_not_suit_the_collection_writes_nothing(items: Items, other: Items, people: Collection) -> None:
    exported = export(items, "people")
    wrong = {
        "more than the 10 faces": (exported, 10),
        "not that of its picture": (changed(exported, "image_sha256", at_row(40, 7)), 1000),
    }
    for expected, (archive, max_faces) in wrong.items():
        with pytest.raises(BadArchive, match=expected):
            import_archive(other, archive, "people", SFACE, max_faces=max_faces)
    assert heads_and_logs(other) == []
    newer = replace(SFACE, version="8.0")
    StoredCollections(other).create("people", newer, {})
    with pytest.raises(BadArchive, match=r"uses face model 8\.0, the file 7\.0"):
        import_archive(other, exported, "people", SFACE)
