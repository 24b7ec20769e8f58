"""DynamoItems on DynamoDB's responses, and on none. The behaviour that all adapters share: test_items.py."""

import json
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pynamodb.exceptions import PynamoDBException

from openrek.domain.errors import InternalServerError, Throttling
from openrek.store.collections.collections import StoredCollections
from openrek.store.faces.faces import StoredFaces
from openrek.store.items.dynamo import DynamoItems
from openrek.store.items.port import (
    ABSENT,
    Check,
    ConditionFailed,
    Contended,
    Delete,
    Expect,
    Key,
    LimitExceeded,
    OutcomeUnknown,
    Put,
    Write,
    holds,
)
from openrek.store.log.entries import entries
from openrek.store.log.head import require_head
from tests.store.synthetic import Embedder, new_collection, no_pause, picture, slots
from tests.support.aws import TIMEOUT_S, App, Environ, Fault, LocalAws, answered, silent, swallowed, unsaid
from tests.support.aws_meter import Meter

WRITE, PUT, DELETE = "TransactWriteItems", "PutItem", "DeleteItem"
A, B, C = Key("p", "a"), Key("p", "b"), Key("p", "c")
WRITES: dict[str, tuple[list[Write], set[Key]]] = {
    WRITE: ([Put(A, {"n": 1}, ABSENT), Delete(B, {"n": 1})], {A}),
    PUT: ([Put(A, {"n": 1}, ABSENT)], {A, B}),
    DELETE: ([Delete(B, {"n": 1})], set()),
}
"""Each kind of write: operations that are sent so, and what is there after them where only B was."""


def opened_with(aws: LocalAws, **options: Any) -> DynamoItems:
    return DynamoItems(aws.new_table(), region="us-east-1", host=aws.url, pause=no_pause, **options)


@pytest.fixture
def items(aws: LocalAws) -> Iterable[DynamoItems]:
    opened = opened_with(aws, read_timeout_s=TIMEOUT_S)
    yield opened
    opened.close()


def refused(code: str, **more: Any) -> Fault:
    """DynamoDB's response with an error."""
    return answered(400, json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", **more}).encode())


def cancelled(*codes: str) -> Fault:
    """One reason for each operation, in the order sent: checks, deletions, puts."""
    reasons = [{"Code": code, "Message": f"{code}!"} for code in codes]
    return refused("TransactionCanceledException", Message="cancelled", CancellationReasons=reasons)


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
def test_failed_conditions_are_told_in_the_callers_order(items: DynamoItems, operations: Sequence[Write]) -> None:
    reset: list[Write] = [Delete(Key("p", sort)) for sort in "4567"]
    reset += [Put(Key("p", sort), attributes) for sort, attributes in STATE.items()]
    items.transact(reset)
    failing = tuple(
        position
        for position, operation in enumerate(operations)
        if not holds(STATE.get(operation.key.sort), operation.expect)
    )

    try:
        items.transact(operations)
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
    assert {row.key.sort: row.attributes for row in items.query("p").rows} == expected


OPERATIONS: list[Write] = [
    Put(A, {"n": 1}, ABSENT),
    Delete(B, {"n": 1}),
    Check(C, {"n": 1}),
    Put(Key("p", "d"), {}),
]
"""Sent as 2, 1, 0, 3."""


@pytest.mark.parametrize(
    ("codes", "raised", "positions"),
    [
        (("None", "None", "TransactionConflict", "None"), Contended, ()),
        (("ThrottlingError", "None", "None", "TransactionConflict"), Contended, ()),
        (("ProvisionedThroughputExceeded", "None", "None", "None"), Contended, ()),
        (("ConditionalCheckFailed", "None", "ConditionalCheckFailed", "None"), ConditionFailed, (0, 2)),
        (("None", "ConditionalCheckFailed", "None", "None"), ConditionFailed, (1,)),
        (("TransactionConflict", "None", "ConditionalCheckFailed", "None"), ConditionFailed, (0,)),
        (("ConditionalCheckFailed", "None", "None", "ValidationError"), LimitExceeded, ()),
        (("None", "None", "None", "SomethingNew"), PynamoDBException, ()),
    ],
)
def test_reasons_of_a_cancelled_transaction(
    aws: LocalAws, items: DynamoItems, codes: Sequence[str], raised: type[Exception], positions: Sequence[int]
) -> None:
    aws.meddle(WRITE, cancelled(*codes))

    with pytest.raises(raised) as failure:
        items.transact(OPERATIONS)

    assert getattr(failure.value, "positions", ()) == positions


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (refused("ThrottlingException"), Contended),
        (refused("ProvisionedThroughputExceededException"), Contended),
        (refused("RequestLimitExceeded"), Contended),
        (refused("TransactionConflictException"), Contended),
        (refused("TransactionInProgressException"), OutcomeUnknown),
        (refused("ValidationException", message="too large"), LimitExceeded),
        (refused("IdempotentParameterMismatchException"), PynamoDBException),
        (refused("AccessDeniedException"), PynamoDBException),
        (refused("ResourceNotFoundException"), PynamoDBException),
    ],
)
@pytest.mark.parametrize("write", WRITES)
def test_refusals_of_the_service(
    aws: LocalAws, items: DynamoItems, write: str, fault: Fault, raised: type[Exception]
) -> None:
    items.transact([Put(B, {"n": 1})])
    aws.meddle(write, fault)

    with pytest.raises(raised):
        items.transact(WRITES[write][0])
    assert stored(items) == {B}


def stored(items: DynamoItems) -> set[Key]:
    return {row.key for row in items.query("p").rows}


@pytest.mark.parametrize("write", WRITES)
def test_a_write_that_is_alone_is_no_transaction(aws: LocalAws, items: DynamoItems, write: str) -> None:
    """Half the price, and what AWS documents conditions on keys for; a check of nothing is nothing."""
    items.transact([Put(B, {"n": 1})])
    meter = Meter()
    meter.watch(items.client)
    operations, after = WRITES[write]

    with meter.measured() as usage:
        items.transact([Check(C, None), *operations], token="mine")

    assert stored(items) == after
    assert usage.requests == {write: 1}
    assert usage.write_units == (4 if write == WRITE else 1)


@pytest.mark.parametrize(
    "alone", [Put(A, {"n": 2}, ABSENT), Put(A, {}, {"n": 2}), Delete(A, ABSENT), Delete(A, {"n": 2})]
)
def test_a_condition_that_does_not_hold_is_told_of_a_write_that_is_alone(items: DynamoItems, alone: Write) -> None:
    items.transact([Put(A, {"n": 1})])

    with pytest.raises(ConditionFailed) as failure:
        items.transact([Check(B, None), alone])

    assert failure.value.positions == (1,)
    found = items.get(A)
    assert found is not None
    assert found.attributes == {"n": 1}


def test_a_check_that_is_alone_is_a_transaction(items: DynamoItems) -> None:
    meter = Meter()
    meter.watch(items.client)

    items.transact([Check(A, ABSENT)])

    assert meter.total.requests == {WRITE: 1}


@pytest.mark.parametrize(
    ("fault", "written"),
    [
        (swallowed, False),
        (unsaid, True),
        (answered(500, b'{"__type": "InternalServerError"}'), False),
        (answered(500, b'{"__type": "InternalServerError"}', done=True), True),
        (answered(503, b"<html>", done=True), True),
        (answered(429, b""), False),
        (answered(200, b"", done=True), True),
        (answered(200, b"<html>"), False),
    ],
)
@pytest.mark.parametrize("write", WRITES)
def test_without_a_definite_answer_the_outcome_is_unknown_and_nothing_is_sent_again(
    aws: LocalAws, items: DynamoItems, write: str, fault: Fault, *, written: bool
) -> None:
    items.transact([Put(B, {"n": 1})])
    meter = Meter()
    meter.watch(items.client)
    aws.meddle(write, fault)
    operations, after = WRITES[write]

    with pytest.raises(OutcomeUnknown):
        items.transact(operations)

    assert meter.total.requests == {write: 1}
    assert stored(items) == (after if written else {B})


def test_an_answer_that_does_not_come_is_awaited_for_a_while(aws: LocalAws) -> None:
    items = opened_with(aws, read_timeout_s=1.0)
    enough = threading.Event()
    aws.meddle(PUT, silent(enough))

    with pytest.raises(OutcomeUnknown, match="ReadTimeout"):
        items.transact([Put(A, {"n": 1})])
    enough.set()
    assert items.get(A) is not None
    items.close()


def test_without_another_word_it_is_awaited_three_seconds(aws: LocalAws) -> None:
    items = opened_with(aws)

    assert (items.client.meta.config.connect_timeout, items.client.meta.config.read_timeout) == (1.0, 3.0)
    items.close()


def test_nobody_there_is_unknown_too() -> None:
    items = DynamoItems("t", region="us-east-1", host="http://127.0.0.1:1", pause=no_pause)

    with pytest.raises(OutcomeUnknown):
        items.transact([Put(A, {})])
    with pytest.raises(InternalServerError):
        items.get(A)


def test_the_token_travels(aws: LocalAws, items: DynamoItems) -> None:
    sent: list[str] = []

    def listen(app: App, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        sent.append(json.loads(body)["ClientRequestToken"])
        start("200 OK", [])
        return [b'{"ConsumedCapacity": []}']

    aws.meddle(WRITE, listen, listen)
    items.transact([Put(A, {}), Put(B, {})], token="mine")
    items.transact([Put(A, {}), Put(B, {})])

    assert sent[0] == "mine"
    assert sent[1] not in ("", "mine")


@pytest.mark.parametrize(
    "faults", [[unsaid], [swallowed], [unsaid, swallowed, unsaid], [cancelled("TransactionConflict")]]
)
def test_a_commit_finds_out_by_reading_what_became_of_it(
    aws: LocalAws, items: DynamoItems, faults: Sequence[Fault]
) -> None:
    collection = new_collection(items)
    faces = StoredFaces(items, pause=no_pause)
    aws.meddle(WRITE, *faults)

    added = faces.index(collection, picture(1), slots(2), Embedder(picture(1)))

    head = require_head(items, collection)
    assert (head.seq, head.faces) == (1, 2)
    assert [len(entry.faces.rows) for page in entries(items, head.uid, after=0, through=1) for entry in page] == [2]
    assert sorted(faces.page(collection, None, 10).rows, key=added.index) == added


def test_a_creation_whose_answer_was_lost_is_found(aws: LocalAws, items: DynamoItems) -> None:
    aws.meddle(WRITE, unsaid)

    made = new_collection(items)

    assert StoredCollections(items).require("people").uid == made.uid


def test_reads_are_tried_again(aws: LocalAws, items: DynamoItems) -> None:
    items.transact([Put(A, {"n": 1}), Put(B, {"n": 2})])
    aws.meddle("GetItem", swallowed, answered(500, b""), answered(200, b"<html>"), refused("ThrottlingException"))
    aws.meddle("TransactGetItems", cancelled("TransactionConflict", "None"), unsaid)
    aws.meddle("Query", answered(503, b""))

    found = items.get(A)

    assert found is not None
    assert found.attributes == {"n": 1}
    assert [item and item.attributes["n"] for item in items.read([B, A])] == [2, 1]
    assert len(items.query("p").rows) == 2


def test_reads_give_up(aws: LocalAws, items: DynamoItems) -> None:
    aws.meddle("TransactGetItems", *[cancelled("TransactionConflict", "None")] * 12)
    with pytest.raises(Throttling):
        items.read([A, B])
    aws.meddle("GetItem", *[answered(500, b"")] * 12)
    with pytest.raises(InternalServerError):
        items.get(A)
    aws.meddle("Query", refused("AccessDeniedException"))
    with pytest.raises(PynamoDBException):
        items.query("p")


def test_a_page_that_ends_for_its_size_knows_whether_there_is_more(items: DynamoItems) -> None:
    for sort in "abcd":
        items.transact([Put(Key("p", sort), {"text": "x" * 300_000})])

    def sorts(**options: Any) -> tuple[str, bool]:
        page = items.query("p", **options)
        return "".join(row.key.sort for row in page.rows), page.more

    assert sorts() == ("abc", True)
    assert sorts(through="c") == ("abc", False)
    assert sorts(after="a") == ("bcd", False)
    assert sorts(limit=3) == ("abc", True)
    assert sorts(through="c", limit=3) == ("abc", False)


def test_a_page_that_is_full_takes_one_request(items: DynamoItems) -> None:
    items.transact([Put(key, {}) for key in (A, B, C)])
    meter = Meter()
    meter.watch(items.client)

    assert items.query("p", limit=2).more
    assert not items.query("p", limit=3).more

    assert meter.total.requests["Query"] == 2


def test_a_check_of_nothing_is_not_sent(items: DynamoItems) -> None:
    meter = Meter()
    meter.watch(items.client)

    items.transact([Check(A, None)])
    with pytest.raises(ConditionFailed) as failure:
        items.transact([Check(A, None), Put(B, {}), Check(C, {"n": 1})])

    assert failure.value.positions == (2,)
    assert meter.total.requests[WRITE] == 1


@pytest.mark.parametrize("name", ["partition", "sort"])
def test_attributes_cannot_be_named_as_the_keys(items: DynamoItems, name: str) -> None:
    for operation in (Put(A, {name: "x"}), Check(A, {name: "x"})):
        with pytest.raises(LimitExceeded):
            items.transact([operation])


@pytest.mark.parametrize(
    "expect", [{"a.b": 1}, {"size": 1, "#x": "", "": {}}, {"map": {"S": "x"}, "list": [], "b": b""}]
)
def test_conditions_on_any_name_and_value(items: DynamoItems, expect: Expect) -> None:
    assert isinstance(expect, dict)
    stored = {name or "empty": value for name, value in expect.items()}
    items.transact([Put(A, stored)])
    items.transact([Check(A, stored)])
    for name in stored:
        with pytest.raises(ConditionFailed):
            items.transact([Check(A, {**stored, name: "other"})])


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
