"""DynamoItems on DynamoDB's refusals, on responses that say nothing, and on none."""

import json
import threading
from collections.abc import Sequence
from typing import Any

import pytest
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
    Key,
    LimitExceeded,
    OutcomeUnknown,
    Put,
    Write,
)
from openrek.store.log.entries import entries
from openrek.store.log.head import require_head
from tests.store.items.dynamo_table import PUT, WRITE, WRITES, opened_with, stored
from tests.store.items.rows import A, B, C
from tests.store.synthetic import Embedder, new_collection, picture, slots
from tests.support.aws import Fault, LocalAws, answered, silent, swallowed, unsaid
from tests.support.aws_meter import Meter
from tests.support.clocks import FakeClock


def refused(code: str, **more: Any) -> Fault:
    """DynamoDB's response with an error."""
    return answered(400, json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", **more}).encode())


def cancelled(*codes: str) -> Fault:
    """One reason for each operation, in the order sent: checks, deletions, puts."""
    reasons = [{"Code": code, "Message": f"{code}!"} for code in codes]
    return refused("TransactionCanceledException", Message="cancelled", CancellationReasons=reasons)


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
    aws: LocalAws, dynamo: DynamoItems, codes: Sequence[str], raised: type[Exception], positions: Sequence[int]
) -> None:
    aws.meddle(WRITE, cancelled(*codes))

    with pytest.raises(raised) as failure:
        dynamo.transact(OPERATIONS)

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
    aws: LocalAws, dynamo: DynamoItems, write: str, fault: Fault, raised: type[Exception]
) -> None:
    dynamo.transact([Put(B, {"n": 1})])
    aws.meddle(write, fault)

    with pytest.raises(raised):
        dynamo.transact(WRITES[write][0])
    assert stored(dynamo) == {B}


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
    aws: LocalAws, dynamo: DynamoItems, write: str, fault: Fault, *, written: bool
) -> None:
    dynamo.transact([Put(B, {"n": 1})])
    meter = Meter()
    meter.watch(dynamo.client)
    aws.meddle(write, fault)
    operations, after = WRITES[write]

    with pytest.raises(OutcomeUnknown):
        dynamo.transact(operations)

    assert meter.total.requests == {write: 1}
    assert stored(dynamo) == (after if written else {B})


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
    items = DynamoItems("t", region="us-east-1", host="http://127.0.0.1:1", clock=FakeClock())

    with pytest.raises(OutcomeUnknown):
        items.transact([Put(A, {})])
    with pytest.raises(InternalServerError):
        items.get(A)


@pytest.mark.parametrize(
    "faults", [[unsaid], [swallowed], [unsaid, swallowed, unsaid], [cancelled("TransactionConflict")]]
)
def test_a_commit_finds_out_by_reading_what_became_of_it(
    aws: LocalAws, dynamo: DynamoItems, faults: Sequence[Fault]
) -> None:
    collection = new_collection(dynamo)
    faces = StoredFaces(dynamo, clock=FakeClock())
    aws.meddle(WRITE, *faults)

    added = faces.index(collection, picture(1), slots(2), Embedder(picture(1)))

    head = require_head(dynamo, collection)
    assert (head.seq, head.faces) == (1, 2)
    assert [len(entry.faces.rows) for page in entries(dynamo, head.uid, after=0, through=1) for entry in page] == [2]
    assert sorted(faces.page(collection, None, 10).rows, key=added.index) == added


def test_a_creation_whose_answer_was_lost_is_found(aws: LocalAws, dynamo: DynamoItems) -> None:
    aws.meddle(WRITE, unsaid)

    made = new_collection(dynamo)

    assert StoredCollections(dynamo).require("people").uid == made.uid


def test_reads_are_tried_again(aws: LocalAws, dynamo: DynamoItems) -> None:
    dynamo.transact([Put(A, {"n": 1}), Put(B, {"n": 2})])
    aws.meddle("GetItem", swallowed, answered(500, b""), answered(200, b"<html>"), refused("ThrottlingException"))
    aws.meddle("TransactGetItems", cancelled("TransactionConflict", "None"), unsaid)
    aws.meddle("Query", answered(503, b""))

    found = dynamo.get(A)

    assert found is not None
    assert found.attributes == {"n": 1}
    assert [item and item.attributes["n"] for item in dynamo.read([B, A])] == [2, 1]
    assert len(dynamo.query("p").rows) == 2


def test_reads_give_up(aws: LocalAws, dynamo: DynamoItems) -> None:
    aws.meddle("TransactGetItems", *[cancelled("TransactionConflict", "None")] * 12)
    with pytest.raises(Throttling):
        dynamo.read([A, B])
    aws.meddle("GetItem", *[answered(500, b"")] * 12)
    with pytest.raises(InternalServerError):
        dynamo.get(A)
    aws.meddle("Query", refused("AccessDeniedException"))
    with pytest.raises(PynamoDBException):
        dynamo.query("p")
