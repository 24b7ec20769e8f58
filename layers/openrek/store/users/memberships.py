"""Memberships: users as they are stored, and faces that join or leave them.

A user's item lists its faces, each face's item names its user, and the vector of the user is that of exactly these
faces: one transaction changes all of it. It holds 100 writes, so of many faces only the first get their items
rewritten; the others were claimed for the user by an earlier commit, which changed nothing that anyone can see
(openrek.store.log.visibility).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final
from uuid import UUID

from openrek.domain.celebrities import Celebrity
from openrek.domain.collections import Collection
from openrek.domain.errors import InternalServerError
from openrek.domain.users import User
from openrek.store.items.batches import batches
from openrek.store.items.port import ABSENT, MAX_WRITES, Item, Items, Key, Put, Write
from openrek.store.log.commits import OWN_WRITES, Change, Commits
from openrek.store.log.head import Head
from openrek.store.log.keys import face_key, user_key
from openrek.store.log.rows import SCALE, FaceRow, UserRow, face_row
from openrek.store.log.visibility import visible
from openrek.store.users.celebrities import celebrity_attributes, celebrity_in
from openrek.store.users.user_vectors import user_vector

KEYS_PER_READ: Final = 99
FACES_PER_RELEASE: Final = MAX_WRITES - OWN_WRITES
MARKS: Final = ("plan", "plan_id", "claim", "owner")
"""Attributes of a face item that name its user, or a plan or claim that is not decided yet."""


@dataclass(frozen=True, slots=True)
class StoredUser:
    """A user as it is stored.

    `members` are in ascending order; `vector` and `scale` are their user_vector, empty without members. `seq` is the
    change that created the user. `celebrity` is what is known of one.
    """

    key: Key
    members: tuple[UUID, ...]
    vector: bytes
    scale: float
    seq: int
    celebrity: Celebrity | None = None

    @property
    def user_id(self) -> str:
        return self.key.sort

    @property
    def user(self) -> User:
        return User(self.user_id, len(self.members))

    @property
    def row(self) -> UserRow | None:
        return UserRow(self.user_id, len(self.members), self.vector, self.scale) if self.members else None

    def attributes(self) -> dict[str, Any]:
        found: dict[str, Any] = {"members": [member.bytes for member in self.members], "seq": self.seq}
        if self.celebrity is not None:
            found["celebrity"] = celebrity_attributes(self.celebrity)
        return {**found, "vector": self.vector, "scale": SCALE.pack(self.scale)} if self.members else found

    def with_members(self, faces: Iterable[Item]) -> "StoredUser":
        """Return the same user with just these faces."""
        rows = sorted((face_row(face.attributes) for face in faces), key=lambda row: row.face.face_id)
        vector, scale = user_vector([(row.vector, row.scale) for row in rows]) if rows else (b"", 0.0)
        # Readers see the scale as float32.
        return replace(
            self,
            members=tuple(row.face.face_id for row in rows),
            vector=vector,
            scale=SCALE.unpack(SCALE.pack(scale))[0],
        )


def stored_user(item: Item) -> StoredUser:
    """Return the user in its item."""
    at = item.attributes
    members = tuple(UUID(bytes=member) for member in at["members"])
    vector, scale = (at["vector"], SCALE.unpack(at["scale"])[0]) if members else (b"", 0.0)
    return StoredUser(item.key, members, vector, scale, at["seq"], celebrity_in(at.get("celebrity")))


class Memberships:
    """The users and faces of a collection as of a head. Reads raise Moved if the head is not that one any more."""

    def __init__(self, items: Items, commits: Commits) -> None:
        self._items = items
        self._commits = commits

    def user(self, head: Head, user_id: str) -> StoredUser | None:
        """Return the user, or None if it does not exist."""
        item = self._commits.read_at(head, [user_key(head.uid, user_id)])[0]
        return None if item is None else stored_user(item)

    def users(self, head: Head, user_ids: Iterable[str]) -> list[StoredUser]:
        """Return the users that exist, in the order of their ids."""
        found = self._read(head, [user_key(head.uid, user_id) for user_id in sorted(set(user_ids))])
        return [stored_user(item) for item in found if item is not None]

    def faces(self, head: Head, face_ids: Iterable[UUID]) -> Mapping[UUID, Item | None]:
        """Return each face as readers see it, None where there is none."""
        ids = list(dict.fromkeys(face_ids))
        found = self._read(head, [face_key(head.uid, face_id) for face_id in ids])
        return dict(zip(ids, visible(self._items, found), strict=True))

    def items(self, members: Sequence[UUID], faces: Mapping[UUID, Item | None]) -> list[Item]:
        """Return the items of a user's faces, in order. Raises InternalServerError if the collection is damaged."""
        found = [item for member in members if (item := faces[member]) is not None]
        if len(found) != len(members):
            raise InternalServerError(reason="The user has a face that is not there; `openrek verify` says more.")
        return found

    def release(self, collection: Collection, face_ids: Sequence[UUID]) -> None:
        """Remove claims that no user's item confirms from the faces, and with them the users' names.

        Each commit moves the head, so that a call that relies on its claims reads them again. Raises as `commit` does.
        """

        def prepare(part: Sequence[UUID], head: Head) -> Change[None]:
            found = self.faces(head, part).values()
            return Change(None, writes=hand_over([face for face in found if face is not None and is_void(face)], None))

        for batch in batches(face_ids, FACES_PER_RELEASE):
            self._commits.commit(collection, partial(prepare, batch))

    def _read(self, head: Head, keys: Sequence[Key]) -> list[Item | None]:
        found: list[Item | None] = []
        for start in range(0, len(keys), KEYS_PER_READ):
            found += self._commits.read_at(head, keys[start : start + KEYS_PER_READ])
        return found


def new_user(head: Head, user_id: str) -> StoredUser:
    """Return a user without faces, which the next change creates."""
    return StoredUser(user_key(head.uid, user_id), (), b"", 0.0, head.seq + 1)


def user_put(user: StoredUser, *, new: bool = False) -> Write:
    """Return the write of a user; if it is `new`, no such user may exist."""
    return Put(user.key, user.attributes(), expect=ABSENT if new else None)


def handed_over(faces: Sequence[Item], owner: str | None) -> list[FaceRow]:
    """Return the rows of `faces` as they are after they were handed to `owner`."""
    return [face_row(_attributes(face, owner)) for face in faces]


def hand_over(faces: Sequence[Item], owner: str | None) -> list[Write]:
    """Return the writes that hand `faces` to `owner`, or to nobody."""
    return [Put(face.key, _attributes(face, owner)) for face in faces]


def unclaimed(faces: Sequence[Item], user_id: str) -> list[Item]:
    """Return the faces without a claim for this user: its item does not decide about them yet."""
    return [face for face in faces if face.attributes.get("claim") != user_id]


def claim(faces: Sequence[Item], user_id: str) -> list[Write]:
    """Return the writes that let the user's item decide about `faces`.

    The faces are the user's, or nobody's, and stay so until that item changes.
    """
    return [Put(face.key, {**_attributes(face, None), "claim": user_id}) for face in faces]


def is_void(face: Item) -> bool:
    """Return whether a visible face has a claim that its user's item does not confirm: it still spells the name."""
    return "claim" in face.attributes and owner_of(face) is None


def owner_of(face: Item) -> str | None:
    """Return the user of a visible face, or None."""
    owner: str | None = face.attributes.get("owner")
    return owner


def _attributes(face: Item, owner: str | None) -> dict[str, Any]:
    kept = {name: value for name, value in face.attributes.items() if name not in MARKS}
    return kept if owner is None else {**kept, "owner": owner}
