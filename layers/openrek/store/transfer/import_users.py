"""Import of an archive's users: the check that they fit into the collection, and their creation."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final
from uuid import UUID

import numpy as np

from openrek.domain.celebrities import Celebrity
from openrek.domain.clock import Clock
from openrek.domain.collections import Collection
from openrek.domain.users import MOST_FACES_OF_USER
from openrek.store.items.batches import batches
from openrek.store.items.port import Items
from openrek.store.log.commits import Change, Commits
from openrek.store.log.head import Head
from openrek.store.log.keys import user_key
from openrek.store.transfer.archive import Archive, BadArchive
from openrek.store.transfer.archived_celebrities import unpacked_celebrities
from openrek.store.users.memberships import StoredUser, new_user, stored_user, user_put
from openrek.store.users.users import StoredUsers

USERS_PER_COMMIT: Final = 97
"""The head among 100 keys of a snapshot, and the log entry, take the rest."""


def compare_users(items: Items, archive: Archive, collection: Collection | None, max_users: int) -> None:
    """Raise BadArchive if the users do not fit into the collection; None: it is still to be made."""
    members = _members(archive)
    celebrities = unpacked_celebrities(archive.celebrities)
    known = {} if collection is None else _known(items, collection, list(members))
    for user_id, user in known.items():
        if len({*user.members, *members[user_id]}) > MOST_FACES_OF_USER:
            raise BadArchive(f"The user {user_id} would have more than {MOST_FACES_OF_USER} faces.")
        if user_id in celebrities and user.celebrity not in (None, celebrities[user_id]):
            raise BadArchive(f"In the collection the user {user_id} is another celebrity.")
    if (collection.user_count if collection else 0) + len(members) - len(known) > max_users:
        raise BadArchive(f"The collection would have more than the {max_users} users that it may hold.")


def import_users(
    items: Items,
    commits: Commits,
    archive: Archive,
    collection: Collection,
    *,
    clock: Clock,
) -> None:
    """Create the users that are missing, and give each its faces.

    Raises BadArchive if other clients took the faces meanwhile; any Refusal that a commit may end in.
    """
    members, celebrities = _members(archive), unpacked_celebrities(archive.celebrities)
    for chunk in _chunks(list(members)):
        commits.commit(collection, partial(_missing, commits, chunk, celebrities))
    users = StoredUsers(items, clock=clock)
    for user_id, face_ids in members.items():
        if not face_ids:
            continue
        joined = users.associate(collection, user_id, face_ids, lowest_cosine=-1.0, idempotency_token=None)
        if joined.skipped:
            raise BadArchive(f"Faces of the user {user_id} were deleted or given to others meanwhile; try again.")


def _members(archive: Archive) -> dict[str, list[UUID]]:
    """Return each user of the archive with its faces, in order."""
    members: dict[str, list[UUID]] = {user.decode(): [] for user in archive.users.tolist()}
    for row in np.flatnonzero(archive.user_ids != b"").tolist():
        members[archive.user_ids[row].decode()].append(UUID(archive.face_ids[row].decode()))
    return members


def _known(items: Items, collection: Collection, user_ids: Sequence[str]) -> dict[str, StoredUser]:
    found = [
        item
        for chunk in _chunks(user_ids)
        for item in items.read([user_key(collection.uid, user_id) for user_id in chunk])
        if item is not None
    ]
    return {item.key.sort: stored_user(item) for item in found}


def _chunks(user_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    yield from batches(user_ids, USERS_PER_COMMIT)


def _missing(
    commits: Commits, user_ids: Sequence[str], celebrities: Mapping[str, Celebrity], head: Head
) -> Change[None]:
    """Return the change that creates the missing users, and tells of those that are there what is known of them."""
    found = commits.read_at(head, [user_key(head.uid, user_id) for user_id in user_ids])
    users = [None if item is None else stored_user(item) for item in found]
    stored = dict(zip(user_ids, users, strict=True))
    wanted = {
        user_id: replace(user or new_user(head, user_id), celebrity=celebrities.get(user_id) or _known_of(user))
        for user_id, user in stored.items()
    }
    changed = {user_id: user for user_id, user in wanted.items() if user != stored[user_id]}
    missing = [user_id for user_id in changed if stored[user_id] is None]
    writes = [user_put(user, new=user_id in missing) for user_id, user in changed.items()]
    touched = {user_id: user.row for user_id, user in changed.items()}
    return Change(None, writes=writes, users=len(missing), touched=touched)


def _known_of(user: StoredUser | None) -> Celebrity | None:
    return None if user is None else user.celebrity
