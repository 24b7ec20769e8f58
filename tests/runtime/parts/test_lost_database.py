"""A data folder that lost its database, but not its blobs, is not begun anew: that would erase every segment."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from openrek.runtime.cli.main import main
from openrek.runtime.parts.adapters import Adapters
from openrek.runtime.parts.local import LocalParts, holds_blobs
from openrek.runtime.settings import Settings
from openrek.store.blobs.folder import FolderBlobs
from openrek.store.items.sqlite import SqliteItems
from openrek.store.items.sqlite_opening import UnusableStore
from tests.store.earlier.make import fill
from tests.store.synthetic import open_items

TOLD = "is missing or empty, although there are blobs in"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    items = open_items(tmp_path / "data")
    fill(items, FolderBlobs(tmp_path / "data" / "blobs"))
    items.close()
    return tmp_path / "data"


def gone(database: Path) -> None:
    database.unlink()


def emptied(database: Path) -> None:
    database.write_bytes(b"")


def without_tables(database: Path) -> None:
    database.unlink()
    SqliteItems(database).close()
    items = SqliteItems(database)
    items._connection().execute("DROP TABLE items")
    items.close()


LOSSES: list[Callable[[Path], None]] = [gone, emptied, without_tables]


def files(data: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in data.rglob("*") if path.is_file()}


@pytest.mark.parametrize("lose", LOSSES)
@pytest.mark.parametrize("command", ["serve", "verify", "rebuild", "purge", "export", "import"])
def test_nothing_is_begun_anew(data: Path, tmp_path: Path, command: str, lose: Callable[[Path], None]) -> None:
    exported = Path(__file__).parents[2] / "store" / "earlier" / "format-2" / "people.npz"
    lose(data / "items.sqlite3")
    before = files(data)
    arguments = {
        "serve": ["serve", "--port", "0"],
        "verify": ["verify"],
        "rebuild": ["verify", "--rebuild"],
        "purge": ["purge"],
        "export": ["export", str(tmp_path / "out.npz"), "-c", "people"],
        "import": ["import", str(exported), "-c", "people"],
    }[command]

    result = CliRunner().invoke(main, [*arguments, "--data", str(data)], catch_exceptions=False)

    told = " ".join(result.output.split())
    assert (result.exit_code, TOLD in told) == (1, True), told
    assert "restore items.sqlite3 from a backup, or move blobs/ away to start with an empty store." in told
    assert files(data) == before


def test_a_restored_database_is_served_again(data: Path, tmp_path: Path) -> None:
    shutil.move(data / "items.sqlite3", tmp_path / "backup")
    with pytest.raises(UnusableStore, match=TOLD):
        LocalParts(data).items()
    shutil.move(tmp_path / "backup", data / "items.sqlite3")

    parts = LocalParts(data)

    assert len(parts.items().query("directory").rows) == 2
    parts.close()


def test_without_its_blobs_a_folder_is_begun_anew(data: Path, tmp_path: Path) -> None:
    (data / "items.sqlite3").unlink()
    shutil.move(data / "blobs", tmp_path / "away")

    parts = LocalParts(data)

    assert parts.items().query("directory").rows == ()
    parts.close()


def test_folders_without_a_blob_are_no_blobs(tmp_path: Path) -> None:
    assert not holds_blobs(tmp_path / "none")
    (tmp_path / "blobs" / ".aside").mkdir(parents=True)
    (tmp_path / "blobs" / ".aside" / "tmp1").write_bytes(b"was being written")
    (tmp_path / "blobs" / ("0" * 32)).mkdir()
    assert not holds_blobs(tmp_path)

    with_blobs = replace(Settings.of({}), data=tmp_path)
    adapters = Adapters(with_blobs)
    assert adapters.items().query("directory").rows == ()
    adapters.close()

    (tmp_path / "blobs" / ("0" * 32) / "000000000000-0123456789abcdef.segment").write_bytes(b"x")
    assert holds_blobs(tmp_path)


def test_an_open_store_goes_on_beside_its_blobs(data: Path) -> None:
    """A second process opens what the first has begun, blobs and all."""
    first, second = LocalParts(data), LocalParts(data)
    assert len(first.items().query("directory").rows) == len(second.items().query("directory").rows) == 2
    first.close()
    second.close()
