"""A store that fails on command: any Items, with faults at chosen steps.

A step is one call of the port. A client is suspended at a step by letting others run whole calls inside `before`;
it is killed by raising Killed, which nothing may catch.
"""

from collections.abc import Callable, Iterator, Sequence
from enum import Enum, auto
from typing import Final

from openrek.domain.errors import InternalServerError, Throttling
from openrek.store.blobs.port import Blobs, Buffer
from openrek.store.items.port import (
    ConditionFailed,
    Contended,
    Item,
    ItemPage,
    Items,
    Key,
    OutcomeUnknown,
    Write,
)


class Killed(BaseException):
    """The client's process ended here."""


class Fault(Enum):
    NONE = auto()
    CONTENDED = auto()
    LOST = auto()  # not written, and nobody says so
    UNSAID = auto()  # written, and nobody says so
    LATE = auto()  # nobody says; it is written at a later moment, if its conditions hold then
    KILLED_BEFORE = auto()
    KILLED_AFTER = auto()
    READ_BUSY = auto()  # a read that was refused until its patience ended
    READ_SILENT = auto()  # a read that nobody answered


READ_FAULTS: Final = {Fault.READ_BUSY: Throttling, Fault.READ_SILENT: InternalServerError}
"""What the adapters raise for them."""


class TokenItems:
    """Any Items, with DynamoDB's memory for client tokens: what was written under one is not written again."""

    def __init__(self, items: Items) -> None:
        self._items = items
        self._written: dict[str, Sequence[Write]] = {}
        self.get, self.read, self.query, self.close = items.get, items.read, items.query, items.close

    def transact(self, writes: Sequence[Write], *, token: str | None = None) -> None:
        if token is not None and token in self._written:
            assert list(writes) == self._written[token], "one token for two transactions"
            return
        self._items.transact(writes, token=token)
        if token is not None:
            self._written[token] = list(writes)


class Wire:
    """Transactions that are still on their way to the store."""

    def __init__(self, items: Items) -> None:
        self._items = items
        self._late: list[tuple[Sequence[Write], str | None]] = []

    def __len__(self) -> int:
        return len(self._late)

    def hold(self, writes: Sequence[Write], token: str | None) -> None:
        self._late.append((list(writes), token))

    def deliver(self, position: int = 0) -> None:
        if self._late:
            writes, token = self._late.pop(position % len(self._late))
            try:
                self._items.transact(writes, token=token)
            except ConditionFailed:
                return

    def deliver_all(self) -> None:
        while self._late:
            self.deliver()


def at(step: int, fault: Fault) -> Callable[[int], Fault]:
    return lambda now: fault if now == step else Fault.NONE


def always(fault: Fault) -> Callable[[int], Fault]:
    return lambda _: fault


def first(doubt: Fault, step: int, then: Fault) -> Callable[[int], Fault]:
    """`doubt` at that step, and `then` at every later one."""
    return lambda now: Fault.NONE if now < step else doubt if now == step else then


class FaultyItems:
    """`choose` names the fault of step 0, 1, ...; `before` is called first and may run other clients, or raise.

    `most_rows`: queries give no more at once, as if rows were large.
    """

    def __init__(
        self,
        items: Items,
        choose: Callable[[int], Fault] = lambda _: Fault.NONE,
        *,
        wire: Wire | None = None,
        before: Callable[[int], None] = lambda _: None,
        most_rows: int = 1000,
    ) -> None:
        self._items = items
        self.choose = choose
        self.before = before
        self._wire = Wire(items) if wire is None else wire
        self._most_rows = most_rows
        self.steps = 0

    def get(self, key: Key) -> Item | None:
        self._reading()
        return self._items.get(key)

    def read(self, keys: Sequence[Key]) -> Sequence[Item | None]:
        self._reading()
        return self._items.read(keys)

    def query(self, partition: str, *, after: str = "", through: str | None = None, limit: int = 1000) -> ItemPage:
        self._reading()
        return self._items.query(partition, after=after, through=through, limit=min(limit, self._most_rows))

    def transact(self, writes: Sequence[Write], *, token: str | None = None) -> None:
        fault = self.step()
        if fault is Fault.CONTENDED:
            raise Contended
        if fault is Fault.LOST:
            raise OutcomeUnknown
        if fault is Fault.LATE:
            self._wire.hold(writes, token)
            raise OutcomeUnknown
        try:
            self._items.transact(writes, token=token)
        finally:
            if fault is Fault.KILLED_AFTER:
                raise Killed
        if fault is Fault.UNSAID:
            raise OutcomeUnknown

    def close(self) -> None:
        self._items.close()

    def _reading(self) -> None:
        fault = self.step()
        if fault is Fault.KILLED_AFTER:
            raise Killed
        if fault in READ_FAULTS:
            raise READ_FAULTS[fault]

    def step(self) -> Fault:
        step, self.steps = self.steps, self.steps + 1
        self.before(step)
        fault = self.choose(step)
        if fault is Fault.KILLED_BEFORE:
            raise Killed
        return fault


class FaultyBlobs:
    """Any Blobs whose calls are steps of a FaultyItems too: clients are suspended and killed at them."""

    def __init__(self, blobs: Blobs, over: FaultyItems) -> None:
        self._blobs = blobs
        self._over = over

    def put(self, name: str, content: bytes) -> None:
        fault = self._over.step()
        self._blobs.put(name, content)
        if fault is Fault.KILLED_AFTER:
            raise Killed

    def get(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        self._over.step()
        return self._blobs.get(name, start=start, length=length)

    def open(self, name: str) -> Buffer:
        self._over.step()
        return self._blobs.open(name)

    def delete(self, name: str) -> None:
        fault = self._over.step()
        self._blobs.delete(name)
        if fault is Fault.KILLED_AFTER:
            raise Killed

    def names(self, prefix: str = "") -> Iterator[str]:
        self._over.step()
        return self._blobs.names(prefix)
