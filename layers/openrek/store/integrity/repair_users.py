"""Repair of users and the owners of faces: a face belongs to a user only where both of them say so.

So a doubt never gives a face to the wrong person. Vectors are computed anew from the remaining faces. Every write has
the condition that nothing was written to the collection since its head was read.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from openrek.domain.clock import Clock
from openrek.domain.models import face_model
from openrek.store.integrity.item_scan import fault_of_face, user_pages
from openrek.store.items.batches import batches
from openrek.store.items.port import Check, Item, Items, Put, Write
from openrek.store.items.retries import Sent, send
from openrek.store.log.commits import Commits, Moved
from openrek.store.log.head import Head
from openrek.store.log.keys import face_key, owned, user_key
from openrek.store.log.pages import item_pages
from openrek.store.log.visibility import visible
from openrek.store.users.memberships import Memberships, StoredUser, hand_over, is_void, owner_of, stored_user

PER_TRANSACTION: Final = 90


def mend_users(items: Items, head: Head, *, clock: Clock) -> None:
    """Repair the users and owners; bad items are skipped. Can be killed at any step and repeated.

    Raises Moved if the collection changed since `head`.
    """

    def write(operations: Sequence[Write]) -> None:
        for batch in batches(operations, PER_TRANSACTION):
            if send(items, [Check(head.key, head.unmoved), *batch], clock=clock) is not Sent.WRITTEN:
                raise Moved

    for page in user_pages(items, head.uid, face_model(head.model).dimensions):
        corrected = [(user, _corrected(items, head, user)) for user in page.users]
        write([Put(after.key, after.attributes(), forget=True) for before, after in corrected if after != before])
    for rows in item_pages(items, owned(head.uid, "face")):
        claimed = [face for face in visible(items, rows) if face is not None and owner_of(face) is not None]
        for batch in batches(claimed, PER_TRANSACTION):
            write(hand_over(_unlisted(items, head, batch), None))


def release_claims(items: Items, head: Head, *, clock: Clock) -> None:
    """Remove from faces the names of users that they do not belong to: clients that died leave claims.

    For a collection that is whole. Raises what a commit raises.
    """
    memberships = Memberships(items, Commits(items, clock=clock))
    for rows in item_pages(items, owned(head.uid, "face")):
        void = [UUID(face.key.sort) for face in visible(items, rows) if face is not None and is_void(face)]
        memberships.release(head.collection(), void)


def _corrected(items: Items, head: Head, user: StoredUser) -> StoredUser:
    """Return the user with those of its faces whose items name it."""
    faces: list[Item | None] = []
    for batch in batches(user.members, PER_TRANSACTION):
        keys = [face_key(head.uid, member) for member in batch]
        faces += visible(items, items.read(keys))
    dimensions = face_model(head.model).dimensions
    return user.with_members(
        face
        for face in faces
        if face is not None and owner_of(face) == user.user_id and fault_of_face(face, dimensions) is None
    )


def _unlisted(items: Items, head: Head, faces: Sequence[Item]) -> list[Item]:
    """Return the faces whose user does not list them, or does not exist."""
    keys = sorted({user_key(head.uid, owner) for face in faces if (owner := owner_of(face)) is not None})
    users = {item.key.sort: stored_user(item) for item in items.read(keys) if item is not None}
    return [
        face
        for face in faces
        if (user := users.get(owner_of(face) or "")) is None or UUID(face.key.sort) not in user.members
    ]
