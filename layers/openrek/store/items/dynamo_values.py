"""Values and conditions of the Items port in DynamoDB's words. Every value comes back with its type, and equal."""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from pynamodb.connection.base import MetaTable
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path

from openrek.store.items.port import Absent, Attributes, Expect, Item, Key, LimitExceeded, Value

Typed: TypeAlias = dict[str, Any]
"""DynamoDB's AttributeValue, such as {"N": "1"}."""

PARTITION: Final = "partition"
SORT: Final = "sort"


def schema(table_name: str) -> MetaTable:
    """Return the table's keys, for which pynamodb would otherwise ask the table."""
    return MetaTable(
        {
            "TableName": table_name,
            "KeySchema": [
                {"AttributeName": PARTITION, "KeyType": "HASH"},
                {"AttributeName": SORT, "KeyType": "RANGE"},
            ],
            "AttributeDefinitions": [
                {"AttributeName": PARTITION, "AttributeType": "S"},
                {"AttributeName": SORT, "AttributeType": "S"},
            ],
        }
    )


def typed(value: Value) -> Typed:
    """Return the value as DynamoDB's. Raises LimitExceeded for a value that an item cannot hold."""
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, int):
        return {"N": str(value)}
    if isinstance(value, bytes):
        return {"B": value}
    if isinstance(value, Mapping):
        return {"M": {name: typed(inner) for name, inner in value.items()}}
    if isinstance(value, list | tuple):
        return {"L": [typed(inner) for inner in value]}
    raise LimitExceeded(f"{type(value).__name__} is not a value that an item can hold")


def plain(value: Typed) -> Value:
    ((kind, content),) = value.items()
    if kind == "N":
        return int(content)
    if kind == "M":
        return {name: plain(inner) for name, inner in content.items()}
    if kind == "L":
        return [plain(inner) for inner in content]
    if kind in ("S", "B", "BOOL"):
        return content
    raise TypeError(f"an item holds a value of type {kind}, which openrek never writes")


def typed_attributes(attributes: Attributes) -> Typed:
    """Return the attributes as DynamoDB's. Raises LimitExceeded for names that the table's own keys have."""
    for name in (PARTITION, SORT):
        if name in attributes:
            raise LimitExceeded(f"an attribute named {name!r}: the table's key has that name")
    return {name: typed(value) for name, value in attributes.items()}


def item_of(stored: Mapping[str, Typed]) -> Item:
    """Return the item in a response of DynamoDB, its key among its attributes."""
    attributes = {name: plain(value) for name, value in stored.items()}
    return Item(Key(attributes.pop(PARTITION), attributes.pop(SORT)), attributes)


def condition(expect: Expect) -> Condition | None:
    if expect is None:
        return None
    if isinstance(expect, Absent):
        return Path([PARTITION]).does_not_exist()
    wanted = [Path([name]) == value for name, value in typed_attributes(expect).items()]
    every = wanted[0] if wanted else Path([PARTITION]).exists()
    for one in wanted[1:]:
        every &= one
    return every


def within(after: str, through: str | None) -> Condition | None:
    """Return the condition after < sort <= through, which DynamoDB takes as one condition only."""
    sort = Path([SORT])
    if through is None:
        return sort > {"S": after} if after else None
    if not after:
        return sort <= {"S": through}
    return sort.between({"S": f"{after}\0"}, {"S": through})  # no text lies between `after` and `after` + NUL
