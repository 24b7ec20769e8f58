"""The orphan sweep: items and blobs of deleted collections are removed, and plans of calls that died are finished.

It may run at any time, in several processes at once, and be killed at any point: every step can be repeated.
"""

from collections.abc import Callable
from typing import Final
from uuid import UUID

from openrek.domain.clock import SYSTEM_CLOCK, Clock
from openrek.domain.collections import Collection
from openrek.domain.errors import Refusal
from openrek.store.blobs.port import Blobs
from openrek.store.erasure.erasure import StoredErasure
from openrek.store.faces.staged_writes import StagedWriteLost, StagedWrites, plans_of, staged_write_of
from openrek.store.items.batches import batches
from openrek.store.items.port import (
    MAX_WRITES,
    ConditionFailed,
    Contended,
    DamagedItem,
    Delete,
    Item,
    Items,
    Key,
    OutcomeUnknown,
    Write,
)
from openrek.store.log.head import head_now
from openrek.store.log.keys import OWNED, UIDS, owned, uid_key
from openrek.store.log.pages import item_pages
from openrek.store.log.sound_items import sound_rows
from openrek.store.log.visibility import PENDING
from openrek.store.segments.manifest import uid_of
from openrek.store.users.request_tokens import is_spent

ABANDONED_AFTER_S: Final = 3600.0
"""A call that is still at work can lose its plan to the sweep without harm: it starts over."""

FORGOTTEN_AFTER_S: Final = 3600.0
"""So long after its creation a collection keeps its line, deleted or not: a creation that was sent twice because nobody
knew its outcome cannot land once more and bring it back."""


def never() -> bool:
    return False


class OrphanSweep:
    """The removal of the data of deleted collections and of abandoned calls."""

    def __init__(
        self,
        items: Items,
        blobs: Blobs,
        *,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._items = items
        self._blobs = blobs
        self._clock = clock
        self._staged_writes = StagedWrites(items, clock=clock)
        self._erasure = StoredErasure(items, clock=clock)

    def sweep(self, should_stop: Callable[[], bool] = never) -> int:
        """Make one pass, or until `should_stop` returns True; return how many items and blobs it removed.

        Busy stores are left to the next pass. Raises the OSError of a blob, or DamagedItem, after all other work is
        done.
        """
        removed = 0
        failed: list[Exception] = []
        for line in sound_rows(self._items, UIDS, failed):
            if should_stop():
                return removed
            try:
                removed += self._sweep_collection(line, should_stop)
            except (OSError, DamagedItem) as error:
                failed.append(error)
            except (Contended, OutcomeUnknown, ConditionFailed, StagedWriteLost, Refusal):
                continue
        for uid in self._uids_of_blobs():
            try:
                if not should_stop() and self._items.get(uid_key(uid)) is None:
                    removed += self._erase_blobs(uid, should_stop)
            except (OSError, DamagedItem) as error:
                failed.append(error)
        if failed:
            raise failed[0]
        return removed

    def _sweep_collection(self, line: Item, should_stop: Callable[[], bool]) -> int:
        uid = UUID(hex=line.key.sort)
        collection_id = line.attributes["id"]
        head = head_now(self._items, collection_id)
        if head is not None and head.uid == uid:
            plans = sum(self._sweep_plan(head.collection(), plan) for plan in plans_of(self._items, uid))
            return plans + self._sweep_tokens(uid)
        removed = sum(self._erase(owned(uid, kind), should_stop) for kind in OWNED) + self._erase_blobs(
            uid, should_stop
        )
        if should_stop() or self._age_s(line.attributes["created_ms"]) < FORGOTTEN_AFTER_S:
            return removed
        self._items.transact([Delete(line.key)])
        return removed + 1

    def _uids_of_blobs(self) -> set[UUID]:
        """Return the uids that own blobs.

        One without a line is a stray: a compactor was suspended while its collection was erased.
        """
        return {uid for name in self._blobs.names() if (uid := uid_of(name)) is not None}

    def _erase_blobs(self, uid: UUID, should_stop: Callable[[], bool]) -> int:
        removed = 0
        for name in list(self._blobs.names(f"{uid.hex}/")):
            if should_stop():
                break
            self._blobs.delete(name)
            removed += 1
        return removed

    def _sweep_plan(self, collection: Collection, item: Item) -> int:
        at = item.attributes
        if at["kind"] not in ("index", "delete", "erase"):
            return 0  # the memory of an erasure, which goes with its plan; or what only another openrek knows
        if at["state"] == PENDING and self._age_s(at["made_ms"]) < ABANDONED_AFTER_S:
            return 0
        if at["kind"] == "delete":
            self._items.transact([Delete(item.key, expect={"id": at["id"]})])
        elif at["kind"] == "erase":
            self._erasure.complete(collection, item)
        else:
            self._staged_writes.clear(staged_write_of(item))
        return 1

    def _sweep_tokens(self, uid: UUID) -> int:
        """Remove the stored results of request tokens that have expired."""
        removed = 0
        for rows in item_pages(self._items, owned(uid, "token")):
            spent = [row for row in rows if is_spent(row, self._clock.now_s())]
            for batch in batches(spent, MAX_WRITES):
                deletions: list[Write] = [
                    Delete(row.key, expect={"made_ms": row.attributes["made_ms"]}) for row in batch
                ]
                self._items.transact(deletions)
                removed += len(deletions)
        return removed

    def _age_s(self, made_ms: int) -> float:
        return self._clock.now_s() - made_ms / 1000.0

    def _erase(self, partition: str, should_stop: Callable[[], bool]) -> int:
        removed = 0
        while not should_stop() and (rows := self._items.query(partition, limit=MAX_WRITES).rows):
            deletions: list[Write] = [Delete(Key(partition, row.key.sort), forget=True) for row in rows]
            self._items.transact(deletions)
            removed += len(rows)
        return removed
