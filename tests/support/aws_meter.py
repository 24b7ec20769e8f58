"""The load that a store puts on AWS: requests, and the capacity units that DynamoDB bills for them.

The stand-in reports no units, so they are computed here from requests and responses, by the rules of the Developer
Guide ("DynamoDB read and write operations", "DynamoDB item sizes and formats").
"""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from typing import Any, TypeAlias

from botocore.client import BaseClient

Typed: TypeAlias = Mapping[str, Mapping[str, Any]]

WRITE_UNIT_BYTES = 1024
READ_UNIT_BYTES = 4096
TRANSACTIONAL = 2
"""A transaction costs twice what its parts would cost alone."""

KEYS = ("partition", "sort")


@dataclass
class Usage:
    requests: Counter[str] = field(default_factory=Counter)
    write_units: float = 0
    read_units: float = 0
    sent_bytes: int = 0
    fetched_bytes: int = 0
    units_by_partition: Counter[str] = field(default_factory=Counter)
    """Write units, by the items' partition: each partition takes a thousand a second."""

    def __sub__(self, other: "Usage") -> "Usage":
        return Usage(
            self.requests - other.requests,
            self.write_units - other.write_units,
            self.read_units - other.read_units,
            self.sent_bytes - other.sent_bytes,
            self.fetched_bytes - other.fetched_bytes,
            self.units_by_partition - other.units_by_partition,
        )

    def copy(self) -> "Usage":
        return self - Usage()


class Meter:
    """A count of the requests of the watched botocore clients, each attempt as one, and of the units that DynamoDB
    would bill.
    """

    def __init__(self) -> None:
        self.total = Usage()
        self.item_bytes: dict[tuple[str, ...], int] = {}
        """Of every item that was written and not deleted, by table, partition and sort."""
        self.blob_bytes: dict[str, int] = {}
        self._counting = threading.Lock()

    def watch(self, client: BaseClient) -> None:
        events = client.meta.events
        events.register("provide-client-params", self._remember)
        events.register("before-send", self._count)
        events.register("after-call", self._bill)

    @contextmanager
    def measured(self) -> Iterator[Usage]:
        """Yield the usage inside the block; complete when the block ends."""
        before, inside = self.total.copy(), Usage()
        yield inside
        vars(inside).update(vars(self.total - before))

    def _remember(self, params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
        context["asked"] = dict(params)

    def _count(self, event_name: str, request: Any, **_: object) -> None:
        with self._counting:
            self.total.requests[event_name.rpartition(".")[2]] += 1

    def _bill(self, event_name: str, parsed: Any, context: dict[str, Any], **_: object) -> None:
        if "Error" in parsed:
            return
        asked = context["asked"]
        bill = getattr(self, f"_{event_name.rpartition('.')[2]}", None)
        if bill is not None:
            with self._counting:
                bill(asked, parsed)

    def _GetItem(self, asked: Any, parsed: Any) -> None:  # noqa: N802 - named as the operation
        self.total.read_units += _read_units(item_bytes(parsed.get("Item", {})))

    def _TransactGetItems(self, asked: Any, parsed: Any) -> None:  # noqa: N802
        sizes = [item_bytes(response.get("Item", {})) for response in parsed["Responses"]]
        self.total.read_units += TRANSACTIONAL * sum(map(_read_units, sizes))

    def _Query(self, asked: Any, parsed: Any) -> None:  # noqa: N802
        self.total.read_units += _read_units(sum(map(item_bytes, parsed["Items"])))

    def _TransactWriteItems(self, asked: Any, parsed: Any) -> None:  # noqa: N802
        for ((kind, write),) in (entry.items() for entry in asked["TransactItems"]):
            self._write(kind, write, TRANSACTIONAL)

    def _PutItem(self, asked: Any, parsed: Any) -> None:  # noqa: N802
        self._write("Put", asked)

    def _DeleteItem(self, asked: Any, parsed: Any) -> None:  # noqa: N802
        self._write("Delete", asked)

    def _write(self, kind: str, write: Any, times: int = 1) -> None:
        stored = write.get("Item") or write["Key"]
        place = (write["TableName"], *(stored[name]["S"] for name in KEYS))
        before = self.item_bytes.get(place, 0)
        after = item_bytes(write["Item"]) if kind == "Put" else before
        units = times * max(1, ceil(max(before, after) / WRITE_UNIT_BYTES))
        self.total.write_units += units
        self.total.units_by_partition[place[1]] += units
        if kind == "Put":
            self.item_bytes[place] = after
        elif kind == "Delete":
            self.item_bytes.pop(place, None)

    def _PutObject(self, asked: Any, parsed: Any) -> None:  # noqa: N802
        self.total.sent_bytes += len(asked["Body"])
        self.blob_bytes[asked["Key"]] = len(asked["Body"])

    def _GetObject(self, asked: Any, parsed: Any) -> None:  # noqa: N802
        self.total.fetched_bytes += parsed["ContentLength"]

    def _DeleteObject(self, asked: Any, parsed: Any) -> None:  # noqa: N802
        self.blob_bytes.pop(asked["Key"], None)


def item_bytes(item: Typed) -> int:
    """Return DynamoDB's size of an item; 0 for one that is not there."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    if kind == "S":
        return len(content.encode())
    if kind == "B":
        return len(content)
    if kind == "N":
        digits = content.lstrip("-").strip("0") or "0"
        return (len(digits) + 1) // 2 + 1 + content.startswith("-")
    if kind == "L":
        return 3 + sum(1 + _value_bytes(inner) for inner in content)
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + _value_bytes(inner) for name, inner in content.items())
    return 1


def _read_units(size: int) -> int:
    """Return the units of one consistent read."""
    return max(1, ceil(size / READ_UNIT_BYTES))
