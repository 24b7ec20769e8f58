"""Files that commands leave on disk: no other user can read them, even in a folder that was there before and is open to
all.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.server import ServerProcess, client


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    assert os.umask(before) == 0o022


@pytest.fixture
def open_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "open"
    folder.mkdir(mode=0o755)
    return folder


def readable_by_others(folder: Path) -> list[str]:
    found = list(folder.rglob("*"))
    assert any(path.is_file() for path in found)
    return [path.name for path in found if stat.S_IMODE(path.stat().st_mode) & 0o077]


def test_what_a_server_writes(open_folder: Path, weights_folder: Path, photos: Mapping[str, bytes]) -> None:
    server = ServerProcess(open_folder, weights_folder)
    rekognition = client(server.url)
    rekognition.create_collection(CollectionId="people")
    rekognition.index_faces(CollectionId="people", Image={"Bytes": photos["obama.jpg"]})
    found = readable_by_others(open_folder)
    assert server.stop() == (0, "")
    assert found == readable_by_others(open_folder) == []


def test_what_the_commands_on_a_data_folder_write(
    run, open_folder: Path, tmp_path: Path, weights_folder: Path, photos: Mapping[str, bytes]
) -> None:
    server = ServerProcess(tmp_path / "first", weights_folder)
    rekognition = client(server.url)
    rekognition.create_collection(CollectionId="people")
    rekognition.index_faces(CollectionId="people", Image={"Bytes": photos["obama.jpg"]})
    server.stop()
    assert run("export", tmp_path / "people.npz", "-c", "people", "--data", tmp_path / "first").exit_code == 0
    assert run("import", tmp_path / "people.npz", "-c", "people", "--data", open_folder).exit_code == 0
    assert run("purge", "--data", open_folder).exit_code == 0
    assert run("verify", "--rebuild", "--data", open_folder).exit_code == 0
    assert readable_by_others(open_folder) == []


def test_the_journal_of_an_index(run, collection: str, tmp_path: Path, photos: Mapping[str, bytes]) -> None:
    (tmp_path / "config").mkdir(mode=0o755)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "biden.jpg").write_bytes(photos["biden.jpg"])
    assert run("index", tmp_path / "photos", "-c", collection).exit_code == 0
    assert readable_by_others(tmp_path / "config") == []
