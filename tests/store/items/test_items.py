"""What every adapter of the Items port does.

A further adapter is one more row of ADAPTERS.
"""

import threading
from collections.abc import Callable, Iterator

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
    Put,
)
from openrek.store.items.sqlite import SqliteItems
from tests.store.items.rows import A, B, C, fill
from tests.store.synthetic import open_items

ADAPTERS: dict[str, Callable[[pytest.FixtureRequest], Items]] = {
    "sqlite": lambda request: open_items(request.getfixturevalue("tmp_path")),
    "dynamo": lambda request: request.getfixturevalue("aws").items(),
}


@pytest.fixture(params=sorted(ADAPTERS))
def items(request: pytest.FixtureRequest) -> Iterator[Items]:
    opened = ADAPTERS[request.param](request)
    yield opened
    opened.close()


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
