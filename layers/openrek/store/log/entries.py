"""The change log of a collection, read back: entry n is what the commit that made the head n did."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from openrek.store.items.port import Attributes, Item, Items
from openrek.store.log.keys import log_key
from openrek.store.log.rows import user_row_id


@dataclass(frozen=True, slots=True)
class Changes:
    """Of one kind of rows: `rows` are attributes as `store.log.rows` writes them; `deleted` are ids of 16 bytes."""

    rows: tuple[Attributes, ...]
    deleted: tuple[bytes, ...]

    @property
    def named(self) -> list[bytes]:
        """Every id that is touched."""
        return [*(row["id"] for row in self.rows), *self.deleted]


NOTHING: Final = Changes((), ())


@dataclass(frozen=True, slots=True)
class Entry:
    """`touched` are the ids of the users that were made, changed or removed; `users` says what became of their rows."""

    seq: int
    faces: Changes
    users: Changes = NOTHING
    touched: tuple[str, ...] = ()


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
    seq, rows, deleted = int(item.key.sort), tuple(at["rows"]), tuple(at["deleted"])
    touched = tuple(at.get("users", ()))
    if not touched:
        return Entry(seq, Changes(rows, deleted))
    users = tuple(row for row in rows if row["kind"] == "user")
    living = {row["id"] for row in users}
    gone = tuple(row_id for row_id in map(user_row_id, touched) if row_id not in living)
    faces = Changes(tuple(row for row in rows if row["kind"] == "face"), deleted)
    return Entry(seq, faces, Changes(users, gone), touched)
