"""Collections: created, listed and deleted, each in one transaction on the head."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from uuid import uuid4

from openrek.domain.clock import SYSTEM_CLOCK, Clock
from openrek.domain.collections import Collection, CollectionEntry
from openrek.domain.errors import ResourceAlreadyExists, Throttling, collection_not_found
from openrek.domain.models import FaceModel
from openrek.domain.ports import Page
from openrek.store.collections.tags import tags_attributes
from openrek.store.items.port import ABSENT, Delete, Items, Put, Write
from openrek.store.items.retries import Sent, refusal_of, send
from openrek.store.log.head import Head, head_now
from openrek.store.log.keys import DIRECTORY, directory_key, tags_key, uid_key


class StoredCollections:
    """The collections of a store."""

    def __init__(self, items: Items, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._items = items
        self._clock = clock

    def create(self, collection_id: str, model: FaceModel, tags: Mapping[str, str]) -> Collection:
        created_ms = int(self._clock.now_s() * 1000)
        head = Head(collection_id, uuid4(), seq=0, faces=0, users=0, model=model.version, created_ms=created_ms)
        writes: list[Write] = [
            Put(head.key, head.attributes(), expect=ABSENT),
            Put(directory_key(collection_id), head.lines[directory_key(collection_id)]),
            Put(uid_key(head.uid), head.lines[uid_key(head.uid)], expect=ABSENT),
        ]
        if tags:
            writes.append(Put(tags_key(head.uid), tags_attributes(tags)))
        if not self._sent(writes, lambda: self._created(head)):
            raise ResourceAlreadyExists(f"The collection id: {collection_id} already exists")
        return head.collection()

    def require(self, collection_id: str) -> Collection:
        head = head_now(self._items, collection_id)
        if head is None:
            raise collection_not_found(collection_id)
        return head.collection()

    def page(self, after: str | None, limit: int) -> Page[CollectionEntry]:
        found = self._items.query(DIRECTORY, after=after or "", limit=limit)
        rows = (CollectionEntry(row.attributes["id"], row.attributes["model"], row.key.sort) for row in found.rows)
        return Page(tuple(rows), found.more)

    def delete(self, collection_id: str) -> None:
        """Delete the head; the orphan sweep removes the items and blobs that no head names any more."""
        head = head_now(self._items, collection_id)
        if head is None:
            raise collection_not_found(collection_id)
        writes: list[Write] = [
            Delete(head.key, expect=head.same_collection),
            Delete(directory_key(collection_id)),
        ]
        if not self._sent(writes, lambda: self._deleted(head)):
            raise collection_not_found(collection_id)

    def _sent(self, writes: Sequence[Write], landed: Callable[[], bool | None]) -> bool:
        """Send a transaction; return whether it took effect, False only if it did not.

        If the store does not tell, `landed` reads it; it returns None if reading cannot tell either.
        """
        sent = send(self._items, writes, clock=self._clock)
        if sent in (Sent.WRITTEN, Sent.REFUSED):
            return sent is Sent.WRITTEN
        found = None
        if sent is not Sent.BUSY:
            with suppress(Throttling):  # it would tell the caller that nothing was written
                found = landed()
        if found is None:
            raise refusal_of(sent)
        return found

    def _created(self, head: Head) -> bool | None:
        """Return whether `head` was written, as the line tells that every creation writes under its uid.

        If another collection has the name, a line that forbids this creation is written before False is returned: an
        attempt that is still on its way needs the line's absence, and must not land after that collection is deleted.
        """
        key = uid_key(head.uid)
        if self._items.get(key) is None:
            if self._items.get(head.key) is None:
                return None
            forbidden = {"id": head.collection_id, "created_ms": head.created_ms, "forbidden": True}
            if send(self._items, [Put(key, forbidden, expect=ABSENT)], clock=self._clock) is Sent.WRITTEN:
                return False
        line = self._items.get(key)
        return None if line is None else "forbidden" not in line.attributes

    def _deleted(self, head: Head) -> bool | None:
        """Return True if `head` is gone; while it exists None, since an earlier attempt may still remove it."""
        found = head_now(self._items, head.collection_id)
        return None if found is not None and found.uid == head.uid else True
