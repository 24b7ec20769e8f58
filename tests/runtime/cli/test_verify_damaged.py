"""`openrek verify` ends in a table whatever is damaged, names it, goes on with the rest, and writes nothing at all.

OPENREK_STORE_EXAMPLES sets how many random kinds of damage are tried.
"""

import hashlib
import os
import random
import re
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import msgpack
import pytest
from click.testing import CliRunner, Result

from openrek.runtime.cli.main import main
from openrek.store.blobs.folder import FolderBlobs
from openrek.store.collections.collections import StoredCollections
from openrek.store.faces.faces import StoredFaces
from openrek.store.items.port import Key, Put
from openrek.store.items.sqlite import SqliteItems
from openrek.store.log.keys import DIRECTORY, UIDS, face_key, head_key, owned
from openrek.store.segments.manifest import blob_name
from tests.store.earlier.make import fill
from tests.store.synthetic import Embedder, open_items, picture, slots

EXAMPLES = int(os.environ.get("OPENREK_STORE_EXAMPLES", "100"))
EARLIER = Path(__file__).parents[2] / "store" / "earlier" / "format-2" / "data"
Verify = Callable[[Path], Result]


@pytest.fixture
def verify(monkeypatch: pytest.MonkeyPatch) -> Verify:
    monkeypatch.setenv("COLUMNS", "150")

    def run(data: Path, *options: str) -> Result:
        return CliRunner().invoke(main, ["verify", "--data", str(data), *options], catch_exceptions=False)

    return run


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder as this openrek writes it, closed cleanly."""
    items = open_items(tmp_path / "data")
    fill(items, FolderBlobs(tmp_path / "data" / "blobs"))
    items.close()
    return tmp_path / "data"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """One of before there were checksums: whatever is changed in it is believed."""
    shutil.copytree(EARLIER, tmp_path / "data")
    return tmp_path / "data"


def in_a_table(result: Result) -> bool:
    return result.exit_code in (0, 1) and "┃ Collection" in result.output


def rows_of(data: Path) -> list[tuple[str, str, bytes]]:
    connection = apsw.Connection(str(data / "items.sqlite3"))
    rows = connection.execute("SELECT partition, sort, body FROM items").fetchall()
    connection.close()
    return rows  # type: ignore[return-value]


def write_row(data: Path, partition: str, sort: str, body: bytes) -> None:
    connection = apsw.Connection(str(data / "items.sqlite3"))
    connection.execute("INSERT OR REPLACE INTO items VALUES (?, ?, ?)", (partition, sort, body))
    connection.close()


def fresh(old: Path) -> Path:
    shutil.rmtree(old)
    shutil.copytree(EARLIER, old)
    return old


VALUES: list[Any] = [None, True, -1, 2**63, 1.5, "", "x", b"", b"x", bytes(16), [], [1], ["x"], [b"x"], {}, {"id": 1}]


def changed(value: Any, chance: random.Random) -> Any:
    """The value with one thing in it another, anywhere down its lists and maps."""
    if isinstance(value, dict) and value and chance.random() < 0.8:
        name = chance.choice(sorted(value))
        if chance.random() < 0.3:
            return {other: inner for other, inner in value.items() if other != name}
        if chance.random() < 0.1:
            return {**value, f"{name}x": value[name]}
        return {**value, name: changed(value[name], chance)}
    if isinstance(value, list) and value and chance.random() < 0.7:
        place = chance.randrange(len(value))
        return [*value[:place], changed(value[place], chance), *value[place + 1 :]]
    return chance.choice(VALUES)


def test_whatever_an_item_holds(verify: Verify, old: Path) -> None:
    """Items of every kind, of before there were checksums: their attributes are missing, of another type or value."""
    chance = random.Random(1)
    rows = rows_of(old)
    kinds = sorted({partition.rpartition("/")[2] for partition, _, _ in rows})
    for number in range(2 * EXAMPLES):
        kind = kinds[number % len(kinds)]
        partition, sort, body = chance.choice([row for row in rows if row[0].rpartition("/")[2] == kind])
        attributes = changed(msgpack.unpackb(body), chance)
        write_row(fresh(old), partition, sort, msgpack.packb(attributes))

        assert in_a_table(verify(old)), (partition, sort, attributes)


def test_whatever_bytes_an_item_is(verify: Verify, old: Path) -> None:
    chance = random.Random(2)
    rows = rows_of(old)
    for _ in range(EXAMPLES // 2):
        partition, sort, body = chance.choice(rows)
        place = chance.randrange(len(body))
        write_row(fresh(old), partition, sort, body[:place] + chance.randbytes(chance.choice([0, 1, 7])) + body[place:])

        assert in_a_table(verify(old)), (partition, sort)


def test_whatever_bit_of_an_old_database(verify: Verify, old: Path) -> None:
    chance = random.Random(3)
    content = (old / "items.sqlite3").read_bytes()
    for _ in range(EXAMPLES):
        bit = chance.randrange(8 * len(content))
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        (fresh(old) / "items.sqlite3").write_bytes(flipped)

        assert in_a_table(result := verify(old)), (bit, result.output)


def test_whatever_bit_of_a_new_database(verify: Verify, data: Path) -> None:
    chance = random.Random(4)
    content = (data / "items.sqlite3").read_bytes()
    for number in range(EXAMPLES):
        bit = chance.randrange(8 * len(content) if number % 2 else 800)  # the header has 100 bytes
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        (data / "items.sqlite3").write_bytes(flipped)

        result = verify(data)

        assert in_a_table(result), (bit, result.output)
        assert result.exit_code == 1, bit


def test_whatever_bit_of_a_blob(verify: Verify, data: Path) -> None:
    chance = random.Random(5)
    for path in [path for path in (data / "blobs").rglob("*") if path.is_file()]:
        content = path.read_bytes()
        for changed_to in (content[: len(content) // 2], b"", chance.randbytes(len(content))):
            path.write_bytes(changed_to)
            result = verify(data)
            assert (in_a_table(result), result.exit_code) == (True, 1), path
        path.unlink()
        path.mkdir()
        assert in_a_table(verify(data)), path
        path.rmdir()
        path.write_bytes(content)
    assert verify(data).exit_code == 0


def spoil(data: Path, key: Key) -> None:
    """The last bit of an item; as SQLite writes it, so that its page is whole."""
    items = SqliteItems(data / "items.sqlite3")
    connection = items._connection()
    place = (key.partition, key.sort)
    body = connection.execute("SELECT body FROM items WHERE partition = ? AND sort = ?", place).get
    spoiled = body[:-1] + bytes([body[-1] ^ 1])
    connection.execute("UPDATE items SET body = ? WHERE partition = ? AND sort = ?", (spoiled, *place))
    items.close()


def test_a_damaged_item_is_named_and_the_rest_is_checked(verify: Verify, data: Path) -> None:
    items = SqliteItems(data / "items.sqlite3")
    people = StoredCollections(items).require("people")
    face = face_key(people.uid, StoredFaces(items).page(people, None, 3).rows[2].face_id)
    record = items.query(owned(people.uid, "duplicate"), limit=1).rows[0].key
    items.close()
    for key in (face, record):
        spoil(data, key)

    result = verify(data)

    assert (result.exit_code, in_a_table(result)) == (1, True)
    for key in (face, record):
        assert f"database: a damaged item: {key.partition} {key.sort}" in result.output
        assert f"people: a damaged item: {key.partition} {key.sort}" in result.output
    assert f"people: a row without a face item: {face.sort}" in result.output
    assert "others" in result.output
    assert [line for line in result.output.splitlines() if line.startswith("others:")] == []


def test_a_damaged_head_is_named_and_other_collections_are_checked(verify: Verify, data: Path) -> None:
    spoil(data, head_key("people"))

    result = verify(data)

    assert (result.exit_code, in_a_table(result)) == (1, True)
    assert "people: a damaged item: collection/people head" in result.output
    assert [line for line in result.output.splitlines() if line.startswith("others:")] == []


def test_damaged_lines_hide_no_collection(verify: Verify, data: Path) -> None:
    items = SqliteItems(data / "items.sqlite3")
    lines = [items.query(partition, limit=1).rows[0].key for partition in (DIRECTORY, UIDS)]
    items.close()
    for key in lines[:1]:
        spoil(data, key)

    result = verify(data)

    assert (result.exit_code, in_a_table(result)) == (1, True)
    assert f"database: a damaged item: {DIRECTORY} {lines[0].sort}" in result.output
    assert result.output.count("│ people") == result.output.count("│ others") == 1


def test_a_rebuild_that_is_not_possible_ends_in_a_table_too(verify: Verify, data: Path) -> None:
    items = SqliteItems(data / "items.sqlite3")
    uid = StoredCollections(items).require("people").uid
    face = items.query(owned(uid, "face"), limit=1).rows[0].key
    items.close()
    spoil(data, face)

    result = verify(data, "--rebuild")

    assert (result.exit_code, in_a_table(result)) == (1, True)
    assert f"people: The item {face.partition} {face.sort} of the store is damaged" in result.output
    assert "others: 2 faces in 1 new segment." in result.output


def test_a_head_that_went_back_is_told_and_mended(verify: Verify, data: Path) -> None:
    """As after the end of a log was lost, or an older database was put in the place of a newer one."""
    items, blobs = SqliteItems(data / "items.sqlite3"), FolderBlobs(data / "blobs")
    uid = StoredCollections(items).require("people").uid
    blobs.put(blob_name(uid, 77, "segment"), b"made from a later manifest")
    items.close()

    told = verify(data)

    assert (told.exit_code, "people: the head is older than its blobs: " in told.output) == (1, True)
    assert verify(data, "--rebuild").exit_code == verify(data).exit_code == 0


def state_of(folder: Path) -> dict[str, tuple[str, int, int]]:
    """Every file and folder: content, mode, and when it was changed."""
    return {
        str(path.relative_to(folder)): (
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
            stat.S_IMODE(path.stat().st_mode),
            path.stat().st_mtime_ns,
        )
        for path in (folder, *folder.rglob("*"))
    }


def crashed(data: Path, folder: Path, *, index: bool) -> Path:
    """What a machine leaves that dies while the database is open, with or without what was in shared memory."""
    items = SqliteItems(data / "items.sqlite3")
    of = picture(77)
    StoredFaces(items).index(StoredCollections(items).require("people"), of, slots(3), Embedder(of))
    shutil.copytree(data, folder)
    items.close()
    if not index:
        (folder / "items.sqlite3-shm").unlink()
    return folder


@pytest.mark.parametrize("left", ["clean", "of before", "crashed", "crashed, no index"])
def test_nothing_is_written(verify: Verify, data: Path, tmp_path: Path, left: str) -> None:
    folder = data
    if left == "of before":
        folder = shutil.copytree(EARLIER, tmp_path / "copy")
    elif left != "clean":
        folder = crashed(data, tmp_path / "copy", index=left == "crashed")
    shutil.rmtree(folder / "blobs" / ".aside", ignore_errors=True)
    for path in (*folder.rglob("*"), folder):
        path.chmod(0o500 if path.is_dir() else 0o400)
    before = state_of(folder)

    result = verify(folder)

    assert (result.exit_code, in_a_table(result)) == (0, True), result.output
    assert re.search(rf"people +│ +{31 if left.startswith('crashed') else 28} │", result.output)
    assert state_of(folder) == before
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)


def test_a_log_that_lost_its_end_is_a_finding(verify: Verify, data: Path, tmp_path: Path) -> None:
    folder = crashed(data, tmp_path / "copy", index=True)
    log = folder / "items.sqlite3-wal"
    log.write_bytes(log.read_bytes()[:-2000])

    result = verify(folder)

    assert (result.exit_code, in_a_table(result)) == (1, True)
    assert "database: the write-ahead log lost its end, and with it changes that were acknowledged" in result.output


def test_a_server_may_go_on_meanwhile(verify: Verify, data: Path) -> None:
    items = SqliteItems(data / "items.sqlite3")
    items.transact([Put(Key("elsewhere", str(n)), {"b": bytes(2000)}) for n in range(50)])

    assert verify(data).exit_code == 0

    items.transact([Put(Key("elsewhere", "more"), {})])
    items.close()
    assert verify(data).exit_code == 0
