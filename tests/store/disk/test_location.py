"""The embedded store on a disk that fills up, and in a folder that goes away: what is not kept is not acknowledged."""

import resource
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from openrek.domain.errors import Refusal, StoreUnavailable
from openrek.store.blobs.folder import ASIDE, FolderBlobs
from openrek.store.disk.location import FULL, LOST, DataLocation
from openrek.store.disk.throttled_log import AGAIN_AFTER_S
from openrek.store.items.port import Delete, Key, OutcomeUnknown, Put, Write
from openrek.store.items.retries import Sent, send
from openrek.store.items.sqlite import SqliteItems
from openrek.store.log.commits import in_pieces
from tests.store.synthetic import open_items
from tests.support.clocks import FakeClock

BODY = {"b": b"x" * 100_000}


def in_a_new_thread(call: Callable[[], object]) -> BaseException | None:
    """What it raises; a thread has a connection of its own."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except StoreUnavailable as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return raised[0] if raised else None


@contextmanager
def no_file_beyond(size_bytes: int) -> Iterator[None]:
    """No file that this process writes can grow beyond this, as if the disk were full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def remove(folder: Path) -> None:
    shutil.rmtree(folder)


def replace_by_another(folder: Path) -> None:
    folder.rename(folder.with_name("before"))
    open_items(folder).close()
    FolderBlobs(folder / "blobs").put("other", b"other's")


@pytest.mark.parametrize("take_away", [remove, replace_by_another])
def test_a_folder_that_is_gone_is_noticed_by_the_next_write(
    tmp_path: Path, take_away: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "data"
    items, blobs = open_items(folder), FolderBlobs(folder / "blobs")
    items.transact([Put(Key("p", "before"), {})])

    take_away(folder)

    writes: list[Callable[[], object]] = [
        lambda: items.transact([Put(Key("p", "after"), {})]),
        lambda: items.transact([Delete(Key("p", "before"))]),
        items.require_writable,
        lambda: blobs.put("mine", b""),
        lambda: blobs.delete("other"),
        blobs.require_writable,
    ]
    for write in writes:
        with pytest.raises(StoreUnavailable) as refusal:
            write()
        assert refusal.value.reason == LOST
        assert isinstance(in_a_new_thread(write), StoreUnavailable)
    assert isinstance(in_a_new_thread(lambda: items.get(Key("p", "before"))), StoreUnavailable)
    assert items.get(Key("p", "after")) is None
    assert caplog.messages == [f"{folder / 'items.sqlite3'}: {LOST}", f"{folder / 'blobs'}: {LOST}"]
    if take_away is remove:
        assert not folder.exists()
    else:
        assert list(FolderBlobs(folder / "blobs").names()) == ["other"]
        assert open_items(folder).get(Key("p", "before")) is None
    items.close()


def test_a_folder_that_was_put_back_is_written_again(tmp_path: Path) -> None:
    folder, away = tmp_path / "data", tmp_path / "away"
    items, blobs = open_items(folder), FolderBlobs(folder / "blobs")
    folder.rename(away)
    with pytest.raises(StoreUnavailable):
        items.transact([Put(Key("p", "s"), {})])

    away.rename(folder)

    items.transact([Put(Key("p", "s"), {})])
    blobs.put("blob", b"")
    assert in_a_new_thread(lambda: items.get(Key("p", "s"))) is None
    items.close()


def sqlite_is_full(connection: apsw.Connection) -> Iterator[None]:
    """SQLite's own limit gives the error that a full disk gives."""
    before = connection.pragma("max_page_count")
    connection.pragma("max_page_count", connection.pragma("page_count"))
    yield
    connection.pragma("max_page_count", before)


@pytest.fixture
def connections() -> Iterator[list[apsw.Connection]]:
    """Those that are opened from here on."""
    opened: list[apsw.Connection] = []
    apsw.connection_hooks.append(opened.append)
    yield opened
    apsw.connection_hooks.remove(opened.append)


@pytest.mark.parametrize("how", ["SQLite says so", "no file may grow"])
def test_a_full_disk_is_told_and_writes_nothing(
    tmp_path: Path, how: str, connections: list[apsw.Connection], caplog: pytest.LogCaptureFixture
) -> None:
    items = open_items(tmp_path)
    items.transact([Put(Key("p", "before"), BODY)])
    largest_bytes = max(file.stat().st_size for file in tmp_path.iterdir())
    full = contextmanager(sqlite_is_full)(connections[0]) if how == "SQLite says so" else no_file_beyond(largest_bytes)

    with full:
        for _ in range(3):
            with pytest.raises(StoreUnavailable) as refusal:
                items.transact([Put(Key("p", "a"), {}), Put(Key("p", "b"), BODY)])
            assert refusal.value.reason == FULL
        if how == "no file may grow":
            with pytest.raises(StoreUnavailable):
                items.require_writable()
        assert [row.key.sort for row in items.query("p").rows] == ["before"]
    assert caplog.messages == [f"{tmp_path / 'items.sqlite3'}: {FULL}"]

    items.require_writable()
    items.transact([Put(Key("p", "a"), {}), Put(Key("p", "b"), BODY)])
    assert [row.key.sort for row in items.query("p").rows] == ["a", "b", "before"]
    assert items.faults() == []
    items.close()


def test_all_whose_commit_was_shared_are_told(tmp_path: Path) -> None:
    items = open_items(tmp_path)
    items.transact([Put(Key("p", "before"), BODY)])
    with no_file_beyond(max(file.stat().st_size for file in tmp_path.iterdir())), ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(items.transact, [Put(Key("p", "a"), BODY)]) for _ in range(40)]
    raised = [each.exception() for each in asked]
    assert [error.reason for error in raised if isinstance(error, StoreUnavailable)] == [FULL] * 40
    assert len(set(map(id, raised))) == 40
    items.close()


def test_what_found_room_in_the_log_is_written_even_if_the_file_cannot_grow(tmp_path: Path) -> None:
    """The log is folded into the file now and then, right after a commit: when that fails, nothing is lost."""
    items = open_items(tmp_path)
    sorts = [f"{number:04}" for number in range(400)]
    for sort in sorts[:130]:
        items.transact([Put(Key("p", sort), BODY)])
    written = sorts[:130]
    with no_file_beyond((tmp_path / "items.sqlite3").stat().st_size):
        for sort in sorts[130:]:
            try:
                items.transact([Put(Key("p", sort), BODY)])
            except StoreUnavailable:
                break
            written.append(sort)
    assert 130 + 50 < len(written) < 400  # more than until the log was to be folded
    items.transact([Put(Key("p", "9999"), {})])
    pages = [items.query("p", limit=5)]
    while pages[-1].more:
        pages.append(items.query("p", after=pages[-1].rows[-1].key.sort, limit=5))
    assert [row.key.sort for page in pages for row in page.rows] == [*written, "9999"]
    items.close()


def test_blobs_on_a_full_disk(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    blobs = FolderBlobs(tmp_path)
    with no_file_beyond(1000):
        for call in (lambda: blobs.put("a/large", bytes(5000)), blobs.require_writable):
            with pytest.raises(StoreUnavailable) as refusal:
                call()
            assert refusal.value.reason == FULL
    assert list((tmp_path / ASIDE).iterdir()) == []
    assert list(blobs.names()) == []
    assert caplog.messages == [f"{tmp_path}: {FULL}"]

    blobs.require_writable()
    blobs.put("a/large", bytes(5000))


def test_the_log_tells_it_once_a_minute(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock(passed_s=5.0)
    location = DataLocation(tmp_path, clock=clock)
    for later_s in (0.0, AGAIN_AFTER_S - 1, AGAIN_AFTER_S, AGAIN_AFTER_S + 1):
        clock.passed_s = 5.0 + later_s
        clock.at_s -= 3600.0  # set back: it counts no time of day
        location.report_full()
    assert len(caplog.messages) == 2


class Failing(SqliteItems):
    """Raises these, one at each transaction."""

    failures: list[Exception]

    def transact(self, operations: list[Write], *, token: str | None = None) -> None:
        raise self.failures.pop(0)


def test_an_earlier_attempt_that_may_be_written_stays_in_doubt(tmp_path: Path) -> None:
    items = Failing(tmp_path / "items.sqlite3")
    items.failures = [OutcomeUnknown(), StoreUnavailable(reason=FULL), StoreUnavailable(reason=FULL)]
    assert send(items, [], clock=FakeClock()) is Sent.UNKNOWN
    with pytest.raises(StoreUnavailable):
        send(items, [], clock=FakeClock())
    items.close()


def test_a_call_of_several_commits_says_that_a_part_may_be_done() -> None:
    with pytest.raises(Refusal) as refusal, in_pieces():
        raise StoreUnavailable(reason=FULL)
    assert refusal.value.reason == f"{FULL} A part may be done and stays so; repeat the call to finish it."
