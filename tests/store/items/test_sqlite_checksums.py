"""The checksums of the embedded store: of rows, old ones and new, and of the pages of a file that began with them."""

import multiprocessing
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import msgpack
import pytest

from openrek.domain.errors import InternalServerError
from openrek.store.items import sqlite_opening, sqlite_rows
from openrek.store.items.port import ABSENT, ConditionFailed, DamagedItem, Delete, Key, Put, Write
from openrek.store.items.sqlite import SqliteItems
from openrek.store.items.sqlite_opening import (
    CHECKED_ITEMS,
    CHECKED_PAGES,
    DamagedDatabase,
    UnusableStore,
    checks_pages,
)
from openrek.wire.reply import refuse
from tests.store.synthetic import open_items

EARLIER = Path(__file__).parents[1] / "earlier" / "format-2" / "data" / "items.sqlite3"
KEY = Key("0" * 32 + "/face", "6056d9ba-d34e-48ff-9699-0d9a191ce333")
A, B, C = Key("p", "a"), Key("p", "b"), Key("p", "c")


@pytest.fixture
def items(tmp_path: Path) -> Iterator[SqliteItems]:
    opened = open_items(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The folder of a database that an earlier openrek wrote."""
    shutil.copy(EARLIER, tmp_path / "items.sqlite3")
    return tmp_path


def with_bit(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def bodies(items: SqliteItems) -> dict[Key, bytes]:
    rows = items._connection().execute("SELECT partition, sort, body FROM items")
    return {Key(partition, sort): body for partition, sort, body in rows}


def spoil(items: SqliteItems, key: Key) -> None:
    body = bodies(items)[key]
    sql = "UPDATE items SET body = ? WHERE partition = ? AND sort = ?"
    items._connection().execute(sql, (with_bit(body, 8 * len(body) - 1), key.partition, key.sort))


def test_every_bit_of_a_row_counts() -> None:
    body = sqlite_rows.encode(KEY, {"vector": bytes(128), "seq": 7})

    assert sqlite_rows.decode(KEY, body) == {"vector": bytes(128), "seq": 7}
    for bit in range(8 * len(body)):
        with pytest.raises(DamagedItem, match="Internal server error") as damaged:
            sqlite_rows.decode(KEY, with_bit(body, bit))
        assert damaged.value.key == KEY
    for length in range(len(body)):
        with pytest.raises(DamagedItem):
            sqlite_rows.decode(KEY, body[:length])


def test_every_bit_of_a_key_counts() -> None:
    body = sqlite_rows.encode(KEY, {"seq": 7})
    for name in ("partition", "sort"):
        text = getattr(KEY, name).encode()
        for bit in range(8 * len(text)):
            other = {"partition": KEY.partition, "sort": KEY.sort, name: with_bit(text, bit).decode("latin-1")}
            with pytest.raises(DamagedItem):
                sqlite_rows.decode(Key(**other), body)
    with pytest.raises(DamagedItem):
        sqlite_rows.decode(Key(KEY.partition + KEY.sort[0], KEY.sort[1:]), body)


def test_a_row_with_a_checksum_never_looks_like_one_without() -> None:
    starts = {msgpack.packb({str(n): n for n in range(count)})[0] for count in (0, 1, 15, 16, 70_000)}
    assert starts < sqlite_rows.MAP_STARTS

    assert not {sqlite_rows.CHECKED ^ 1 << bit for bit in range(8)} & sqlite_rows.MAP_STARTS
    assert sqlite_rows.CHECKED not in sqlite_rows.MAP_STARTS


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\x80\x01", b"\x81", b"\x81\xa1\xff\x01", b"\x81\x01\x02", b"\x81\x90\x01", b"\xc1", b"\x93\x01\x02\x03",
        b"\xde\xff\xff", "text", None, 7,
    ],
)  # fmt: skip
def test_what_is_no_row_at_all(body: object) -> None:
    with pytest.raises(DamagedItem):
        sqlite_rows.decode(KEY, body)


def test_an_old_file_is_read_and_its_rows_stay_as_they_are(old: Path) -> None:
    before = {path.name: path.read_bytes() for path in old.iterdir()}
    readable = SqliteItems(old / "items.sqlite3", read_only=True)
    rows = bodies(readable)
    assert not any(body.startswith(b"\x63") for body in rows.values())
    found = {key: readable.get(key) for key in rows}
    readable.close()
    assert {path.name: path.read_bytes() for path in old.iterdir()} == before

    items = open_items(old)

    assert bodies(items) == rows
    assert {key: items.get(key) for key in rows} == found
    assert items._connection().pragma("user_version") == CHECKED_ITEMS
    items.close()


def test_an_old_row_gets_its_checksum_when_it_is_written(old: Path) -> None:
    items = open_items(old)
    rows = bodies(items)
    key = next(iter(rows))
    item = items.get(key)
    assert item is not None

    items.transact([Put(key, item.attributes, expect=item.attributes)])

    assert bodies(items)[key][:1] == b"\x63"
    assert bodies(items)[key][sqlite_rows.MAP_AT :] == rows[key]
    assert {each: body for each, body in bodies(items).items() if each != key} == {
        each: body for each, body in rows.items() if each != key
    }
    spoil(items, key)
    with pytest.raises(DamagedItem):
        items.get(key)
    items.close()


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


def test_a_wipe_keeps_the_checksums(items: SqliteItems, tmp_path: Path) -> None:
    items.transact([Put(Key("p", str(n)), {"b": bytes(5000)}) for n in range(50)])
    items.transact([Delete(Key("p", str(n))) for n in range(40)])
    assert items.vacuum()

    items.close()
    again = SqliteItems(tmp_path / "items.sqlite3", read_only=True)
    assert checks_pages(again._connection())
    assert again.faults() == []
    assert len(again.query("p").rows) == 10
    again.close()


def test_a_wipe_gives_an_old_file_checksums_on_its_pages(old: Path) -> None:
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
def test_a_wipe_leaves_the_pages_as_they_are_while_others_have_an_old_file_open(old: Path, where: str) -> None:
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

    with pytest.raises(UnusableStore, match="`openrek purge` ends it"):
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


@pytest.mark.parametrize(
    "use",
    [
        lambda items: items.get(A),
        lambda items: items.read([B, A]),
        lambda items: items.query("p"),
        lambda items: items.transact([Put(A, {"n": 2}, expect={"n": 1})]),
        lambda items: items.transact([Put(A, {"n": 2}, expect=ABSENT)]),
        lambda items: items.transact([Put(B, {"n": 2}), Delete(A, expect={})]),
    ],
    ids=["get", "read", "query", "put", "put if absent", "delete"],
)
def test_a_damaged_row_is_told_by_its_key(items: SqliteItems, use: Callable[[SqliteItems], object]) -> None:
    items.transact([Put(A, {"n": 1}), Put(B, {"n": 1})])
    spoil(items, A)

    with pytest.raises(InternalServerError) as told:
        use(items)

    assert told.value.reason == "The item p a of the store is damaged; `openrek verify` says more."
    reply = refuse(told.value)
    assert (reply.status, reply.headers["x-openrek-reason"]) == (500, told.value.reason)
    assert items.get(B).attributes == {"n": 1}  # type: ignore[union-attr]


def test_a_query_tells_what_came_before_the_damage(items: SqliteItems) -> None:
    items.transact([Put(key, {"n": 1}) for key in (A, B, C)])
    spoil(items, B)

    with pytest.raises(DamagedItem) as damaged:
        items.query("p")

    assert damaged.value.key == B
    assert [row.key for row in damaged.value.before] == [A]
    assert [row.key for row in items.query("p", after="b").rows] == [C]
    assert items.faults() == ["a damaged item: p b"]


def test_what_is_written_without_a_look_replaces_what_is_damaged(items: SqliteItems) -> None:
    items.transact([Put(A, {"n": 1}), Put(B, {"n": 1})])
    spoil(items, A)
    spoil(items, B)

    items.transact([Put(A, {"n": 2}), Delete(B)])

    assert items.get(A).attributes == {"n": 2}  # type: ignore[union-attr]
    assert items.get(B) is None
    assert items.faults() == []


def at_once(items: SqliteItems, *transactions: list[Write]) -> list[type[Exception] | None]:
    """What became of transactions that share one commit."""
    outcomes: list[type[Exception] | None] = [None] * len(transactions)

    def send(place: int, operations: list[Write]) -> None:
        try:
            items.transact(operations)
        except (DamagedItem, ConditionFailed) as error:
            outcomes[place] = type(error)

    with items._committing:
        threads = [threading.Thread(target=send, args=each) for each in enumerate(transactions)]
        for thread in threads:
            thread.start()
        while len(items._queue) < len(threads):
            time.sleep(0.001)
    for thread in threads:
        thread.join()
    return outcomes


def test_a_damaged_row_fails_no_other_transaction_of_the_commit(items: SqliteItems) -> None:
    items.transact([Put(A, {"n": 1})])
    spoil(items, A)

    outcomes = at_once(
        items, [Put(B, {"n": 1})], [Put(C, {"n": 1}), Put(A, {"n": 2}, expect={"n": 1})], [Put(Key("q", "x"), {})]
    )

    assert outcomes == [None, DamagedItem, None]
    assert [row.key for row in items.query("p", after="a").rows] == [B]
    assert items.get(Key("q", "x")) is not None


def test_a_damaged_page_fails_no_other_transaction_of_the_commit(tmp_path: Path) -> None:
    """A page that cannot be read ends the whole SQLite transaction, which is then done again one by one."""
    items = open_items(tmp_path)
    partitions = [f"{n:02}" for n in range(40)]
    for name in partitions:
        items.transact([Put(Key(name, str(n)), {"b": bytes(900)}) for n in range(4)])
    items.close()
    path = tmp_path / "items.sqlite3"
    content = bytearray(path.read_bytes())
    place = content.rindex(sqlite_rows.encode(Key("20", "2"), {"b": bytes(900)}))
    content[place + 100] ^= 1
    path.write_bytes(content)
    items = open_items(tmp_path)

    outcomes = at_once(
        items,
        [Put(Key("01", "0"), {"n": 1}, expect={})],
        [Put(Key("39", "9"), {"n": 1}), Put(Key("20", "2"), {"n": 1})],
        [Put(Key("39", "0"), {"n": 1}, expect={})],
    )

    assert outcomes == [None, DamagedItem, None]
    assert items.get(Key("39", "9")) is None
    for key in (Key("01", "0"), Key("39", "0")):
        assert items.get(key).attributes == {"n": 1}  # type: ignore[union-attr]
    with pytest.raises(DamagedItem) as damaged:
        items.get(Key("20", "2"))
    assert damaged.value.key is None
    (page, *_) = items.faults()
    assert page == f"a page's checksum is wrong: page {place // 4096 + 1}"
    items.close()


def test_an_apsw_without_the_checksums_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_opening, "VFS", "none such")
    monkeypatch.setattr(sqlite_opening, "EXTENSION", "none_such")

    with pytest.raises(UnusableStore, match="lacks SQLite's checksums"):
        open_items(tmp_path)
