"""The check of users, their faces and their rows: lists and owners name exactly each other, and vectors are the means
of the faces'.
"""

from collections.abc import Callable, Sequence
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from openrek.store.integrity.item_scan import user_pages
from openrek.store.integrity.stored_rows import CollectionRows, Part, living_rows, matches
from openrek.store.items.findings import Findings
from openrek.store.items.port import Item, Items
from openrek.store.log.keys import owned
from openrek.store.log.pages import item_pages
from openrek.store.log.rows import user_row_id
from openrek.store.segments.columns import Table, find
from openrek.store.segments.segment_file import FACES, USERS
from openrek.store.users.memberships import StoredUser
from openrek.store.users.user_vectors import user_vector

Suspect = Callable[[bytes | str, str, str], None]
"""(FaceId of 16 bytes, or UserId; kind; detail): a doubt about one face or user."""


class UserCheck:
    """The memory of a check, 32 bytes for each face that belongs to a user: its id, and the user's row id."""

    def __init__(self) -> None:
        self._ids: list[bytes] = []
        self._owners: list[bytes] = []

    def add(self, page: Table) -> None:
        """Add the next faces, ids ascending."""
        for row in np.flatnonzero(np.diff(page.owners.offsets)).tolist():
            self._ids.append(page.ids[row].tobytes())
            self._owners.append(user_row_id(page.owners[row] or ""))

    def check(self, items: Items, uid: UUID, contents: CollectionRows, suspect: Suspect, findings: Findings) -> int:
        """Compare with every user; return the number of users."""
        ids = np.frombuffer(b"".join(self._ids), np.uint8).reshape(-1, 16)
        listed = np.zeros(len(ids), np.bool_)
        parts = contents.of(USERS)
        seen = [np.zeros(len(part.table), np.bool_) for part in parts]
        count = 0
        for page in user_pages(items, uid, contents.dimensions):
            count += len(page.users) + len(page.bad)
            for bad in page.bad:
                findings.add("a bad user item", bad)
            for user in page.users:
                self._check_list(user, ids, listed, suspect)
                if contents.complete and not _is_mean(contents.of(FACES), user):
                    suspect(user.user_id, "a user's vector is not the mean of its faces'", "")
            if contents.complete:
                table = page.table
                for row, why in matches(parts, seen, table):
                    suspect(table.owners[row] or "", "a user without its row", why)
        for face in np.flatnonzero(~listed).tolist():
            suspect(ids[face].tobytes(), "a face whose user does not list it", "")
        for part, met in zip(parts, seen, strict=True):
            for place in np.flatnonzero(part.living & ~met).tolist() if contents.complete else ():
                suspect(part.table.owners[place] or "", "a row without a user", f"in {part.name}")
        return count

    def _check_list(
        self, user: StoredUser, ids: NDArray[np.uint8], listed: NDArray[np.bool_], suspect: Suspect
    ) -> None:
        row_id = user_row_id(user.user_id)
        places = find(ids, [member.bytes for member in user.members])
        for member, place in zip(user.members, places.tolist(), strict=True):
            if place < 0 or self._owners[place] != row_id:
                suspect(user.user_id, "a user lists a face that is not its own", f"face {member}")
            else:
                listed[place] = True


def check_tokens(items: Items, uid: UUID, findings: Findings) -> None:
    for rows in item_pages(items, owned(uid, "token")):
        for row in rows:
            if not _is_token(row):
                findings.add("a request token makes no sense", row.key.sort)


def _is_token(token: Item) -> bool:
    at = token.attributes
    changed, left = at.get("changed"), at.get("left")
    return (
        isinstance(at.get("input"), bytes)
        and isinstance(at.get("made_ms"), int)
        and isinstance(at.get("user"), str)
        and isinstance(at.get("faces"), int)
        and isinstance(changed, list)
        and isinstance(left, list)
        and all(map(_is_id, changed))
        and all(isinstance(face, dict) and _is_id(face.get("id")) for face in left)
    )


def _is_id(value: object) -> bool:
    return isinstance(value, bytes) and len(value) == 16


def _is_mean(parts: Sequence[Part], user: StoredUser) -> bool:
    """Return True if the vector is right. Also True if some of the faces are missing: that is another finding."""
    found: dict[int, tuple[bytes, float]] = {}
    for part in parts:
        rows = living_rows(part, [member.bytes for member in user.members])
        for place in np.flatnonzero(rows >= 0).tolist():
            found[place] = (part.table.vectors[rows[place]].tobytes(), float(part.table.scales[rows[place]]))
    if not user.members or len(found) < len(user.members):
        return True
    vector, scale = user_vector([found[place] for place in sorted(found)])
    return (vector, np.float32(scale)) == (user.vector, np.float32(user.scale))
