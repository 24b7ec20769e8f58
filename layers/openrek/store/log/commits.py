"""Commits: a collection changes in one conditional transaction that moves the head and writes the next log entry.

Writes of one collection are thereby totally ordered. The loser of a race looks again and tries again. When the store
cannot say whether a transaction was written, the log can: entry n+1 carries a number that only its writer knows.
"""

import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from openrek.domain.clock import Clock
from openrek.domain.collections import Collection
from openrek.domain.errors import Conflict, Refusal, StoreUnavailable, Throttling
from openrek.store.items.port import ABSENT, Item, Items, Key, Put, Write, item_size_bytes
from openrek.store.items.retries import Sent, jittered_s, refusal_of, send
from openrek.store.log.head import Head, require_head, same_collection
from openrek.store.log.keys import log_key
from openrek.store.log.rows import FaceRow, UserRow

ATTEMPTS: Final = 40
PATIENCE_S: Final = 15.0
OWN_WRITES: Final = 2
"""The head and the log entry; the rest of a transaction's 100 writes are the change's own."""

TOO_MANY_WRITERS: Final = "Too many clients write to this collection at once; nothing was written."
PART_DONE: Final = "A part may be done and stays so; repeat the call to finish it."
UNFINISHED: Final = f"Others were in the way. {PART_DONE}"

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Change(Generic[Result]):
    """The content of a commit, apart from moving the head, and the result that its caller gets.

    `rows`, `deleted` and `touched` make the log entry; `touched` are the users that the change makes, changes or
    removes, each with its row if it has faces. Without any of `rows`, `deleted` and `writes` there is nothing to
    commit.
    """

    result: Result
    rows: Sequence[FaceRow] = ()
    deleted: Sequence[UUID] = ()
    writes: Sequence[Write] = ()
    faces: int = field(default=0, kw_only=True)
    users: int = field(default=0, kw_only=True)
    touched: Mapping[str, UserRow | None] = field(default_factory=dict, kw_only=True)


class Moved(Exception):
    """The head moved while a change was being prepared from it: look again."""


class Commits:
    def __init__(self, items: Items, *, lost: type[Refusal] = Throttling, clock: Clock) -> None:
        """Raise `lost` in callers that lose too many races."""
        self._items = items
        self._lost = lost
        self._clock = clock
        self._turns = [threading.Lock() for _ in range(64)]

    def commit(self, collection: Collection, prepare: Callable[[Head], Change[Result]]) -> Result:
        """Prepare a change from the current head and commit it; on losing a race, prepare it anew.

        `prepare` must read what it depends on with `read_at`. Raises ResourceNotFound when the collection is gone,
        `lost` when the race was lost too often (nothing written), and whatever `prepare` raises.
        """
        give_up_s = self._clock.steady_s() + PATIENCE_S
        with self._turn(collection):
            for attempt in range(ATTEMPTS):
                head = require_head(self._items, collection)
                try:
                    change = prepare(head)
                    if not (change.rows or change.deleted or change.writes) or self._land(collection, head, change):
                        return change.result
                except Moved:
                    pass
                if self._clock.steady_s() > give_up_s:
                    break
                self._clock.sleep(jittered_s(attempt))
        raise self._lost(reason=TOO_MANY_WRITERS)

    @contextmanager
    def _turn(self, collection: Collection) -> Iterator[None]:
        """Queue the writers of one process up, instead of letting them race.

        Only liveness: safety is in the conditions.
        """
        turn = self._turns[hash(collection.uid) % len(self._turns)]
        if not turn.acquire(timeout=PATIENCE_S):
            raise self._lost(reason=TOO_MANY_WRITERS)
        try:
            yield
        finally:
            turn.release()

    def read_at(self, head: Head, keys: Sequence[Key]) -> Sequence[Item | None]:
        """Read `keys` (at most 99) in one snapshot with the head. Raises Moved unless the head is still `head`."""
        found, *rest = self._items.read([head.key, *keys])
        if found is None or any(found.attributes[name] != value for name, value in head.unmoved.items()):
            raise Moved
        return rest

    def _land(self, collection: Collection, head: Head, change: Change[Any]) -> bool:
        """Commit the change; return False only when it was not committed and never will be."""
        writer = secrets.token_bytes(16)
        entry = Put(log_key(head.uid, head.seq + 1), entry_attributes(writer, change), expect=ABSENT)
        entry_bytes = item_size_bytes(entry.key, entry.attributes)
        moved = head.advanced(faces=change.faces, users=change.users, entry_bytes=entry_bytes)
        operations: list[Write] = [Put(head.key, moved.attributes(), expect=head.unmoved), entry, *change.writes]
        sent = send(self._items, operations, clock=self._clock, token=writer.hex())
        if sent is Sent.BUSY:
            raise refusal_of(sent)
        if sent in (Sent.WRITTEN, Sent.REFUSED):
            return sent is Sent.WRITTEN
        landed = self._landed(collection, head, writer)
        if landed is None:
            raise refusal_of(sent)
        return landed

    def _landed(self, collection: Collection, head: Head, writer: bytes) -> bool | None:
        """Return True if entry n+1 is ours; False if it is another's, or a compaction came first, so that ours can
        never land; None if there is no entry n+1 yet, it is compacted away, or the store does not say.

        Raises ResourceNotFound when the collection is gone.
        """
        try:
            found, entry = self._items.read([head.key, log_key(head.uid, head.seq + 1)])
        except Throttling:
            return None  # it would tell the caller that nothing was written
        now = same_collection(collection, found)
        if entry is not None:
            return bool(entry.attributes["writer"] == writer)
        return False if now.seq == head.seq and now.version != head.version else None


@contextmanager
def in_pieces() -> Iterator[None]:
    """Add to refusals of the later commits of a call, made inside the block, that a part may be done."""
    try:
        yield
    except (Throttling, Conflict) as refusal:
        raise type(refusal)(reason=UNFINISHED) from refusal
    except StoreUnavailable as failure:
        raise StoreUnavailable(reason=f"{failure.reason} {PART_DONE}") from failure


def entry_attributes(writer: bytes, change: Change[Any]) -> Mapping[str, Any]:
    users = [row.attributes() for row in change.touched.values() if row is not None]
    entry: dict[str, Any] = {
        "writer": writer,
        "rows": [*(row.attributes() for row in change.rows), *users],
        "deleted": [face_id.bytes for face_id in change.deleted],
    }
    return {**entry, "users": list(change.touched)} if change.touched else entry
