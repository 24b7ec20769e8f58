"""A write-ahead log that lost its end is told from one that is whole, and from a change that was never finished."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from openrek.store.items import sqlite_wal
from openrek.store.items.port import Delete, Key, Put
from openrek.store.items.sqlite import SqliteItems
from openrek.store.items.sqlite_wal import log_of, read_log
from tests.store.synthetic import open_items
from tests.support.clocks import FakeClock

FRAME = 24 + 4096
LOST = "the write-ahead log lost its end, and with it changes that were acknowledged"
DOUBTFUL = "the write-ahead log lost its end, or its last change was never finished"
UNFINISHED = "the write-ahead log ends in a change that was never finished"


@pytest.fixture
def live(tmp_path: Path) -> Iterator[SqliteItems]:
    """Open, with 20 changes in its log."""
    items = open_items(tmp_path / "live")
    write(items, 20)
    yield items
    items.close()


def write(items: SqliteItems, count: int) -> None:
    for number in range(count):
        items.transact([Put(Key("p", f"{number:02}"), {"b": os.urandom(6000)})])


@pytest.fixture
def copied(live: SqliteItems, tmp_path: Path) -> Path:
    """What a machine that died now would find: the database in this folder."""
    shutil.copytree(tmp_path / "live", tmp_path / "copy")
    return tmp_path / "copy" / "items.sqlite3"


def log_path(database: Path) -> Path:
    return database.with_name("items.sqlite3-wal")


def found(database: Path) -> tuple[list[str], list[str]]:
    _, faults, notes = log_of(database, clock=FakeClock())
    return [fault.partition(":")[0] for fault in faults], notes


def test_a_whole_log(copied: Path) -> None:
    log = read_log(log_path(copied))

    assert log.committed == (log_path(copied).stat().st_size - 32) / FRAME > 20
    assert (log.trailing, log.lost) == (False, False)
    assert found(copied) == ([], [])
    copied.with_name("items.sqlite3-shm").unlink()
    assert found(copied) == ([], [])


def test_no_log_at_all(tmp_path: Path) -> None:
    open_items(tmp_path).close()

    assert sorted(path.name for path in tmp_path.iterdir()) == ["items.sqlite3"]
    assert found(tmp_path / "items.sqlite3") == ([], [])


def test_the_pages_of_the_log_are_those_that_sqlite_would_read(copied: Path) -> None:
    log = read_log(log_path(copied))
    content = log_path(copied).read_bytes()
    numbers = {int.from_bytes(content[at : at + 4], "big") for at in range(32, len(content), FRAME)}

    assert log.pages == numbers


DAMAGE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "half a frame is gone": (lambda log: log[: -FRAME // 2], DOUBTFUL),
    "a header of a frame is left": (lambda log: log[: -FRAME + 24], DOUBTFUL),
    "most is gone": (lambda log: log[: 32 + 7 * FRAME + 100], DOUBTFUL),
    "all is gone": (lambda log: log[:0], ""),
    "only half a header is left": (lambda log: log[:20], DOUBTFUL),
    "the header is damaged": (lambda log: log[:5] + b"x" + log[6:], LOST),
    "a page is damaged": (lambda log: log[: 32 + 2 * FRAME + 50] + b"x" + log[32 + 2 * FRAME + 51 :], LOST),
    "salts are damaged": (lambda log: log[: 32 + 2 * FRAME + 9] + b"x" + log[32 + 2 * FRAME + 10 :], LOST),
    "the last page is damaged": (lambda log: log[:-1] + bytes([log[-1] ^ 1]), DOUBTFUL),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_without_the_index(copied: Path, name: str) -> None:
    damage, told = DAMAGE[name]
    copied.with_name("items.sqlite3-shm").unlink()
    log_path(copied).write_bytes(damage(log_path(copied).read_bytes()))

    assert found(copied) == ([told] if told else [], [])


@pytest.mark.parametrize("name", DAMAGE)
def test_the_index_knows_how_long_the_log_was(copied: Path, name: str) -> None:
    log_path(copied).write_bytes(DAMAGE[name][0](log_path(copied).read_bytes()))

    assert found(copied) == ([LOST], [])


def test_the_index_knows_of_a_log_that_was_taken_away(copied: Path) -> None:
    log_path(copied).unlink()

    assert found(copied) == ([LOST], [])


def test_every_end_at_which_a_log_can_be_cut(copied: Path) -> None:
    """Only a cut right behind a whole change leaves nothing to tell by."""
    content = log_path(copied).read_bytes()
    copied.with_name("items.sqlite3-shm").unlink()
    whole = {32 + read_log(log_path(copied)).committed * FRAME}
    for size in range(len(content) - 1, 32, -1019):
        log_path(copied).write_bytes(content[:size])
        if (size - 32) % FRAME == 0 and read_log(log_path(copied)).committed == (size - 32) // FRAME:
            whole.add(size)
            continue
        assert found(copied) == ([DOUBTFUL], []), size


def test_a_change_that_was_never_finished(copied: Path) -> None:
    """As a process leaves it that is killed while it writes: the index was not told yet."""
    content = log_path(copied).read_bytes()
    for more in (content[32 : 32 + FRAME // 2], content[32 : 32 + FRAME]):
        log_path(copied).write_bytes(content + more)
        assert found(copied) == ([], [UNFINISHED])


def test_what_a_rollback_leaves_is_not_lost(live: SqliteItems, tmp_path: Path) -> None:
    """A transaction too large for the cache goes to the log before it is rolled back."""
    connection = live._connection()
    connection.pragma("cache_size", 10)
    before = log_path(tmp_path / "live" / "items.sqlite3").stat().st_size
    connection.execute("BEGIN IMMEDIATE")
    for number in range(50):
        connection.execute("INSERT INTO items VALUES ('q', ?, ?)", (str(number), os.urandom(5000)))
    connection.execute("ROLLBACK")
    assert log_path(tmp_path / "live" / "items.sqlite3").stat().st_size > before

    assert found(tmp_path / "live" / "items.sqlite3") == ([], [UNFINISHED])
    write(live, 1)
    assert found(tmp_path / "live" / "items.sqlite3")[0] == []


def test_frames_of_an_older_generation_mean_nothing(live: SqliteItems, tmp_path: Path) -> None:
    """After a checkpoint the log is written from its start again."""
    live._connection().wal_checkpoint()
    write(live, 2)
    database = tmp_path / "live" / "items.sqlite3"
    log = read_log(log_path(database))
    assert 0 < log.committed < (log_path(database).stat().st_size - 32) // FRAME

    assert found(database) == ([], [])
    shutil.copytree(database.parent, tmp_path / "copy")
    copy = tmp_path / "copy" / "items.sqlite3"
    content = log_path(copy).read_bytes()
    copy.with_name("items.sqlite3-shm").unlink()
    for size in (len(content) - 100, 32 + (log.committed + 1) * FRAME + 30):
        log_path(copy).write_bytes(content[:size])
        assert found(copy) == ([], [])


class WhileOthersWork(FakeClock):
    """Others do something whenever somebody sleeps."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__()
        self._work = work

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self._work()


def test_a_log_that_is_being_written(live: SqliteItems, tmp_path: Path) -> None:
    """Nothing is said of a log that grows, is copied and is emptied all the while."""
    database = tmp_path / "live" / "items.sqlite3"
    told: list[str] = []
    steps = iter(range(10**6))

    def others() -> None:
        number = next(steps)
        live.transact([Put(Key("q", str(number % 50)), {"b": os.urandom(5000)})])
        if number % 3 == 0:
            live.transact([Delete(Key("q", str((number + 1) % 50)))])
        if number % 7 == 0:
            live.vacuum()

    for _ in range(60):
        others()
        told += log_of(database, clock=WhileOthersWork(others))[1]

    assert told == []


def test_the_checksum_is_sqlites() -> None:
    """Computed one number after the other, as sqlite.org/fileformat2.html has it."""
    content = os.urandom(4096)
    for magic, order in ((sqlite_wal.MAGIC, "little"), (sqlite_wal.MAGIC | 1, "big")):
        first, second = 7, 2**32 - 9
        for at in range(0, len(content), 8):
            x, y = (int.from_bytes(content[place : place + 4], order) for place in (at, at + 4))  # type: ignore[arg-type]
            first = (first + x + second) % 2**32
            second = (second + y + first) % 2**32
        assert sqlite_wal._checksum(content, magic, (7, 2**32 - 9)) == (first, second)
