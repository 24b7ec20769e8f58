"""What DynamoItems sends, and what its conditions and pages say. What all adapters share: test_items.py."""

import json
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openrek.store.items.dynamo import DynamoItems
from openrek.store.items.port import (
    ABSENT,
    Check,
    ConditionFailed,
    Delete,
    Expect,
    Key,
    LimitExceeded,
    Put,
    Write,
    holds,
)
from tests.store.items.dynamo_table import WRITE, WRITES, stored
from tests.store.items.rows import A, B, C
from tests.support.aws import App, Environ, LocalAws
from tests.support.aws_meter import Meter


def test_nothing_is_touched_before_the_first_use() -> None:
    DynamoItems("no such table", region="nowhere-1", host="http://127.0.0.1:1").close()


STATE: dict[str, dict[str, Any]] = {str(n): {"n": n, "l": [n]} for n in range(4)}
EXPECTS = st.sampled_from([None, ABSENT, {}, {"n": 1}, {"n": 2, "l": [2]}, {"l": [3]}, {"n": 3, "other": "x"}])


@st.composite
def transactions(draw: st.DrawFn) -> Sequence[Write]:
    sorts = draw(st.lists(st.sampled_from("01234567"), min_size=1, unique=True))

    def operation(sort: str) -> Write:
        key, expect = Key("p", sort), draw(EXPECTS)
        kind = draw(st.sampled_from(["put", "delete", "check"]))
        if kind == "put":
            return Put(key, {"n": 9}, expect)
        return Delete(key, expect) if kind == "delete" else Check(key, expect)

    return [operation(sort) for sort in sorts]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=transactions())
def test_failed_conditions_are_told_in_the_callers_order(dynamo: DynamoItems, operations: Sequence[Write]) -> None:
    reset: list[Write] = [Delete(Key("p", sort)) for sort in "4567"]
    reset += [Put(Key("p", sort), attributes) for sort, attributes in STATE.items()]
    dynamo.transact(reset)
    failing = tuple(
        position
        for position, operation in enumerate(operations)
        if not holds(STATE.get(operation.key.sort), operation.expect)
    )

    try:
        dynamo.transact(operations)
        positions: tuple[int, ...] = ()
    except ConditionFailed as failure:
        positions = failure.positions

    assert positions == failing
    expected = dict(STATE)
    for operation in () if failing else operations:
        if isinstance(operation, Put):
            expected[operation.key.sort] = dict(operation.attributes)
        elif isinstance(operation, Delete):
            expected.pop(operation.key.sort, None)
    assert {row.key.sort: row.attributes for row in dynamo.query("p").rows} == expected


@pytest.mark.parametrize("write", WRITES)
def test_a_write_that_is_alone_is_no_transaction(aws: LocalAws, dynamo: DynamoItems, write: str) -> None:
    """Half the price, and what AWS documents conditions on keys for; a check of nothing is nothing."""
    dynamo.transact([Put(B, {"n": 1})])
    meter = Meter()
    meter.watch(dynamo.client)
    operations, after = WRITES[write]

    with meter.measured() as usage:
        dynamo.transact([Check(C, None), *operations], token="mine")

    assert stored(dynamo) == after
    assert usage.requests == {write: 1}
    assert usage.write_units == (4 if write == WRITE else 1)


@pytest.mark.parametrize(
    "alone", [Put(A, {"n": 2}, ABSENT), Put(A, {}, {"n": 2}), Delete(A, ABSENT), Delete(A, {"n": 2})]
)
def test_a_condition_that_does_not_hold_is_told_of_a_write_that_is_alone(dynamo: DynamoItems, alone: Write) -> None:
    dynamo.transact([Put(A, {"n": 1})])

    with pytest.raises(ConditionFailed) as failure:
        dynamo.transact([Check(B, None), alone])

    assert failure.value.positions == (1,)
    found = dynamo.get(A)
    assert found is not None
    assert found.attributes == {"n": 1}


def test_a_check_that_is_alone_is_a_transaction(dynamo: DynamoItems) -> None:
    meter = Meter()
    meter.watch(dynamo.client)

    dynamo.transact([Check(A, ABSENT)])

    assert meter.total.requests == {WRITE: 1}


def test_the_token_travels(aws: LocalAws, dynamo: DynamoItems) -> None:
    sent: list[str] = []

    def listen(app: App, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        sent.append(json.loads(body)["ClientRequestToken"])
        start("200 OK", [])
        return [b'{"ConsumedCapacity": []}']

    aws.meddle(WRITE, listen, listen)
    dynamo.transact([Put(A, {}), Put(B, {})], token="mine")
    dynamo.transact([Put(A, {}), Put(B, {})])

    assert sent[0] == "mine"
    assert sent[1] not in ("", "mine")


def test_a_page_that_ends_for_its_size_knows_whether_there_is_more(dynamo: DynamoItems) -> None:
    for sort in "abcd":
        dynamo.transact([Put(Key("p", sort), {"text": "x" * 300_000})])

    def sorts(**options: Any) -> tuple[str, bool]:
        page = dynamo.query("p", **options)
        return "".join(row.key.sort for row in page.rows), page.more

    assert sorts() == ("abc", True)
    assert sorts(through="c") == ("abc", False)
    assert sorts(after="a") == ("bcd", False)
    assert sorts(limit=3) == ("abc", True)
    assert sorts(through="c", limit=3) == ("abc", False)


def test_a_page_that_is_full_takes_one_request(dynamo: DynamoItems) -> None:
    dynamo.transact([Put(key, {}) for key in (A, B, C)])
    meter = Meter()
    meter.watch(dynamo.client)

    assert dynamo.query("p", limit=2).more
    assert not dynamo.query("p", limit=3).more

    assert meter.total.requests["Query"] == 2


def test_a_check_of_nothing_is_not_sent(dynamo: DynamoItems) -> None:
    meter = Meter()
    meter.watch(dynamo.client)

    dynamo.transact([Check(A, None)])
    with pytest.raises(ConditionFailed) as failure:
        dynamo.transact([Check(A, None), Put(B, {}), Check(C, {"n": 1})])

    assert failure.value.positions == (2,)
    assert meter.total.requests[WRITE] == 1


@pytest.mark.parametrize("name", ["partition", "sort"])
def test_attributes_cannot_be_named_as_the_keys(dynamo: DynamoItems, name: str) -> None:
    for operation in (Put(A, {name: "x"}), Check(A, {name: "x"})):
        with pytest.raises(LimitExceeded):
            dynamo.transact([operation])


@pytest.mark.parametrize(
    "expect", [{"a.b": 1}, {"size": 1, "#x": "", "": {}}, {"map": {"S": "x"}, "list": [], "b": b""}]
)
def test_conditions_on_any_name_and_value(dynamo: DynamoItems, expect: Expect) -> None:
    assert isinstance(expect, dict)
    stored = {name or "empty": value for name, value in expect.items()}
    dynamo.transact([Put(A, stored)])
    dynamo.transact([Check(A, stored)])
    for name in stored:
        with pytest.raises(ConditionFailed):
            dynamo.transact([Check(A, {**stored, name: "other"})])


def test_threads_that_begin_at_once_share_one_client(aws: LocalAws) -> None:
    items = DynamoItems(aws.new_table(), region="us-east-1", host=aws.url)
    clients: list[object] = []
    threads = [threading.Thread(target=lambda: clients.append(items.client)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(clients) == 8
    assert len(set(map(id, clients))) == 1
    items.close()
