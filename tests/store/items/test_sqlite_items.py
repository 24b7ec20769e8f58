"""What SQLite must do besides what every adapter does: commits that are shared, contended or interrupted."""

import multiprocessing
import os
import resource
import sys
import threading
import time
from pathlib import Path

import apsw
import pytest

from openrek.store.items.port import ABSENT, Check, Contended, Key, OutcomeUnknown, Put
from openrek.store.items.sqlite import SqliteItems
from tests.store.items.rows import A, B, fill
from tests.store.synthetic import open_items
from tests.store.workers import count_up


def test_processes_share_one_file(tmp_path: Path) -> None:
    items = open_items(tmp_path)
    items.transact([Put(A, {"n": 0})])

    context = multiprocessing.get_context("spawn")
    others = [context.Process(target=count_up, args=(tmp_path, 100)) for _ in range(3)]
    for other in others:
        other.start()
    count_up(tmp_path, 100)
    for other in others:
        other.join(60)

    found = items.get(A)
    assert found is not None
    assert found.attributes["n"] == 400
    items.close()


def test_a_held_write_lock_is_contention_and_not_a_hang(tmp_path: Path) -> None:
    items = SqliteItems(tmp_path / "items.sqlite3", busy_timeout_ms=50)
    writer = apsw.Connection(str(tmp_path / "items.sqlite3"))
    writer.execute("BEGIN IMMEDIATE")

    with pytest.raises(Contended):
        items.transact([Put(A, {})])
    writer.execute("ROLLBACK")
    items.transact([Put(A, {}, expect=ABSENT)])

    writer.close()
    items.close()


def test_threads_that_ended_leave_no_connections(tmp_path: Path) -> None:
    items = open_items(tmp_path)

    def open_files() -> int:
        return len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0

    before = open_files()
    for _ in range(50):
        thread = threading.Thread(target=items.get, args=(A,))
        thread.start()
        thread.join()

    assert open_files() - before < 20
    items.close()


def test_readers_that_never_pause_do_not_let_the_log_grow(tmp_path: Path) -> None:
    items = open_items(tmp_path)
    fill(items, "p", [f"{n:03}" for n in range(100)], b=bytes(2_000))
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            items.query("p")

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    try:
        largest = 0
        for n in range(32):
            items.transact([Put(Key("q", f"{n}-{m}"), {"b": os.urandom(200_000)}) for m in range(10)])
            largest = max(largest, (tmp_path / "items.sqlite3-wal").stat().st_size)
    finally:
        stop.set()
        for reader in readers:
            reader.join()

    assert largest < 45_000_000  # of 64 MB written
    items.close()


class Interrupted(BaseException):
    pass


class Interrupting(dict[str, object]):
    """Attributes whose comparison is interrupted, as Ctrl-C would, in the middle of the shared commit."""

    def __init__(self, reached: threading.Event, go_on: threading.Event) -> None:
        super().__init__(n=1)
        self._reached = reached
        self._go_on = go_on

    def items(self) -> object:  # type: ignore[override]
        self._reached.set()
        self._go_on.wait(10)
        raise Interrupted


def test_an_interrupted_commit_hangs_nobody_and_writes_nothing_half(tmp_path: Path) -> None:
    items = open_items(tmp_path)
    items.transact([Put(A, {"n": 1})])
    reached, go_on = threading.Event(), threading.Event()
    outcomes: dict[str, object] = {}

    def send(name: str, *operations: Put | Check) -> None:
        try:
            items.transact(operations)
            outcomes[name] = "written"
        except (Interrupted, OutcomeUnknown) as error:
            outcomes[name] = type(error)

    interrupted = threading.Thread(
        target=send, args=("interrupted", Check(A, Interrupting(reached, go_on)), Put(B, {"n": 1}))
    )
    interrupted.start()
    assert reached.wait(10)
    others = [threading.Thread(target=send, args=(str(n), Put(Key("q", str(n)), {}))) for n in range(5)]
    for other in others:
        other.start()
    go_on.set()
    for thread in (interrupted, *others):
        thread.join(20)
        assert not thread.is_alive()

    assert outcomes.pop("interrupted") is Interrupted
    assert items.get(B) is None
    written = {row.key.sort for row in items.query("q").rows}
    assert {name for name, outcome in outcomes.items() if outcome == "written"} == written
    items.transact([Put(B, {"n": 2})])
    items.close()


def test_whoever_waited_on_an_interrupted_commit_is_told_that_nobody_knows(tmp_path: Path) -> None:
    """Both are in one batch: the lock is held until both are queued."""
    items = open_items(tmp_path)
    items.transact([Put(A, {"n": 1})])
    go_on = threading.Event()
    go_on.set()
    outcomes: list[type[BaseException] | None] = []

    def send(*operations: Put | Check) -> None:
        try:
            items.transact(operations)
            outcomes.append(None)
        except (Interrupted, OutcomeUnknown) as error:
            outcomes.append(type(error))

    with items._committing:
        threads = [
            threading.Thread(target=send, args=(Check(A, Interrupting(threading.Event(), go_on)),)),
            *(threading.Thread(target=send, args=(Put(Key("q", str(n)), {}),)) for n in range(3)),
        ]
        for thread in threads:
            thread.start()
        while len(items._queue) < 4:
            time.sleep(0.001)
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()

    assert sorted(map(str, outcomes)) == sorted(map(str, [Interrupted, *[OutcomeUnknown] * 3]))
    assert items.query("q").rows == ()
    items.close()


def test_a_connection_that_cannot_be_opened_hangs_nobody(tmp_path: Path) -> None:
    items = open_items(tmp_path)
    outcomes: list[type[BaseException]] = []

    def send(n: int) -> None:
        try:
            items.transact([Put(Key("p", str(n)), {})])
        except OutcomeUnknown as error:
            outcomes.append(type(error))

    threads = [threading.Thread(target=send, args=(n,)) for n in range(4)]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))  # no further file can be opened
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
            assert not thread.is_alive()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert outcomes == [OutcomeUnknown] * 4
    items.close()
