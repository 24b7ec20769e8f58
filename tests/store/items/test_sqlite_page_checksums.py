"""The checksums of the pages of the embedded store, and how a file begins with them."""

import multiprocessing
import shutil
import threading
import time
from pathlib import Path

import apsw
import pytest

from openrek.store.items import sqlite_opening
from openrek.store.items.port import Delete, Key, Put
from openrek.store.items.sqlite import SqliteItems
from openrek.store.items.sqlite_opening import (
    CHECKED_ITEMS,
    CHECKED_PAGES,
    DamagedDatabase,
    UnusableStore,
    checks_pages,
)
from tests.store.items.rows import A, B
from tests.store.items.sqlite_bytes import bodies, with_bit
from tests.store.synthetic import open_items


def test_a_new_file_checks_its_pages(items: SqliteItems, tmp_path: Path) -> None:
    for connection in (items._connection(), sqlite_opening.for_reading(tmp_path / "items.sqlite3")):
        assert connection.pragma("user_version") == CHECKED_PAGES
        assert checks_pages(connection)


def test_many_processes_that_make_a_file_at_once_all_check_its_pages(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        for attempt in range(6):
            at_s = time.time() + 0.1
            assert pool.starmap(_made_at, [(tmp_path / str(attempt), at_s)] * 4, chunksize=1) == [CHECKED_PAGES] * 4


def _made_at(folder: Path, at_s: float) -> int:
    time.sleep(max(0.0, at_s - time.time()))
    items = open_items(folder)
    for number in range(20):
        items.transact([Put(Key("p", f"{number}"), {"n": number})])
    connection = items._connection()
    version: int = connection.pragma("user_version") if checks_pages(connection) else 0
    items.close()
    return version


def test_a_vacuum_keeps_the_checksums(items: SqliteItems, tmp_path: Path) -> None:
    items.transact([Put(Key("p", str(n)), {"b": bytes(5000)}) for n in range(50)])
    items.transact([Delete(Key("p", str(n))) for n in range(40)])
    assert items.vacuum()

    items.close()
    again = SqliteItems(tmp_path / "items.sqlite3", read_only=True)
    assert checks_pages(again._connection())
    assert again.faults() == []
    assert len(again.query("p").rows) == 10
    again.close()


def test_a_vacuum_gives_an_old_file_checksums_on_its_pages(old: Path) -> None:
    items = open_items(old)
    before = {key: items.get(key) for key in bodies(items)}

    assert items.vacuum()

    assert items._connection().pragma("user_version") == CHECKED_PAGES
    assert checks_pages(items._connection())
    assert {key: items.get(key) for key in bodies(items)} == before
    items.transact([Put(A, {"n": 1})])
    items.close()
    path = old / "items.sqlite3"
    assert sorted(each.name for each in old.iterdir()) == ["items.sqlite3"]
    again = SqliteItems(path, read_only=True)
    assert again.faults() == []
    again.close()
    content = path.read_bytes()
    path.write_bytes(with_bit(content, 8 * 4096 * 3 + 77))
    again = SqliteItems(path, read_only=True)
    assert again.faults()[0] == "a page's checksum is wrong: page 4"
    again.close()


@pytest.mark.parametrize("where", ["thread", "process"])
def test_a_vacuum_leaves_the_pages_as_they_are_while_others_have_an_old_file_open(old: Path, where: str) -> None:
    """They would go on writing pages without checksums."""
    items = open_items(old)
    if where == "thread":
        stop, open_there = threading.Event(), threading.Event()

        def read() -> None:
            items.get(A)
            open_there.set()
            stop.wait(30)

        other = threading.Thread(target=read)
        other.start()
        assert open_there.wait(10)
    else:
        second = open_items(old)

    assert items.vacuum()

    assert items._connection().pragma("user_version") == CHECKED_ITEMS
    if where == "thread":
        stop.set()
        other.join()
    else:
        second.transact([Put(A, {"n": 1})])
        second.close()
    assert items.vacuum()
    items.transact([Put(B, {"n": 1})])
    assert items.faults() == []
    items.close()


def test_a_rewrite_that_was_killed_before_its_format_was_told(old: Path) -> None:
    open_items(old).close()
    assert sqlite_opening.rewrite_with_checksums(old / "items.sqlite3")

    items = open_items(old)

    assert items._connection().pragma("user_version") == CHECKED_PAGES
    items.close()


def test_a_rewrite_that_was_interrupted(old: Path) -> None:
    """SQLite's journal brings back what was; nothing that only reads may do that."""
    open_items(old).close()
    connection = apsw.Connection(str(old / "items.sqlite3"))
    connection.pragma("journal_mode", "delete")
    connection.pragma("cache_size", 3)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE items SET body = zeroblob(length(body))")
    crashed = old / "crashed"
    crashed.mkdir()
    for name in ("items.sqlite3", "items.sqlite3-journal"):
        shutil.copy(old / name, crashed)
    connection.execute("ROLLBACK")
    connection.close()

    with pytest.raises(UnusableStore, match="`openrek purge` finishes it"):
        SqliteItems(crashed / "items.sqlite3", read_only=True)
    items = open_items(crashed)

    assert items.faults() == []
    assert len(bodies(items)) > 50
    assert all(items.get(key) for key in bodies(items))
    items.close()


def test_a_header_that_denies_the_checksums_is_damage(items: SqliteItems, tmp_path: Path) -> None:
    items.transact([Put(A, {"n": 1})])
    items.close()
    path = tmp_path / "items.sqlite3"
    content = bytearray(path.read_bytes())
    content[20] = 0
    path.write_bytes(content)

    for read_only in (False, True):
        with pytest.raises(DamagedDatabase):
            SqliteItems(path, read_only=read_only)


def test_an_apsw_without_the_checksums_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_opening, "VFS", "none such")
    monkeypatch.setattr(sqlite_opening, "EXTENSION", "none_such")

    with pytest.raises(UnusableStore, match="lacks SQLite's checksums"):
        open_items(tmp_path)
