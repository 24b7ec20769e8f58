"""The checksums of the embedded store's rows: old ones and new, whole and damaged."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgpack
import pytest

from openrek.domain.errors import InternalServerError
from openrek.store.items import sqlite_rows
from openrek.store.items.port import ABSENT, ConditionFailed, DamagedItem, Delete, Key, Put, Write
from openrek.store.items.sqlite import SqliteItems
from openrek.store.items.sqlite_opening import CHECKED_ITEMS
from openrek.wire.reply import refuse
from tests.store.items.rows import A, B, C
from tests.store.items.sqlite_bytes import bodies, with_bit
from tests.store.synthetic import open_items

KEY = Key("0" * 32 + "/face", "6056d9ba-d34e-48ff-9699-0d9a191ce333")


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
    """Return what became of transactions that share one commit."""
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
