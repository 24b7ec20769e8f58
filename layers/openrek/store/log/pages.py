"""Pages of items, which are read by query and so not in one snapshot with the head."""

from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from openrek.domain.collections import Collection
from openrek.domain.ports import Page
from openrek.store.items.port import Item, Items
from openrek.store.log.head import require_head

ATTEMPTS: Final = 3

Row = TypeVar("Row")


def settled_page(items: Items, collection: Collection, gather: Callable[[int | None], Page[Row]]) -> Page[Row]:
    """Return a page as `gather` finds it while nothing is written; or, if writers never pause, as of one change.

    `gather(newest)` leaves out rows that were added after the change `newest`. Raises ResourceNotFound.
    """
    for _ in range(ATTEMPTS):
        before = require_head(items, collection)
        page = gather(None)
        if require_head(items, collection).seq == before.seq:
            return page
    return gather(require_head(items, collection).seq)


def item_pages(items: Items, partition: str) -> Iterator[tuple[Item, ...]]:
    """Yield every item of a partition, in order, a page at a time."""
    cursor = ""
    while True:
        page = items.query(partition, after=cursor)
        yield page.rows
        if not page.more:
            return
        cursor = page.rows[-1].key.sort
