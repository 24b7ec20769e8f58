"""The tags of a collection: one item, written on the condition that it has not changed meanwhile."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from openrek.domain.clock import SYSTEM_CLOCK, Clock
from openrek.domain.collections import Collection
from openrek.domain.errors import ServiceQuotaExceeded, Throttling
from openrek.store.items.port import ABSENT, Check, Expect, Item, Items, Put, Write
from openrek.store.items.retries import Sent, jittered_s, refusal_of, send
from openrek.store.log.head import same_collection
from openrek.store.log.keys import head_key, tags_key

MAX_TAGS: Final = 200
ATTEMPTS: Final = 40


class StoredTags:
    """The tags of the collections of a store."""

    def __init__(self, items: Items, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._items = items
        self._clock = clock

    def read(self, collection: Collection) -> Mapping[str, str]:
        return tags_in(self._stored(collection))

    def put(self, collection: Collection, tags: Mapping[str, str]) -> None:
        self._change(collection, lambda now: {**now, **tags})

    def remove(self, collection: Collection, keys: Sequence[str]) -> None:
        gone = frozenset(keys)
        self._change(collection, lambda now: {key: value for key, value in now.items() if key not in gone})

    def _change(self, collection: Collection, change: Callable[[Mapping[str, str]], Mapping[str, str]]) -> None:
        for attempt in range(ATTEMPTS):
            stored = self._stored(collection)
            now = tags_in(stored)
            after = change(now)
            if after == now:
                return
            if len(after) > MAX_TAGS:
                raise ServiceQuotaExceeded(reason=f"A collection has at most {MAX_TAGS} tags, not {len(after)}.")
            if self._written(collection, stored, after):
                return
            self._clock.sleep(jittered_s(attempt))
        raise Throttling(reason="Too many clients change these tags at once; nothing was written.")

    def _written(self, collection: Collection, stored: Item | None, after: Mapping[str, str]) -> bool:
        """Write the tags; return whether they were changed, False only if they were not."""
        expect: Expect = ABSENT if stored is None else {"nonce": stored.attributes["nonce"]}
        fresh = tags_attributes(after)
        writes: list[Write] = [
            Check(head_key(collection.collection_id), {"uid": collection.uid.bytes}),
            Put(tags_key(collection.uid), fresh, expect=expect),
        ]
        sent = send(self._items, writes, clock=self._clock)
        if sent in (Sent.WRITTEN, Sent.REFUSED):
            return sent is Sent.WRITTEN
        if sent is not Sent.BUSY:
            found = self._stored(collection)
            if found is not None and found.attributes["nonce"] == fresh["nonce"]:
                return True
        raise refusal_of(sent)

    def _stored(self, collection: Collection) -> Item | None:
        head, item = self._items.read([head_key(collection.collection_id), tags_key(collection.uid)])
        same_collection(collection, head)
        return item


def tags_attributes(tags: Mapping[str, str]) -> dict[str, Any]:
    """Return the attributes of the item; a random `nonce` distinguishes one write from another."""
    return {"tags": dict(tags), "nonce": secrets.token_bytes(16)}


def tags_in(item: Item | None) -> Mapping[str, str]:
    return {} if item is None else dict(item.attributes["tags"])
