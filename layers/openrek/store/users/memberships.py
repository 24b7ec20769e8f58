"""Who belongs to whom: users as they are stored, and faces that change hands.

A user's item lists its faces, each face's item names its user, and the vector of the user is that of exactly these
faces: one transaction changes all of it. It holds 100 operations, so of many faces only the first get their items
rewritten; the others were claimed for the user by a commit before, which changed nothing that anyone can see (see
openrek.store.log.visibility).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID

from openrek.domain.collections import Collection
from openrek.domain.errors import InternalServerError
from openrek.domain.users import User
from openrek.store.items.port import ABSENT, MAX_OPERATIONS, Item, Items, Key, Operation, Put
from openrek.store.log.commits import OWN_OPERATIONS, Change, Commits
from openrek.store.log.head import Head
from openrek.store.log.keys import face_key, user_key
from openrek.store.log.rows import SCALE, FaceRow, UserRow, face_row
from openrek.store.log.visibility import visible
from openrek.store.users.user_vectors import user_vector

KEYS_PER_READ: Final = 99
FACES_PER_RELEASE: Final = MAX_OPERATIONS - OWN_OPERATIONS
MARKS: Final = ("plan", "plan_id", "claim", "owner")
"""Attributes of a face item that tell whose it is, or leave it open."""


@dataclass(frozen=True, slots=True)
class StoredUser:
    """`members` in ascending order; `vector` and `scale` are their user_vector, empty without members. `seq` is the
    change that made the user."""

    key: Key
    members: tuple[UUID, ...]
    vector: bytes
    scale: float
    seq: int

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
        return {**found, "vector": self.vector, "scale": SCALE.pack(self.scale)} if self.members else found

    def with_members(self, faces: Iterable[Item]) -> "StoredUser":
        """The same user with just these faces."""
        rows = sorted((face_row(face.attributes) for face in faces), key=lambda row: row.face.face_id)
        vector, scale = user_vector([(row.vector, row.scale) for row in rows]) if rows else (b"", 0.0)
        # The scale that a reader will see: float32.
        return StoredUser(
            self.key, tuple(row.face.face_id for row in rows), vector, SCALE.unpack(SCALE.pack(scale))[0], self.seq
        )


def stored_user(item: Item) -> StoredUser:
    at = item.attributes
    members = tuple(UUID(bytes=member) for member in at["members"])
    vector, scale = (at["vector"], SCALE.unpack(at["scale"])[0]) if members else (b"", 0.0)
    return StoredUser(item.key, members, vector, scale, at["seq"])


class Memberships:
    """Reads users and faces at a head."""

    def __init__(self, items: Items, commits: Commits) -> None:
        self._items = items
        self._commits = commits

    def user(self, head: Head, user_id: str) -> StoredUser | None:
        item = self._commits.read_at(head, [user_key(head.uid, user_id)])[0]
        return None if item is None else stored_user(item)

    def users(self, head: Head, user_ids: Iterable[str]) -> list[StoredUser]:
        """Those that exist."""
        found = self._read(head, [user_key(head.uid, user_id) for user_id in sorted(set(user_ids))])
        return [stored_user(item) for item in found if item is not None]

    def faces(self, head: Head, face_ids: Iterable[UUID]) -> Mapping[UUID, Item | None]:
        """Each asked face as readers may see it, None where there is none."""
        asked = list(dict.fromkeys(face_ids))
        found = self._read(head, [face_key(head.uid, face_id) for face_id in asked])
        return dict(zip(asked, visible(self._items, found), strict=True))

    def items(self, members: Sequence[UUID], faces: Mapping[UUID, Item | None]) -> list[Item]:
        """Of a user's faces, in order. Raises InternalServerError if the collection is damaged."""
        found = [item for member in members if (item := faces[member]) is not None]
        if len(found) != len(members):
            raise InternalServerError(reason="The user has a face that is not there; `openrek verify` says more.")
        return found

    def release(self, collection: Collection, face_ids: Sequence[UUID]) -> None:
        """Claims that no user makes good leave the faces: their names are forgotten.

        Each commit moves the head, so that a call which counts on its claims looks again. Raises what a commit raises.
        """

        def prepare(part: Sequence[UUID], head: Head) -> Change[None]:
            found = self.faces(head, part).values()
            return Change(None, writes=hand_over([face for face in found if face is not None and is_void(face)], None))

        for start in range(0, len(face_ids), FACES_PER_RELEASE):
            self._commits.commit(collection, partial(prepare, face_ids[start : start + FACES_PER_RELEASE]))

    def _read(self, head: Head, keys: Sequence[Key]) -> list[Item | None]:
        found: list[Item | None] = []
        for start in range(0, len(keys), KEYS_PER_READ):
            found += self._commits.read_at(head, keys[start : start + KEYS_PER_READ])
        return found


def new_user(head: Head, user_id: str) -> StoredUser:
    return StoredUser(user_key(head.uid, user_id), (), b"", 0.0, head.seq + 1)


def user_put(user: StoredUser, *, new: bool = False) -> Operation:
    return Put(user.key, user.attributes(), expect=ABSENT if new else None)


def handed_over(faces: Sequence[Item], owner: str | None) -> list[FaceRow]:
    """The rows of `faces` once they belong to `owner`."""
    return [face_row(_attributes(face, owner)) for face in faces]


def hand_over(faces: Sequence[Item], owner: str | None) -> list[Operation]:
    return [Put(face.key, _attributes(face, owner)) for face in faces]


def unclaimed(faces: Sequence[Item], user_id: str) -> list[Item]:
    """Those whose items the user's own item does not yet decide about."""
    return [face for face in faces if face.attributes.get("claim") != user_id]


def claim(faces: Sequence[Item], user_id: str) -> list[Operation]:
    """`faces` are the user's, or nobody's, and stay it until the user's item says otherwise."""
    return [Put(face.key, {**_attributes(face, None), "claim": user_id}) for face in faces]


def is_void(face: Item) -> bool:
    """Whether a visible face carries a claim that means nothing, but spells a name."""
    return "claim" in face.attributes and owner_of(face) is None


def owner_of(face: Item) -> str | None:
    """Of a visible face."""
    owner: str | None = face.attributes.get("owner")
    return owner


def _attributes(face: Item, owner: str | None) -> dict[str, Any]:
    kept = {name: value for name, value in face.attributes.items() if name not in MARKS}
    return kept if owner is None else {**kept, "owner": owner}
