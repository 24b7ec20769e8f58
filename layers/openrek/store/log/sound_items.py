"""Items without the damaged ones: each of these is reported, and then taken for missing, so that a check can go on."""

from collections.abc import Callable, Iterator, Sequence

from openrek.store.items.port import DamagedItem, Item, ItemPage, Items, Key, Write
from openrek.store.log.item_shapes import fault_of_shape
from openrek.store.log.pages import item_pages

OnDamage = Callable[[str, str], object]
"""(kind of finding, detail)."""


class SoundItems:
    """Items over any others.

    `on_damage` is called for each item that is damaged, or does not hold what items of its kind must hold; again for
    the same item, if it is read again. `dimensions`: see fault_of_shape.
    """

    def __init__(self, items: Items, on_damage: OnDamage, dimensions: int | None = None) -> None:
        self._items = items
        self._on_damage = on_damage
        self._dimensions = dimensions

    def get(self, key: Key) -> Item | None:
        return self.read([key])[0]

    def read(self, keys: Sequence[Key]) -> Sequence[Item | None]:
        asked = list(keys)
        while True:
            try:
                found = dict(zip(asked, self._items.read(asked), strict=True))
                return [None if (item := found.get(key)) is None else self._sound(item) for key in keys]
            except DamagedItem as damaged:
                self._report(damaged, asked[0] if asked else Key("", ""))
                asked = [key for key in asked if key != damaged.key] if damaged.key in asked else []

    def query(self, partition: str, *, after: str = "", through: str | None = None, limit: int = 1000) -> ItemPage:
        while True:
            found, after = self._page(partition, after, through, limit)
            rows = tuple(row for row in found.rows if self._sound(row) is not None)
            if rows or not found.more:
                return ItemPage(rows, found.more)

    def _page(self, partition: str, after: str, through: str | None, limit: int) -> tuple[ItemPage, str]:
        """Return the rows that can be read, and the sort key after which to go on."""
        try:
            page = self._items.query(partition, after=after, through=through, limit=limit)
        except DamagedItem as damaged:
            rows = damaged.before
            last = rows[-1].key.sort if rows else after
            self._report(damaged, Key(partition, f"after {last}" if last else "from the first on"))
            if damaged.key is None:
                return ItemPage(rows, more=False), last
            return ItemPage(rows, more=True), damaged.key.sort
        return page, page.rows[-1].key.sort if page.rows else after

    def transact(self, operations: Sequence[Write], *, token: str | None = None) -> None:
        self._items.transact(operations, token=token)

    def close(self) -> None:
        self._items.close()

    def _report(self, damaged: DamagedItem, near: Key) -> None:
        if damaged.key is None:
            self._on_damage("items that cannot be read", f"{near.partition} {near.sort}")
        else:
            self._on_damage("a damaged item", f"{damaged.key.partition} {damaged.key.sort}")

    def _sound(self, item: Item) -> Item | None:
        fault = fault_of_shape(item, self._dimensions)
        if fault is None:
            return item
        self._on_damage(*fault)
        return None


def sound_rows(items: Items, partition: str, damaged: list[Exception]) -> Iterator[Item]:
    """Yield every item of a partition, in order; for each that is damaged, add an error to `damaged`."""

    def on_damage(kind: str, detail: str) -> None:
        damaged.append(DamagedItem(None, why=f"{kind}: {detail}"))

    for rows in item_pages(SoundItems(items, on_damage), partition):
        yield from rows
