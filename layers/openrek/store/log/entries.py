"""Reading the change log of a collection: entry n holds the changes of the commit that set the head's `seq` to n."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from openrek.store.items.port import Attributes, Item, Items
from openrek.store.log.keys import log_key
from openrek.store.log.rows import user_row_id


@dataclass(frozen=True, slots=True)
class RowChanges:
    """The changes to rows of one kind.

    `rows` are attributes as `store.log.rows` writes them; `deleted` are ids of 16 bytes.
    """

    rows: tuple[Attributes, ...]
    deleted: tuple[bytes, ...]

    @property
    def named(self) -> list[bytes]:
        """The ids of all changed rows."""
        return [*(row["id"] for row in self.rows), *self.deleted]


NOTHING: Final = RowChanges((), ())


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry.

    `touched` are the ids of the users that were created, changed or deleted; `users` holds the
    changes to their rows.
    """

    seq: int
    faces: RowChanges
    users: RowChanges = NOTHING
    touched: tuple[str, ...] = ()


class LogGap(Exception):
    """An entry that the head promises is missing."""


def entries(items: Items, uid: UUID, *, after: int, through: int) -> Iterator[Sequence[LogEntry]]:
    """Yield the entries after+1 .. through, each once, in order, a page at a time. Raises LogGap if one is missing."""
    expected = after + 1
    last = log_key(uid, through)
    while expected <= through:
        page = items.query(last.partition, after=log_key(uid, expected - 1).sort, through=last.sort)
        found = [_entry(item) for item in page.rows]
        if not found or [entry.seq for entry in found] != list(range(expected, expected + len(found))):
            raise LogGap(expected)
        yield found
        expected += len(found)


def _entry(item: Item) -> LogEntry:
    at = item.attributes
    seq, rows, deleted = int(item.key.sort), tuple(at["rows"]), tuple(at["deleted"])
    touched = tuple(at.get("users", ()))
    if not touched:
        return LogEntry(seq, RowChanges(rows, deleted))
    users = tuple(row for row in rows if row["kind"] == "user")
    living = {row["id"] for row in users}
    gone = tuple(row_id for row_id in map(user_row_id, touched) if row_id not in living)
    faces = RowChanges(tuple(row for row in rows if row["kind"] == "face"), deleted)
    return LogEntry(seq, faces, RowChanges(users, gone), touched)
