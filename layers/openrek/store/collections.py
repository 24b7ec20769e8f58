"""Collections as heads: made, listed and deleted, each in one transaction."""

import time
from collections.abc import Callable, Mapping
from uuid import uuid4

from openrek.domain.collections import Collection, CollectionEntry
from openrek.domain.errors import InternalServerError, ResourceAlreadyExists, Throttling, collection_not_found
from openrek.domain.models import FaceModel
from openrek.domain.ports import Page
from openrek.store.commits import ATTEMPTS, jittered_s
from openrek.store.heads import Head, head_of
from openrek.store.items import (
    ABSENT,
    ConditionFailed,
    Contended,
    Delete,
    Items,
    Operation,
    OutcomeUnknown,
    Put,
)
from openrek.store.table import DIRECTORY, directory_key, head_key, tags_key, uid_key


class StoredCollections:
    def __init__(
        self, items: Items, *, clock: Callable[[], float] = time.time, pause: Callable[[float], None] = time.sleep
    ) -> None:
        """`clock` gives epoch seconds; `pause` takes seconds."""
        self._items = items
        self._clock = clock
        self._pause = pause

    def create(self, collection_id: str, model: FaceModel, tags: Mapping[str, str]) -> Collection:
        head = Head(
            collection_id, uuid4(), seq=0, faces=0, users=0, model=model.version, created_ms=int(self._clock() * 1000)
        )
        line = {"id": collection_id, "uid": head.uid.bytes, "model": model.version}
        operations: list[Operation] = [
            Put(head.key, head.attributes(), expect=ABSENT),
            Put(directory_key(collection_id), line),
            Put(uid_key(head.uid), {"id": collection_id}, expect=ABSENT),
        ]
        if tags:
            operations.append(Put(tags_key(head.uid), {"tags": dict(tags)}))
        if not self._settled(operations, lambda: self._head(collection_id, head) is not None):
            raise ResourceAlreadyExists(f"The collection id: {collection_id} already exists")
        return head.collection()

    def require(self, collection_id: str) -> Collection:
        head = head_of(collection_id, self._items.get(head_key(collection_id)))
        if head is None:
            raise collection_not_found(collection_id)
        return head.collection()

    def page(self, after: str | None, limit: int) -> Page[CollectionEntry]:
        found = self._items.query(DIRECTORY, after=after or "", limit=limit)
        rows = (CollectionEntry(row.attributes["id"], row.attributes["model"], row.key.sort) for row in found.rows)
        return Page(tuple(rows), found.more)

    def delete(self, collection_id: str) -> None:
        """The eraser removes the rest: what no head names is nobody's."""
        head = head_of(collection_id, self._items.get(head_key(collection_id)))
        if head is None:
            raise collection_not_found(collection_id)
        operations: list[Operation] = [
            Delete(head.key, expect=head.same_collection),
            Delete(directory_key(collection_id)),
        ]
        if not self._settled(operations, lambda: self._head(collection_id, head) is None):
            raise collection_not_found(collection_id)

    def _head(self, collection_id: str, head: Head) -> Head | None:
        """The stored head if it is still that of the very same collection."""
        found = head_of(collection_id, self._items.get(head_key(collection_id)))
        return found if found is not None and found.uid == head.uid else None

    def _settled(self, operations: list[Operation], written: Callable[[], bool]) -> bool:
        """Whether the transaction took effect; False only if it did not and cannot any more.

        `written` reads whether it did; it is asked only after an outcome that nobody knows.
        """
        unknown = False
        for attempt in range(ATTEMPTS):
            try:
                self._items.transact(operations)
                return True
            except Contended:
                pass
            except OutcomeUnknown:
                unknown = True
            except ConditionFailed:
                return unknown and written()
            self._pause(jittered_s(attempt))
        if unknown:
            raise InternalServerError(reason="The store did not say whether it wrote the change; ask again.")
        raise Throttling(reason="The store is too busy; nothing was written.")
