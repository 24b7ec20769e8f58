"""SqliteItems opened: by many at once, after a fork, of a strange file, and who may look into it."""

import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from openrek.store.items.port import Put
from openrek.store.items.sqlite import SqliteItems
from openrek.store.items.sqlite_opening import CHECKED_PAGES, UnusableStore
from tests.store.items.rows import A, B
from tests.store.synthetic import open_items
from tests.store.workers import count_up_from_main


def test_many_processes_open_a_new_file_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(4) as pool:
        for attempt in range(8):
            at = time.time() + 0.1
            assert pool.starmap(_open_at, [(tmp_path / str(attempt), at)] * 4, chunksize=1) == [True] * 4


def _open_at(folder: Path, at: float) -> bool:
    time.sleep(max(0.0, at - time.time()))
    opened = open_items(folder)
    opened.close()
    return True


def test_a_forked_child_is_refused_at_once(tmp_path: Path) -> None:
    """Forked while threads of the parent commit, so that locks of theirs are held for ever in the child."""
    items = open_items(tmp_path)
    items.transact([Put(A, {"n": 0}), Put(B, {"n": 0})])
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            count_up_from_main(items, B, 1)

    def refused() -> None:
        for use in (lambda: items.get(A), lambda: items.transact([Put(A, {})]), lambda: open_items(tmp_path)):
            with pytest.raises(UnusableStore, match="before a fork"):
                use()

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(10):
            assert _ends_well(_fork(refused))
    finally:
        stop.set()
        for writer in writers:
            writer.join()

    found = items.get(A)
    assert found is not None
    assert found.attributes == {"n": 0}
    items.close()


def _fork(work: Callable[[], object]) -> int:
    import warnings

    with warnings.catch_warnings():  # Python 3.12 warns of what this test is about
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return child


def _ends_well(child: int) -> bool:
    for _ in range(2000):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status == 0
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    items = open_items(tmp_path)
    items._connection().pragma("user_version", CHECKED_PAGES + 1)
    items.close()

    for read_only in (False, True):
        with pytest.raises(UnusableStore, match=r"newer openrek \(format 5\)"):
            SqliteItems(tmp_path / "items.sqlite3", read_only=read_only)


def test_what_cannot_be_opened_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "items.sqlite3").write_bytes(b"not a database at all" * 100)

    with pytest.raises(UnusableStore, match="cannot be opened"):
        SqliteItems(tmp_path / "file" / "items.sqlite3")
    with pytest.raises(UnusableStore, match="cannot be opened"):
        open_items(tmp_path)


def test_only_the_owner_may_look(tmp_path: Path) -> None:
    """Into new files and, from their next start, into those of before."""
    items = open_items(tmp_path)
    items.transact([Put(A, {})])
    assert modes(tmp_path) == {0o600}
    for path in tmp_path.iterdir():
        path.chmod(0o644)

    again = open_items(tmp_path)

    assert modes(tmp_path) == {0o600}
    again.close()
    items.close()


def modes(folder: Path) -> set[int]:
    files = list(folder.iterdir())
    assert len(files) == 3
    return {stat.S_IMODE(path.stat().st_mode) for path in files}


def test_opening_a_file_twice_keeps_its_locks(tmp_path: Path) -> None:
    """A descriptor of ours that is closed would drop those of SQLite: POSIX says so."""
    first = open_items(tmp_path)
    first.transact([Put(A, {})])
    second = open_items(tmp_path)

    take = f"import fcntl; f = open({str(tmp_path / 'items.sqlite3')!r}, 'r+b'); fcntl.lockf(f, 6, 510, 0x40000002)"
    other = subprocess.run([sys.executable, "-c", take], stderr=subprocess.PIPE, text=True, check=False)

    assert "BlockingIOError" in other.stderr, "the bytes that SQLite locks while it has a file open"
    first.close()
    second.close()


def test_a_second_process_opens_while_another_writes(tmp_path: Path) -> None:
    first = open_items(tmp_path)
    writer = apsw.Connection(str(tmp_path / "items.sqlite3"))
    writer.execute("BEGIN IMMEDIATE")

    second = open_items(tmp_path)

    assert second.get(A) is None
    writer.execute("ROLLBACK")
    writer.close()
    first.close()
    second.close()
