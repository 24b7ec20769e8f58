"""Items that tell when a write has left a collection's log long enough to be compacted."""

from collections.abc import Callable, Sequence

from openrek.store.items.port import Item, ItemPage, Items, Key, Operation, Put
from openrek.store.log.head import head_of
from openrek.store.log.keys import head_key

COLLECTION = head_key("").partition


class LogWatch:
    """`items`, and `tell` is called with the id of the collection after each such write. It must not raise."""

    def __init__(self, items: Items, tell: Callable[[str], None]) -> None:
        self._items = items
        self._tell = tell

    def get(self, key: Key) -> Item | None:
        return self._items.get(key)

    def read(self, keys: Sequence[Key]) -> Sequence[Item | None]:
        return self._items.read(keys)

    def query(self, partition: str, *, after: str = "", through: str | None = None, limit: int = 1000) -> ItemPage:
        return self._items.query(partition, after=after, through=through, limit=limit)

    def transact(self, operations: Sequence[Operation], *, token: str | None = None) -> None:
        self._items.transact(operations, token=token)
        for operation in operations:
            if isinstance(operation, Put) and operation.key.partition.startswith(COLLECTION):
                collection_id = operation.key.partition.removeprefix(COLLECTION)
                head = head_of(collection_id, Item(operation.key, operation.attributes))
                if head is not None and head.log_is_long:
                    self._tell(collection_id)

    def close(self) -> None:
        self._items.close()
