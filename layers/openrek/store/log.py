"""The change log of a collection, read back: entry n is what the commit that made the head n did."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from openrek.store.items import Attributes, Item, Items
from openrek.store.table import log_key


@dataclass(frozen=True, slots=True)
class Entry:
    """`rows` are attributes as rows.FaceRow writes them; `deleted` are ids of 16 bytes."""

    seq: int
    rows: tuple[Attributes, ...]
    deleted: tuple[bytes, ...]


class LogGap(Exception):
    """An entry that the head promised is not there."""


def entries(items: Items, uid: UUID, *, after: int, through: int) -> Iterator[Sequence[Entry]]:
    """Entries after+1 .. through, each once, in order, a page at a time. Raises LogGap when one is missing."""
    expected = after + 1
    last = log_key(uid, through)
    while expected <= through:
        page = items.query(last.partition, after=log_key(uid, expected - 1).sort, through=last.sort)
        found = [_entry(item) for item in page.rows]
        if not found or [entry.seq for entry in found] != list(range(expected, expected + len(found))):
            raise LogGap(expected)
        yield found
        expected += len(found)


def _entry(item: Item) -> Entry:
    at = item.attributes
    return Entry(int(item.key.sort), tuple(at["rows"]), tuple(at["deleted"]))
