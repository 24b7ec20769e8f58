"""`openrek verify`, `purge`, `export` and `import` on data folders, as a person uses them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from click.testing import CliRunner, Result

from openrek.domain.faces import Picture
from openrek.domain.models import SFACE
from openrek.runtime.cli.main import main
from openrek.store.blobs.folder import FolderBlobs
from openrek.store.collections.collections import StoredCollections
from openrek.store.faces.faces import StoredFaces
from openrek.store.integrity.verify import verify
from openrek.store.items.sqlite import SqliteItems
from openrek.store.transfer.archive import Archive
from openrek.store.transfer.archive_file import load, save
from openrek.store.transfer.export import export
from openrek.store.upkeep.upkeep import Upkeep
from tests.store.synthetic import MODELS, Embedder, new_collection, picture, slots

Run = Callable[..., Result]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a data folder with two collections, one of them in segments."""
    folder = tmp_path / "data"
    items, blobs = SqliteItems(folder / "items.sqlite3"), FolderBlobs(folder / "blobs")
    for name in ("people", "others"):
        made = new_collection(items, name)
        for number in range(3):
            StoredFaces(items).index(made, picture(number, "a:b"), slots(5), Embedder(picture(number, "a:b")))
        if name == "people":
            Upkeep(items, blobs).purge()
    items.close()
    return folder


@pytest.fixture
def run(data: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("COLUMNS", "150")
    monkeypatch.setenv("OPENREK_DATA", str(data))
    return lambda *arguments: CliRunner().invoke(main, [str(each) for each in arguments], catch_exceptions=False)


def damage(data: Path) -> None:
    segment = next((data / "blobs").rglob("*.segment"))
    content = bytearray(segment.read_bytes())
    content[500] ^= 1
    segment.write_bytes(content)


def test_verify_then_rebuild(run: Run, data: Path) -> None:
    sound = run("verify")
    assert (sound.exit_code, sound.output.count("none")) == (0, 2)

    damage(data)
    damaged = run("verify")
    assert damaged.exit_code == 1
    assert "people: a corrupt segment: " in damaged.output
    assert "a column's checksum is wrong" in damaged.output
    assert run("verify", "-c", "others").exit_code == 0

    mended = run("verify", "-c", "people", "--rebuild")
    assert mended.exit_code == 0
    assert "people: 15 faces in 1 new segment." in mended.output
    assert run("verify").exit_code == 0


def test_a_damaged_database_is_told(run: Run, data: Path) -> None:
    path = data / "items.sqlite3"
    content = bytearray(path.read_bytes())
    content[4096 * 5 + 3 : 4096 * 5 + 40] = b"x" * 37
    path.write_bytes(content)

    result = run("verify")

    assert result.exit_code == 1
    assert "atabase" in result.output


def test_a_purge_of_a_damaged_store_says_what_to_do(run: Run, data: Path) -> None:
    for path in (data / "blobs").rglob("*.manifest"):
        path.unlink()

    result = run("purge")

    assert (result.exit_code, "`openrek verify --rebuild` may repair it" in result.output) == (1, True)
    assert run("verify", "--rebuild").exit_code == run("purge").exit_code == 0


def test_what_is_not_there_is_told_in_a_sentence(run: Run, data: Path, tmp_path: Path) -> None:
    for command, message in {
        ("verify", "-c", "nobody"): "The collection id: nobody does not exist",
        ("export", tmp_path / "x.npz", "-c", "nobody"): "The collection id: nobody does not exist",
        ("export", tmp_path / "none" / "x.npz", "-c", "people"): "No such file or directory",
        ("verify", "--data", tmp_path / "none"): f"There is no store in the folder {tmp_path / 'none'}.",
        ("purge", "--data", tmp_path / "none"): "There is no store in the folder",
    }.items():
        result = run(*command)
        assert (result.exit_code, message in result.output) == (1, True), result.output
    assert not (tmp_path / "none").exists()
    assert run("export", tmp_path / "x.npz", "-c", "../people").exit_code == 2


def test_an_empty_store(run: Run, tmp_path: Path) -> None:
    SqliteItems(tmp_path / "items.sqlite3").close()

    assert "There is no collection." in run("verify", "--data", tmp_path).output
    assert "All deleted data is removed." in run("purge", "--data", tmp_path).output


def test_purge(run: Run, data: Path) -> None:
    items = SqliteItems(data / "items.sqlite3")
    StoredCollections(items).delete("others")
    faces = StoredFaces(items).page(StoredCollections(items).require("people"), None, 5).rows
    StoredFaces(items).delete(StoredCollections(items).require("people"), [face.face_id for face in faces])
    items.close()

    result = run("purge")

    assert (result.exit_code, result.output) == (0, "All deleted data is removed.\n")
    content = b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())
    assert not any(face.face_id.bytes in content or str(face.face_id).encode() in content for face in faces)
    assert run("verify").exit_code == 0


def test_purge_says_what_holds_it_back(run: Run, data: Path) -> None:
    (data / "blobs" / ".aside" / "tmp1").write_bytes(b"vectors")
    items = SqliteItems(data / "items.sqlite3")
    reader = items._connection()
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM items").fetchall()

    result = run("purge")

    assert result.exit_code == 1
    assert "1 file is being written, or was abandoned a moment ago;" in result.output
    assert "Another process is reading or writing the database" in result.output
    reader.execute("COMMIT")
    items.close()


def test_export_and_import(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "out.npz"
    exported = run("export", file, "-c", "people")
    assert (exported.exit_code, "15 faces of people are in" in exported.output) == (0, True)

    first = run("import", file, "-c", "copy")
    assert (first.exit_code, "Created the collection copy." in first.output) == (0, True)
    assert "15 faces imported, 0 existed already." in first.output
    assert "0 faces imported, 15 existed already." in run("import", file, "-c", "copy").output
    assert run("import", file, "-c", "new", "--data", tmp_path / "elsewhere").exit_code == 0
    assert run("verify").exit_code == run("verify", "--data", tmp_path / "elsewhere").exit_code == 0

    file.write_bytes(file.read_bytes()[:-100])
    broken = run("import", file, "-c", "broken")
    assert (broken.exit_code, "Error: The file is not a whole .npz file" in broken.output) == (1, True)
    assert run("verify", "-c", "broken").exit_code == 1


def test_paths_are_shown_as_they_are(run: Run, tmp_path: Path) -> None:
    output = run("export", tmp_path / "[bold]\x1b[1m:smile:.npz", "-c", "people").output
    assert output.splitlines()[-1] == f"15 faces of people are in {tmp_path}/[bold]\\x1b[1m:smile:.npz."
    unwritten = run("export", tmp_path / "\x1b[1m" / "x.npz", "-c", "people").output.splitlines()[-1]
    assert unwritten.startswith(f"Error: {tmp_path}/\\x1b[1m/")
    assert unwritten.endswith(": No such file or directory")
    nowhere = run("verify", "--data", tmp_path / "[/x]\x1b[1m").output
    assert nowhere == f"Error: There is no store in the folder {tmp_path}/[/x]\\x1b[1m.\n"


def many(count: int, tmp_path: Path) -> Archive:
    """Return an archive of as many faces of as many pictures."""
    items = SqliteItems(tmp_path / "one" / "items.sqlite3")
    made = new_collection(items)
    StoredFaces(items).index(made, picture(0), slots(1), Embedder(picture(0)))
    one = export(items, "people")
    items.close()
    hashes = np.random.default_rng(1).integers(0, 256, (count, 32), np.uint8)
    rows = {name: np.repeat(getattr(one, name), count, axis=0) for name in ("boxes", "confidences", "vectors")}
    rows |= {name: np.repeat(getattr(one, name), count) for name in ("external_image_ids", "scales", "user_ids")}
    return replace(
        one, **rows, image_sha256=hashes,
        face_ids=np.array([str(UUID(int=n)).encode() for n in range(count)]),
        image_ids=np.array([str(Picture(row.tobytes(), None).image_id).encode() for row in hashes]),
    )  # fmt: skip


def test_an_import_that_is_killed_goes_on_where_it_was(run: Run, tmp_path: Path) -> None:
    file, folder = tmp_path / "many.npz", tmp_path / "killed"
    archive = many(3000, tmp_path)
    save(archive, file)
    items = SqliteItems(folder / "items.sqlite3")
    command = [sys.executable, "-m", "openrek.runtime.cli.main", "import", file, "-c", "people", "--data", folder]
    for part in (0.2, 0.6):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while faces_of(items) < part * 3000 and process.poll() is None:
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert verify(items, FolderBlobs(folder / "blobs"), "people").findings == ()
    before = faces_of(items)

    result = run("import", file, "-c", "people", "--data", folder)

    assert before >= 1800
    assert f"{3000 - before} faces imported, {before} existed already." in result.output
    assert (export(items, "people").vectors == load(file, MODELS).vectors).all()
    items.close()


def faces_of(items: SqliteItems) -> int:
    page = StoredCollections(items).page(None, 1).rows
    return StoredCollections(items).require("people").face_count if page else 0


def test_verify_names_a_collection_whose_face_model_is_not_offered(run: Run, data: Path) -> None:
    items = SqliteItems(data / "items.sqlite3")
    StoredCollections(items).create("foreign", replace(SFACE, version="6.9"), {})
    items.close()

    result = run("verify")

    assert result.exit_code == 0
    told = "foreign: note: its face model 6.9 is not offered here: photos can be neither indexed nor searched"
    assert told in result.output
    assert "people: note" not in result.output
