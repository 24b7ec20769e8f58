"""What every adapter of the Items port does, and what only SQLite must do besides.

A further adapter is one more row of ADAPTERS.
"""

import multiprocessing
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from openrek.store.items.port import (
    ABSENT,
    MAX_ITEM_BYTES,
    Check,
    ConditionFailed,
    Contended,
    Delete,
    Items,
    Key,
    LimitExceeded,
    OutcomeUnknown,
    Put,
)
from openrek.store.items.sqlite import SqliteItems
from openrek.store.items.sqlite_opening import CHECKED_PAGES, UnusableStore
from tests.store.synthetic import open_items
from tests.store.workers import count_up, count_up_from_main

ADAPTERS: dict[str, Callable[[pytest.FixtureRequest], Items]] = {
    "sqlite": lambda request: open_items(request.getfixturevalue("tmp_path")),
    "dynamo": lambda request: request.getfixturevalue("aws").items(),
}
A, B, C = Key("p", "a"), Key("p", "b"), Key("p", "c")


@pytest.fixture(params=sorted(ADAPTERS))
def items(request: pytest.FixtureRequest) -> Iterator[Items]:
    opened = ADAPTERS[request.param](request)
    yield opened
    opened.close()


def fill(items: Items, partition: str, sorts: list[str], **attributes: object) -> None:
    for start in range(0, len(sorts), 100):
        items.transact([Put(Key(partition, sort), attributes) for sort in sorts[start : start + 100]])


@pytest.mark.parametrize(
    "value",
    [
        "",
        "text",
        "日本 \U0001f642",
        0,
        -1,
        2**63 - 1,
        -(2**63),
        b"",
        b"\x00\xff",
        True,
        False,
        [],
        [1, "a", b"b", [True]],
        {},
        {"a": {"b": [b"c"]}},
    ],
)
def test_every_value_comes_back_with_its_type(items: Items, value: object) -> None:
    items.transact([Put(A, {"value": value})])

    found = items.get(A)

    assert found is not None
    assert found.key == A
    assert found.attributes == {"value": value}
    assert type(found.attributes["value"]) is type(value)


@pytest.mark.parametrize("value", [1.5, None, {1, 2}, object()])
def test_other_values_are_refused(items: Items, value: object) -> None:
    with pytest.raises(LimitExceeded):
        items.transact([Put(A, {"value": value})])
    assert items.get(A) is None


def test_nothing_is_where_nothing_was_put(items: Items) -> None:
    assert items.get(A) is None
    assert list(items.read([A, B])) == [None, None]
    assert items.query("p").rows == ()


def test_a_put_replaces_the_whole_item(items: Items) -> None:
    items.transact([Put(A, {"x": 1, "y": 2})])
    items.transact([Put(A, {"x": 3})])

    found = items.get(A)

    assert found is not None
    assert found.attributes == {"x": 3}


def test_read_answers_in_the_order_asked(items: Items) -> None:
    items.transact([Put(A, {"n": 1}), Put(C, {"n": 3})])

    found = items.read([C, B, A])

    assert [item and item.attributes["n"] for item in found] == [3, None, 1]


def test_read_is_one_snapshot(items: Items) -> None:
    keys = [Key("p", f"{n:02}") for n in range(20)]
    items.transact([Put(key, {"n": 0}) for key in keys])
    stop = threading.Event()

    def write() -> None:
        n = 0
        while not stop.is_set():
            n += 1
            items.transact([Put(key, {"n": n}) for key in keys])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(100):
            found = items.read(keys)
            assert len({item.attributes["n"] for item in found if item is not None}) == 1
    finally:
        stop.set()
        writer.join()


@pytest.mark.parametrize("keys", [[A, A], [Key("p", str(n)) for n in range(101)]], ids=["twice", "101 keys"])
def test_read_refuses_what_a_snapshot_cannot_hold(items: Items, keys: list[Key]) -> None:
    with pytest.raises(LimitExceeded):
        items.read(keys)


def test_a_snapshot_holds_four_megabytes(items: Items) -> None:
    keys = [Key("p", str(n)) for n in range(11)]
    for key in keys:
        items.transact([Put(key, {"text": "x" * 400_000})])

    assert len(items.read(keys[:10])) == 10
    with pytest.raises(LimitExceeded):
        items.read(keys)


def test_query_bounds_order_and_limit(items: Items) -> None:
    fill(items, "p", ["a", "b", "c", "d", "e"])
    fill(items, "q", ["c"])

    def sorts(**options: object) -> tuple[str, bool]:
        page = items.query("p", **options)  # type: ignore[arg-type]
        return "".join(row.key.sort for row in page.rows), page.more

    assert sorts() == ("abcde", False)
    assert sorts(after="b") == ("cde", False)
    assert sorts(after="bb") == ("cde", False)
    assert sorts(through="c") == ("abc", False)
    assert sorts(after="a", through="d") == ("bcd", False)
    assert sorts(after="d", through="b") == ("", False)
    assert sorts(limit=2) == ("ab", True)
    assert sorts(limit=5) == ("abcde", False)
    assert sorts(after="b", limit=2) == ("cd", True)
    assert sorts(through="b", limit=2) == ("ab", False)
    assert sorts(after="b", through="d", limit=9) == ("cd", False)


def test_rows_are_in_the_order_of_their_bytes(items: Items) -> None:
    sorts = ["", "A", "Z", "a", "~", "é", "日", "\U0001f642"][1:]
    fill(items, "p", list(reversed(sorts)))

    assert [row.key.sort for row in items.query("p").rows] == sorted(sorts, key=str.encode)


def test_a_page_holds_one_megabyte(items: Items) -> None:
    sorts = [f"{n:02}" for n in range(12)]
    for sort in sorts:
        items.transact([Put(Key("p", sort), {"b": bytes(300_000)})])

    seen: list[str] = []
    pages = 0
    while True:
        page = items.query("p", after=seen[-1] if seen else "")
        assert sum(len(row.attributes["b"]) for row in page.rows) <= 1024 * 1024
        seen += [row.key.sort for row in page.rows]
        pages += 1
        if not page.more:
            break

    assert seen == sorts
    assert pages == 4


def test_conditions(items: Items) -> None:
    def holds(expect: object) -> bool:
        try:
            items.transact([Check(A, expect)])  # type: ignore[arg-type]
        except ConditionFailed:
            return False
        return True

    assert holds(ABSENT)
    assert not holds({})
    assert not holds({"n": 1})
    items.transact([Put(A, {"n": 1, "list": [b"x"]})])
    assert not holds(ABSENT)
    assert holds({})
    assert holds({"n": 1})
    assert holds({"n": 1, "list": [b"x"]})
    assert not holds({"n": 2})
    assert not holds({"n": 1, "list": [b"y"]})
    assert not holds({"m": 1})


@pytest.mark.parametrize("operation", [Put(B, {"n": 9}, expect=ABSENT), Delete(B, expect={"n": 5}), Check(B, {"n": 5})])
def test_all_or_nothing(items: Items, operation: Put | Delete | Check) -> None:
    items.transact([Put(A, {"n": 1}), Put(B, {"n": 1})])

    with pytest.raises(ConditionFailed) as failure:
        items.transact([Put(A, {"n": 2}), operation, Put(C, {"n": 2}), Delete(Key("p", "d"), expect={"z": 1})])

    assert failure.value.positions == (1, 3)
    assert [item and item.attributes for item in items.read([A, B, C])] == [{"n": 1}, {"n": 1}, None]


def test_deletions(items: Items) -> None:
    items.transact([Put(A, {"n": 1}), Put(B, {"n": 1}), Put(C, {"n": 1})])

    items.transact([Delete(A), Delete(B, expect={"n": 1}), Delete(Key("p", "never was"))])

    assert [row.key for row in items.query("p").rows] == [C]


def test_conditions_look_at_what_was_before_the_transaction(items: Items) -> None:
    items.transact([Put(A, {"n": 1})])
    items.transact([Delete(A, expect={"n": 1}), Check(B, ABSENT), Put(C, {}, expect=ABSENT)])

    assert items.get(A) is None


def test_limits_of_a_transaction(items: Items) -> None:
    hundred = [Put(Key("p", f"{n:03}"), {"n": n}) for n in range(100)]
    items.transact(hundred)
    assert len(items.query("p").rows) == 100

    for refused in ([], [*hundred, Put(Key("q", "x"), {})], [Put(A, {}), Delete(A)], [Put(A, {}), Check(A, None)]):
        with pytest.raises(LimitExceeded):
            items.transact(refused)


def test_limits_of_bytes(items: Items) -> None:
    large = "x" * 400_000
    items.transact([Put(Key("p", str(n)), {"text": large}) for n in range(10)])
    with pytest.raises(LimitExceeded):
        items.transact([Put(A, {"text": "x" * MAX_ITEM_BYTES})])
    with pytest.raises(LimitExceeded):
        items.transact([Put(Key("p", str(n)), {"text": large}) for n in range(11)])


def test_threads_lose_no_update_and_no_failure_is_anothers(items: Items) -> None:
    """32 threads increment one counter by compare and swap; queued transactions share commits, never outcomes.

    Few on DynamoDB's stand-in, which copies its whole table for every write and has no conflicts to show.
    """
    crowd, wins_each = (32, 10) if isinstance(items, SqliteItems) else (4, 5)
    items.transact([Put(A, {"n": 0})])
    wins: list[int] = []

    def climb(me: int) -> None:
        done = 0
        while done < wins_each:
            found = items.get(A)
            assert found is not None
            n = found.attributes["n"]
            try:
                items.transact([Put(A, {"n": n + 1}, expect={"n": n}), Put(Key("won", f"{n:05}"), {"by": me}, ABSENT)])
            except ConditionFailed:
                continue
            except Contended:
                continue
            done += 1
            wins.append(n)
            items.transact([Put(Key("own", f"{me}-{done}"), {})])

    threads = [threading.Thread(target=climb, args=(me,)) for me in range(crowd)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    total = crowd * wins_each
    assert sorted(wins) == list(range(total))
    assert len(items.query("won").rows) == total
    assert len(items.query("own").rows) == total
    found = items.get(A)
    assert found is not None
    assert found.attributes["n"] == total


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
