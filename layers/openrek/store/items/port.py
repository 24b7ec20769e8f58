"""The Items port: small records under (partition, sort) keys, with all-or-nothing conditional writes.

The adapters (SQLite on one machine, DynamoDB in AWS) behave alike. DynamoDB's limits are part of the port, so that the
embedded adapter cannot pass where DynamoDB would fail. Nothing here knows what the records mean. A writer marks with
`forget` which of them an adapter that has files must remove from these too, in its own time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

from openrek.domain.errors import InternalServerError

Value: TypeAlias = Any
"""str, int (64 bit), bytes, bool, or a list or str-keyed dict of these. No floats: DynamoDB would round them."""

Attributes: TypeAlias = Mapping[str, Value]

MAX_WRITES: Final = 100
MAX_READ_KEYS: Final = 100
MAX_ITEM_BYTES: Final = 400 * 1024
MAX_TRANSACTION_BYTES: Final = 4 * 1024 * 1024
MAX_PAGE_BYTES: Final = 1024 * 1024
KEY_NAMES: Final = ("partition", "sort")
"""The names of the two parts of a key; no attribute may have them."""
KEY_NAMES_BYTES: Final = sum(map(len, KEY_NAMES))


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """The key of an item: items of one partition are sorted by `sort`."""

    partition: str
    sort: str


@dataclass(frozen=True, slots=True)
class Item:
    """A stored record."""

    key: Key
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class ItemPage:
    """A page of a query: rows in key order. `more` is true when the query has rows beyond the last one given."""

    rows: tuple[Item, ...]
    more: bool


class Absent:
    """The condition that no item has this key."""


ABSENT: Final = Absent()
Expect: TypeAlias = Absent | Attributes | None
"""ABSENT; or attributes that the stored item must have with these very values; or None: no condition."""


@dataclass(frozen=True, slots=True)
class Put:
    """Store the whole item, replacing one that exists. `forget`: the replaced one must not stay in files either."""

    key: Key
    attributes: Attributes
    expect: Expect = None
    forget: bool = False


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the item; without a condition, it need not exist. `forget`: it must not stay in files either."""

    key: Key
    expect: Expect = None
    forget: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """Write nothing, but let the transaction fail unless the condition holds."""

    key: Key
    expect: Expect


Write: TypeAlias = Put | Delete | Check


class ConditionFailed(Exception):
    """Nothing was written: the conditions of the writes at `positions` do not hold."""

    def __init__(self, positions: Sequence[int]) -> None:
        super().__init__(f"conditions failed at {list(positions)}")
        self.positions = tuple(positions)


class Contended(Exception):
    """Nothing was written: others were writing. The same transaction may be sent again."""


class OutcomeUnknown(Exception):
    """The transaction may have been written, may still be, or not. Only reading can tell."""


class LimitExceeded(ValueError):
    """The caller exceeded a limit of the port: a bug of ours, never the fault of a request."""


class DamagedItem(InternalServerError):
    """What is stored was changed by something else than openrek. Nothing was written.

    `key` names the item; it is None where whole parts of the database cannot be read. `before` are the rows of a query
    that come before it.
    """

    def __init__(self, key: Key | None, *, before: Sequence[Item] = (), why: str = "") -> None:
        damaged = f"The item {key.partition} {key.sort} of the store" if key else "A part of the store's database"
        detail = f" ({why})" if why else ""
        super().__init__(reason=f"{damaged} is damaged{detail}; `openrek verify` says more.")
        self.key = key
        self.before = tuple(before)

    @property
    def for_the_log(self) -> str:
        """The reason without the item's own name, which may be that of a person."""
        if self.key is None:
            return str(self.reason)
        return f"An item of {self.key.partition} is damaged; `openrek verify` says which."


class Items(Protocol):
    """Every method raises DamagedItem where what it needs to read is damaged."""

    def get(self, key: Key) -> Item | None:
        """Return an item, or None. Consistent: sees every transaction that returned before the call."""
        ...

    def read(self, keys: Sequence[Key]) -> Sequence[Item | None]:
        """Read up to 100 distinct keys as one snapshot of at most 4 MB, in the order given. Raises LimitExceeded."""
        ...

    def query(self, partition: str, *, after: str = "", through: str | None = None, limit: int = 1000) -> ItemPage:
        """Return rows with after < sort <= through, consistent, in ascending order, at most `limit` rows and 1 MB."""
        ...

    def transact(self, writes: Sequence[Write], *, token: str | None = None) -> None:
        """Carry out up to 100 writes on distinct keys, all or none.

        `token` lets an adapter recognise a repeat of the same transaction; correctness never rests on it.
        Raises ConditionFailed, Contended, OutcomeUnknown, StoreUnavailable or LimitExceeded.
        """
        ...

    def close(self) -> None:
        """Release connections and files."""
        ...


def size_bytes(value: Value) -> int:
    """Return DynamoDB's size of a value (Developer Guide, "DynamoDB item sizes and formats"), rounded up."""
    if isinstance(value, bool):
        return 1
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, int):
        return 21
    if isinstance(value, Mapping):
        return 3 + sum(1 + len(name.encode()) + size_bytes(inner) for name, inner in value.items())
    if isinstance(value, list | tuple):
        return 3 + sum(1 + size_bytes(inner) for inner in value)
    raise LimitExceeded(f"{type(value).__name__} is not a value that an item can hold")


def item_size_bytes(key: Key, attributes: Attributes) -> int:
    """Return DynamoDB's size of an item, rounded up."""
    return size_bytes(attributes) + len(key.partition.encode()) + len(key.sort.encode()) + KEY_NAMES_BYTES


def check_limits(writes: Sequence[Write]) -> None:
    """Check a transaction. Raises LimitExceeded if DynamoDB would refuse it."""
    if not 1 <= len(writes) <= MAX_WRITES:
        raise LimitExceeded(f"{len(writes)} writes in one transaction")
    if len({write.key for write in writes}) != len(writes):
        raise LimitExceeded("one transaction names a key twice")
    total_bytes = 0
    for write in writes:
        attributes = write.attributes if isinstance(write, Put) else {}
        if any(name in attributes for name in KEY_NAMES):
            raise LimitExceeded("an attribute has the name of a part of the key")
        item_bytes = item_size_bytes(write.key, attributes) if attributes else 0
        if item_bytes > MAX_ITEM_BYTES:
            raise LimitExceeded(f"an item of {item_bytes} bytes")
        total_bytes += item_bytes
    if total_bytes > MAX_TRANSACTION_BYTES:
        raise LimitExceeded(f"a transaction of {total_bytes} bytes")


def check_snapshot_keys(keys: Sequence[Key]) -> None:
    """Check the keys of a snapshot. Raises LimitExceeded if DynamoDB would not read them as one."""
    if len(keys) > MAX_READ_KEYS or len(set(keys)) != len(keys):
        raise LimitExceeded(f"a snapshot of {len(keys)} keys, or one key twice")


def checked_snapshot(found: Sequence[Item | None]) -> Sequence[Item | None]:
    """Return `found`. Raises LimitExceeded if it is more than DynamoDB returns as one snapshot."""
    total_bytes = sum(item_size_bytes(item.key, item.attributes) for item in found if item is not None)
    if total_bytes > MAX_TRANSACTION_BYTES:
        raise LimitExceeded(f"a snapshot of {total_bytes} bytes")
    return found


def holds(stored: Attributes | None, expect: Expect) -> bool:
    """Return whether the condition holds for the stored attributes (None: no item is stored)."""
    if expect is None:
        return True
    if isinstance(expect, Absent):
        return stored is None
    return stored is not None and all(name in stored and stored[name] == value for name, value in expect.items())
