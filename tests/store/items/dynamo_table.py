"""DynamoItems over a table of its own, and each kind of write to it."""

from typing import Any

from openrek.store.items.dynamo import DynamoItems
from openrek.store.items.port import ABSENT, Delete, Key, Put, Write
from tests.store.items.rows import A, B
from tests.support.aws import LocalAws
from tests.support.clocks import FakeClock

WRITE, PUT, DELETE = "TransactWriteItems", "PutItem", "DeleteItem"
WRITES: dict[str, tuple[list[Write], set[Key]]] = {
    WRITE: ([Put(A, {"n": 1}, ABSENT), Delete(B, {"n": 1})], {A}),
    PUT: ([Put(A, {"n": 1}, ABSENT)], {A, B}),
    DELETE: ([Delete(B, {"n": 1})], set()),
}
"""Each kind of write: operations that are sent so, and what is there after them where only B was."""


def opened_with(aws: LocalAws, **options: Any) -> DynamoItems:
    return DynamoItems(aws.new_table(), region="us-east-1", host=aws.url, clock=FakeClock(), **options)


def stored(dynamo: DynamoItems) -> set[Key]:
    return {row.key for row in dynamo.query("p").rows}
