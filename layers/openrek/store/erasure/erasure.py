"""ErasePerson: everything that a collection stores about a person is removed under one plan, which any call can resume.

    clear    staged writes for pictures with the ExternalImageId, if that is erased
    begin    one commit: the plan; if a user is erased, with its faces at that time
    chunks   commits: delete face items and their ids in pictures' records, and change their users; the ids that each
             one removes are stored beside the plan, in its memory
    tokens   delete the stored results of calls that name the person
    end      delete the plan and its memory; the call returns what all attempts removed

The faces of an ExternalImageId are found by the records of their pictures, whose keys begin with it: the cost depends
on the number of faces to erase, not on the collection. The orphan sweep completes abandoned plans.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final
from uuid import UUID

from openrek.domain.clock import SYSTEM_CLOCK, Clock
from openrek.domain.collections import Collection
from openrek.domain.errors import Conflict, user_not_found
from openrek.domain.users import Erased
from openrek.store.erasure.erasure_plans import (
    ErasureEnded,
    ErasurePlan,
    current_plan,
    erasure_plan_of,
    new_erasure_plan,
)
from openrek.store.faces.duplicates import picture_of, removals
from openrek.store.faces.staged_writes import StagedWriteLost, StagedWrites, plans_of, staged_write_of
from openrek.store.items.batches import batches
from openrek.store.items.port import ABSENT, MAX_WRITES, Delete, Item, ItemPage, Items, Key, Put, Write
from openrek.store.items.retries import Sent, refusal_of, send
from openrek.store.log.commits import OWN_WRITES, TOO_MANY_WRITERS, UNFINISHED, Change, Commits, in_pieces
from openrek.store.log.head import Head
from openrek.store.log.keys import user_key
from openrek.store.log.pages import item_pages
from openrek.store.log.rows import UserRow
from openrek.store.users.memberships import Memberships, StoredUser, owner_of, stored_user, user_put
from openrek.store.users.request_tokens import names_any

FACES_PER_COMMIT: Final = 48
USERS_PER_COMMIT: Final = 8
"""All faces of each must be read, to compute its new vector."""

ERASURE_WRITES: Final = OWN_WRITES + 2
"""The head, the log entry, the plan and its memory."""

ATTEMPTS: Final = 8
RECORDS_PER_PAGE: Final = 24
DELETES_PER_TRANSACTION: Final = MAX_WRITES


@dataclass(frozen=True, slots=True)
class Removal:
    """The faces and users to remove in one commit, and the users that it changes, as they are after it."""

    faces: Sequence[Item]
    users: Sequence[StoredUser]
    changed: Sequence[StoredUser]

    @property
    def names(self) -> int:
        """Return the number of removed ids."""
        return len(self.faces) + len(self.users)

    @property
    def face_ids(self) -> list[UUID]:
        return [UUID(bytes=face.attributes["id"]) for face in self.faces]

    @property
    def touched(self) -> dict[str, UserRow | None]:
        """Return the users that it removes or changes, each with its row if it has faces."""
        return {**{user.user_id: None for user in self.users}, **{user.user_id: user.row for user in self.changed}}


class StoredErasure:
    """The erasure of persons from the collections of a store."""

    def __init__(
        self,
        items: Items,
        *,
        faces_per_commit: int = FACES_PER_COMMIT,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._items = items
        self._faces_per_commit = min(faces_per_commit, FACES_PER_COMMIT)
        self._clock = clock
        self._commits = Commits(items, lost=Conflict, clock=clock)
        self._memberships = Memberships(items, self._commits)
        self._staged_writes = StagedWrites(items, clock=clock)

    def erase_user(self, collection: Collection, user_id: str) -> Erased:
        return self._erase(collection, new_erasure_plan(collection.uid, user_id, None, self._clock.now_s()))

    def erase_external_image_id(self, collection: Collection, external_image_id: str) -> Erased:
        try:
            self._stop_adding(collection.uid, external_image_id)
        except StagedWriteLost:
            raise Conflict(reason=UNFINISHED) from None
        return self._erase(collection, new_erasure_plan(collection.uid, None, external_image_id, self._clock.now_s()))

    def complete(self, collection: Collection, item: Item) -> None:
        """Complete an abandoned plan."""
        try:
            self._carry_out(collection, erasure_plan_of(item))
        except ErasureEnded:
            return

    def _stop_adding(self, uid: UUID, external_image_id: str) -> None:
        """Abandon the staged writes of pictures with that id.

        Calls that are still at work on them start over, as if they came after the erasure. Raises StagedWriteLost.
        """
        first = f"{external_image_id}/"
        for item in plans_of(self._items, uid):
            if item.attributes["kind"] == "index":
                plan = staged_write_of(item)
                if any(face.attributes["picture"].startswith(first) for face in self._staged_writes.staged_faces(plan)):
                    self._staged_writes.clear(plan)

    def _erase(self, collection: Collection, fresh: ErasurePlan) -> Erased:
        for _ in range(ATTEMPTS):
            plan = self._commits.commit(collection, lambda head: self._begin(head, fresh))
            if plan is None:
                return Erased((), ())
            with in_pieces(), suppress(ErasureEnded):
                return self._carry_out(collection, plan)
        raise Conflict(reason=UNFINISHED)

    def _begin(self, head: Head, fresh: ErasurePlan) -> Change[ErasurePlan | None]:
        """Begin the plan, or resume the one of an earlier call; the result is None if there is nothing to erase."""
        if fresh.user_id is None:
            (stored,) = self._commits.read_at(head, [fresh.key])
            if stored is None and not self._records(fresh, "").rows:
                return Change(None)
            plan = fresh
        else:
            stored, user = self._commits.read_at(head, [fresh.key, user_key(head.uid, fresh.user_id)])
            if stored is None and user is None:
                raise user_not_found(fresh.user_id)
            plan = fresh if user is None else replace(fresh, face_ids=stored_user(user).members)
        if stored is not None:
            return Change(erasure_plan_of(stored))
        return Change(plan, writes=[Put(plan.key, plan.attributes(), expect=ABSENT)])

    def _carry_out(self, collection: Collection, plan: ErasurePlan) -> Erased:
        """Remove everything that the plan covers. Raises ErasureEnded."""
        if plan.user_id is not None:
            self._erase_faces(collection, plan, partial(self._of_user, plan))
        cursor = ""
        while plan.external_image_id is not None:
            page = self._records(plan, cursor)
            keys = [row.key for row in page.rows]
            self._erase_faces(collection, plan, partial(self._of_pictures, keys))
            if not page.more:
                break
            cursor = keys[-1].sort
        self._delete_tokens(plan)
        return self._end(plan)

    def _records(self, plan: ErasurePlan, cursor: str) -> ItemPage:
        """Return records of the pictures with that ExternalImageId; only these have keys between the two bounds."""
        partition = plan.key.partition.removesuffix("/plan") + "/duplicate"
        first, last = f"{plan.external_image_id}/", f"{plan.external_image_id}0"
        return self._items.query(partition, after=cursor or first, through=last, limit=RECORDS_PER_PAGE)

    def _of_user(self, plan: ErasurePlan, head: Head) -> list[UUID]:
        """Return the faces that the user had when the erasure began, and those that it has now."""
        user = None if plan.user_id is None else self._memberships.user(head, plan.user_id)
        return list(dict.fromkeys([*plan.face_ids, *(user.members if user else ())]))

    def _of_pictures(self, keys: Sequence[Key], head: Head) -> list[UUID]:
        records = self._commits.read_at(head, keys)
        return [
            UUID(bytes=face["id"]) for record in records if record is not None for face in record.attributes["faces"]
        ]

    def _erase_faces(self, collection: Collection, plan: ErasurePlan, find: Callable[[Head], Sequence[UUID]]) -> None:
        """Commit chunk after chunk, until no face remains that `find` finds."""
        while self._commits.commit(collection, lambda head: self._chunk(head, plan, find(head))):
            pass

    def _chunk(self, head: Head, begun: ErasurePlan, face_ids: Sequence[UUID]) -> Change[bool]:
        """Return the change of one chunk; its result is whether more faces may remain. Raises ErasureEnded."""
        (stored,) = self._commits.read_at(head, [begun.key])
        plan = current_plan(begun, stored)
        there = [face for face in self._memberships.faces(head, face_ids).values() if face is not None]
        chosen = self._chosen(there)
        removal = self._removal(head, plan, chosen)
        if not removal.names:
            return Change(False)
        memory = plan.memories()[-1]
        (known,) = self._commits.read_at(head, [memory])
        after = replace(plan, removed=plan.removed + removal.names)
        return Change(
            len(chosen) < len(there),
            deleted=removal.face_ids,
            writes=[
                Put(plan.key, after.attributes(), expect=plan.unmoved),
                Put(memory, _remembered(known, removal)),
                *removals(removal.faces, lambda keys: self._commits.read_at(head, keys)),
                *(Delete(user.key) for user in removal.users),
                *(user_put(user) for user in removal.changed),
            ],
            faces=-len(removal.faces),
            users=-len(removal.users),
            touched=removal.touched,
        )

    def _chosen(self, faces: Sequence[Item]) -> list[Item]:
        """Return as many faces as fit one transaction with their pictures' records and their users."""
        chosen: list[Item] = []
        pictures: set[Key] = set()
        owners: set[str] = set()
        for face in faces:
            pictures.add(picture_of(face))
            owners |= {owner for owner in [owner_of(face)] if owner is not None}
            # The user that is erased may be among the owners, or not.
            writes = ERASURE_WRITES + len(chosen) + 1 + len(pictures) + len(owners) + 1
            if writes > MAX_WRITES or len(owners) > USERS_PER_COMMIT or len(chosen) >= self._faces_per_commit:
                break
            chosen.append(face)
        return chosen

    def _removal(self, head: Head, plan: ErasurePlan, faces: Sequence[Item]) -> Removal:
        """Return the removal of `faces`.

        The plan's user goes once it has no face; of an ExternalImageId, every user that loses its last one.
        """
        doomed = {UUID(bytes=face.attributes["id"]) for face in faces}
        owners = {owner for face in faces if (owner := owner_of(face)) is not None}
        users = self._memberships.users(head, owners | ({plan.user_id} if plan.user_id is not None else set()))
        staying = {user.user_id: [member for member in user.members if member not in doomed] for user in users}
        items = self._memberships.faces(head, [face_id for members in staying.values() for face_id in members])
        emptied: list[StoredUser] = []
        changed: list[StoredUser] = []
        for user in users:
            members = [item for member in staying[user.user_id] if (item := items[member]) is not None]
            if not members and plan.user_id in (None, user.user_id):
                emptied.append(user)
            elif len(members) < len(user.members):
                changed.append(user.with_members(members))
        return Removal(faces, emptied, changed)

    def _delete_tokens(self, plan: ErasurePlan) -> None:
        """Delete the stored results that name a removed face or user."""
        erased = self._remembered(plan)
        users, faces = set(erased.user_ids), {face_id.bytes for face_id in erased.face_ids}
        for rows in item_pages(self._items, plan.key.partition.removesuffix("/plan") + "/token"):
            self._delete([row.key for row in rows if names_any(row, users, faces)])

    def _end(self, plan: ErasurePlan) -> Erased:
        """Delete the plan and its memory; return all that was removed. Raises ErasureEnded."""
        for _ in range(ATTEMPTS):
            now = current_plan(plan, self._items.get(plan.key))
            erased = self._remembered(now)
            memories = now.memories()
            self._delete(memories[DELETES_PER_TRANSACTION - 1 :])
            writes: list[Write] = [
                Delete(now.key, expect=now.unmoved),
                *(Delete(key) for key in memories[: DELETES_PER_TRANSACTION - 1]),
            ]
            sent = send(self._items, writes, clock=self._clock)
            if sent is Sent.WRITTEN or (sent is Sent.DOUBTFUL and self._items.get(plan.key) is None):
                return erased
            if sent not in (Sent.REFUSED, Sent.DOUBTFUL):
                raise refusal_of(sent)
        raise Conflict(reason=TOO_MANY_WRITERS)

    def _remembered(self, plan: ErasurePlan) -> Erased:
        """Return the faces and users that the plan's chunks removed so far."""
        found = [item for key in plan.memories() if (item := self._items.get(key)) is not None]
        faces = {UUID(bytes=face_id) for item in found for face_id in item.attributes["faces"]}
        users = {user_id for item in found for user_id in item.attributes["users"]}
        return Erased(tuple(sorted(faces)), tuple(sorted(users)))

    def _delete(self, keys: Sequence[Key]) -> None:
        for batch in batches(keys, DELETES_PER_TRANSACTION):
            deletions: list[Write] = [Delete(key) for key in batch]
            sent = send(self._items, deletions, clock=self._clock)
            if sent is not Sent.WRITTEN:
                raise refusal_of(sent)


def _remembered(known: Item | None, removal: Removal) -> dict[str, Any]:
    before: Mapping[str, Any] = {"faces": [], "users": []} if known is None else known.attributes
    return {
        "kind": "erased",
        "faces": [*before["faces"], *(face_id.bytes for face_id in removal.face_ids)],
        "users": [*before["users"], *(user.user_id for user in removal.users)],
    }
