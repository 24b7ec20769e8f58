"""All visible faces and all users of a collection, page by page: verify, rebuild and export read items this way.

Writers go on meanwhile. A face that no log entry names between the head before a scan and the head after it did not
change meanwhile; `touched` returns the others.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from openrek.domain.users import MOST_FACES_OF_USER
from openrek.store.items.port import Item, Items
from openrek.store.log.entries import entries
from openrek.store.log.keys import owned
from openrek.store.log.pages import item_pages
from openrek.store.log.rows import GEOMETRY, SCALE
from openrek.store.log.visibility import committed_seq, visible
from openrek.store.segments.columns import Table
from openrek.store.upkeep.folding import table_of
from openrek.store.users.celebrities import is_celebrity
from openrek.store.users.memberships import StoredUser, stored_user

ID_BYTES: Final = 16
USER_ID: Final = re.compile(r"[a-zA-Z0-9_.\-:]{1,128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class FacePage:
    """Visible faces in ascending order of their ids: a row of `table` and a picture (sort key of its duplicate record)
    each. `bad` describes items that are no faces, in sentences; they are in neither.
    """

    table: Table
    pictures: tuple[str, ...]
    bad: tuple[str, ...]


def face_pages(items: Items, uid: UUID, dimensions: int) -> Iterator[FacePage]:
    for rows in item_pages(items, owned(uid, "face")):
        yield face_page(visible(items, rows), dimensions)


@dataclass(frozen=True, slots=True)
class UserPage:
    """Users in the order of their ids.

    `bad` describes items that are no users, in sentences; they are not among them.
    """

    users: tuple[StoredUser, ...]
    bad: tuple[str, ...]
    dimensions: int

    @property
    def table(self) -> Table:
        """Return the rows of the users that have faces, in the same order."""
        rows = [(user.seq, row.attributes()) for user in self.users if (row := user.row) is not None]
        return table_of(rows, self.dimensions)


def user_pages(items: Items, uid: UUID, dimensions: int) -> Iterator[UserPage]:
    for rows in item_pages(items, owned(uid, "user")):
        bad = {row.key: why for row in rows if (why := fault_of_user(row, dimensions))}
        users = tuple(stored_user(row) for row in rows if row.key not in bad)
        yield UserPage(users, tuple(bad.values()), dimensions)


def face_page(faces: Sequence[Item | None], dimensions: int) -> FacePage:
    """Return the page of these visible faces; None is skipped."""
    found = [face for face in faces if face is not None]
    bad = {face.key: why for face in found if (why := fault_of_face(face, dimensions))}
    sound = [face for face in found if face.key not in bad]
    table = table_of([(committed_seq(face), face.attributes) for face in sound], dimensions)
    return FacePage(table, tuple(face.attributes["picture"] for face in sound), tuple(bad.values()))


@dataclass(frozen=True, slots=True)
class Touched:
    """Ids of faces, 16 bytes, and of users."""

    faces: set[bytes]
    users: set[str]


def touched(items: Items, uid: UUID, *, after: int, through: int) -> Touched:
    """Return the ids in the log entries after+1 .. through. Raises LogGap when one of them is compacted away."""
    named = Touched(set(), set())
    for page in entries(items, uid, after=after, through=through):
        for entry in page:
            named.faces.update(entry.faces.named)
            named.users.update(entry.touched)
    return named


def fault_of_face(face: Item, dimensions: int) -> str | None:
    """Return a sentence that names the attributes which keep a face item from being a row; None for a good item."""
    at = face.attributes
    wrong = [name for name, size in _sizes(dimensions) if not _is_bytes(at.get(name), size)]
    wrong += [name for name in ("external", "owner") if not isinstance(at.get(name, ""), str)]
    wrong += [] if isinstance(at.get("seq"), int) and at["seq"] > 0 else ["seq"]
    wrong += [] if isinstance(at.get("picture"), str) else ["picture"]
    if not wrong:
        wrong += [] if str(UUID(bytes=at["id"])) == face.key.sort else ["id"]
        wrong += [] if at["picture"][:-64] == at.get("external", "") + "/" else ["picture"]
        wrong += [] if all(map(math.isfinite, GEOMETRY.unpack(at["geometry"]))) else ["geometry"]
        wrong += [] if 0.0 < SCALE.unpack(at["scale"])[0] < math.inf else ["scale"]
    return f"the face item {face.key.sort} has a bad {', '.join(wrong)}" if wrong else None


def fault_of_user(user: Item, dimensions: int) -> str | None:
    """Return a sentence that names the attributes which keep a user item from being a user; None for a good item."""
    at = user.attributes
    members = at.get("members")
    wrong = [] if _is_list_of_members(members) else ["members"]
    wrong += [] if isinstance(at.get("seq"), int) and at["seq"] > 0 else ["seq"]
    wrong += [] if USER_ID.fullmatch(user.key.sort) else ["id"]
    wrong += [] if "celebrity" not in at or is_celebrity(at["celebrity"]) else ["celebrity"]
    if members:
        wrong += [] if _is_bytes(at.get("vector"), dimensions) else ["vector"]
        scaled = _is_bytes(at.get("scale"), SCALE.size) and 0.0 < SCALE.unpack(at["scale"])[0] < math.inf
        wrong += [] if scaled else ["scale"]
    return f"the user item {user.key.sort} has a bad {', '.join(wrong)}" if wrong else None


def _is_list_of_members(members: object) -> bool:
    if not isinstance(members, list) or not all(_is_bytes(member, ID_BYTES) for member in members):
        return False
    return members == sorted(set(members)) and len(members) <= MOST_FACES_OF_USER


def _sizes(dimensions: int) -> list[tuple[str, int]]:
    return [
        ("id", ID_BYTES),
        ("image", ID_BYTES),
        ("geometry", GEOMETRY.size),
        ("scale", SCALE.size),
        ("vector", dimensions),
    ]


def _is_bytes(value: object, size: int) -> bool:
    return isinstance(value, bytes) and len(value) == size
