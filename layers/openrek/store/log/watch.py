"""Items that report when a write makes a collection's log long enough to be compacted."""

from collections.abc import Callable, Sequence

from openrek.store.items.port import Item, ItemPage, Items, Key, Put, Write
from openrek.store.log.head import head_of
from openrek.store.log.keys import head_key

COLLECTION = head_key("").partition


class LogWatch:
    """Items over `items`. After each such write `on_long_log` is called with the collection's id; it must not raise."""

    def __init__(self, items: Items, on_long_log: Callable[[str], None]) -> None:
        self._items = items
        self._on_long_log = on_long_log

    def get(self, key: Key) -> Item | None:
        return self._items.get(key)

    def read(self, keys: Sequence[Key]) -> Sequence[Item | None]:
        return self._items.read(keys)

    def query(self, partition: str, *, after: str = "", through: str | None = None, limit: int = 1000) -> ItemPage:
        return self._items.query(partition, after=after, through=through, limit=limit)

    def transact(self, writes: Sequence[Write], *, token: str | None = None) -> None:
        self._items.transact(writes, token=token)
        for write in writes:
            if isinstance(write, Put) and write.key.partition.startswith(COLLECTION):
                collection_id = write.key.partition.removeprefix(COLLECTION)
                head = head_of(collection_id, Item(write.key, write.attributes))
                if head is not None and head.log_is_long:
                    self._on_long_log(collection_id)

    def close(self) -> None:
        self._items.close()
