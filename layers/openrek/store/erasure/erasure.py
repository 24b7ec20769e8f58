"""ErasePerson: everything that a collection knows of a person, removed as one plan that anyone can take up again.

    clear    what larger IndexFaces calls wrote ahead for pictures with the ExternalImageId, where that is erased
    begin    one commit: the plan, with the person's faces as they are then where a user is erased
    chunks   commits: face items, their places in their pictures' records, and what that makes of their users; what each
             one removed is remembered beside the plan
    tokens   the kept answers of calls that tell of the person
    end      the plan and its memory go; the call answers for all attempts

The faces of an ExternalImageId are found by the records of their pictures, whose keys begin with it: what that costs
depends on what there is to erase, not on the collection. A plan that nobody comes back for is completed by the eraser.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final
from uuid import UUID

from openrek.domain.collections import Collection
from openrek.domain.errors import Conflict, user_not_found
from openrek.domain.users import Erased
from openrek.store.erasure.erasure_plans import Gone, Plan, erasure_plan, fresh_plan, still
from openrek.store.faces.duplicates import picture_of, removals
from openrek.store.faces.staged_writes import PlanLost, Plans, plan_from, plans_of
from openrek.store.items.port import ABSENT, MAX_OPERATIONS, Delete, Item, ItemPage, Items, Key, Operation, Put
from openrek.store.items.retries import Sent, no_answer, send
from openrek.store.log.commits import OWN_OPERATIONS, TOO_MANY_WRITERS, UNFINISHED, Change, Commits, in_pieces
from openrek.store.log.head import Head
from openrek.store.log.keys import user_key
from openrek.store.log.pages import item_pages
from openrek.store.log.rows import UserRow
from openrek.store.users.memberships import Memberships, StoredUser, owner_of, stored_user, user_put
from openrek.store.users.request_tokens import names_any

FACES_PER_COMMIT: Final = 48
USERS_PER_COMMIT: Final = 8
"""All faces of each must be read, to give it its new vector."""

OWN: Final = OWN_OPERATIONS + 2
"""The plan and its memory besides the head and the log entry."""

ATTEMPTS: Final = 8
RECORDS_PER_PAGE: Final = 24
DELETES_PER_TRANSACTION: Final = MAX_OPERATIONS


@dataclass(frozen=True, slots=True)
class Removal:
    """What goes in one commit, and the users that it changes, as they are after it."""

    faces: Sequence[Item]
    gone: Sequence[StoredUser]
    changed: Sequence[StoredUser]

    @property
    def names(self) -> int:
        return len(self.faces) + len(self.gone)

    @property
    def face_ids(self) -> list[UUID]:
        return [UUID(bytes=face.attributes["id"]) for face in self.faces]

    @property
    def touched(self) -> dict[str, UserRow | None]:
        return {**{user.user_id: None for user in self.gone}, **{user.user_id: user.row for user in self.changed}}


class StoredErasure:
    def __init__(
        self,
        items: Items,
        *,
        faces_per_commit: int = FACES_PER_COMMIT,
        clock: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """`clock` gives epoch seconds, `pause` takes seconds."""
        self._items = items
        self._faces_per_commit = min(faces_per_commit, FACES_PER_COMMIT)
        self._clock = clock
        self._pause = pause
        self._commits = Commits(items, lost=Conflict, pause=pause)
        self._memberships = Memberships(items, self._commits)
        self._plans = Plans(items, clock=clock, pause=pause)

    def erase_user(self, collection: Collection, user_id: str) -> Erased:
        return self._erase(collection, fresh_plan(collection.uid, user_id, None, self._clock()))

    def erase_external_image_id(self, collection: Collection, external_image_id: str) -> Erased:
        try:
            self._stop_adding(collection.uid, external_image_id)
        except PlanLost:
            raise Conflict(reason=UNFINISHED) from None
        return self._erase(collection, fresh_plan(collection.uid, None, external_image_id, self._clock()))

    def complete(self, collection: Collection, item: Item) -> None:
        """End a plan that nobody came back for."""
        try:
            self._carry_out(collection, erasure_plan(item))
        except Gone:
            return

    def _stop_adding(self, uid: UUID, external_image_id: str) -> None:
        """What calls wrote ahead for pictures with that id goes; those that are still at work begin anew, as if they
        came after the erasure. Raises PlanLost."""
        first = f"{external_image_id}/"
        for item in plans_of(self._items, uid):
            if item.attributes["kind"] == "index":
                plan = plan_from(item)
                if any(face.attributes["picture"].startswith(first) for face in self._plans.staged(plan)):
                    self._plans.clear(plan)

    def _erase(self, collection: Collection, fresh: Plan) -> Erased:
        for _ in range(ATTEMPTS):
            plan = self._commits.commit(collection, lambda head: self._begin(head, fresh))
            if plan is None:
                return Erased((), ())
            with in_pieces(), suppress(Gone):
                return self._carry_out(collection, plan)
        raise Conflict(reason=UNFINISHED)

    def _begin(self, head: Head, fresh: Plan) -> Change[Plan | None]:
        """Begins the plan, or takes up the one of an earlier call; None if there is nothing to erase."""
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
            return Change(erasure_plan(stored))
        return Change(plan, writes=[Put(plan.key, plan.attributes(), expect=ABSENT)])

    def _carry_out(self, collection: Collection, plan: Plan) -> Erased:
        """Raises Gone."""
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
        self._forget_tokens(plan)
        return self._end(plan)

    def _records(self, plan: Plan, cursor: str) -> ItemPage:
        """Records of the pictures with that ExternalImageId; only these have keys between the two bounds."""
        partition = plan.key.partition.removesuffix("/plan") + "/duplicate"
        first, last = f"{plan.external_image_id}/", f"{plan.external_image_id}0"
        return self._items.query(partition, after=cursor or first, through=last, limit=RECORDS_PER_PAGE)

    def _of_user(self, plan: Plan, head: Head) -> list[UUID]:
        """The faces that the user had when the erasure began, and those that it has now."""
        user = None if plan.user_id is None else self._memberships.user(head, plan.user_id)
        return list(dict.fromkeys([*plan.face_ids, *(user.members if user else ())]))

    def _of_pictures(self, keys: Sequence[Key], head: Head) -> list[UUID]:
        records = self._commits.read_at(head, keys)
        return [
            UUID(bytes=face["id"]) for record in records if record is not None for face in record.attributes["faces"]
        ]

    def _erase_faces(self, collection: Collection, plan: Plan, find: Callable[[Head], Sequence[UUID]]) -> None:
        """One commit after the other, until nothing is left of what `find` finds."""
        while self._commits.commit(collection, lambda head: self._chunk(head, plan, find(head))):
            pass

    def _chunk(self, head: Head, begun: Plan, face_ids: Sequence[UUID]) -> Change[bool]:
        """The answer is whether there may be more. Raises Gone."""
        (stored,) = self._commits.read_at(head, [begun.key])
        plan = still(begun, stored)
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
                *(Delete(user.key) for user in removal.gone),
                *(user_put(user) for user in removal.changed),
            ],
            faces=-len(removal.faces),
            users=-len(removal.gone),
            touched=removal.touched,
        )

    def _chosen(self, faces: Sequence[Item]) -> list[Item]:
        """As many as fit one transaction with their pictures' records and their users."""
        chosen: list[Item] = []
        pictures: set[Key] = set()
        owners: set[str] = set()
        for face in faces:
            pictures.add(picture_of(face))
            owners |= {owner for owner in [owner_of(face)] if owner is not None}
            # The user that is erased may be among the owners, or not.
            operations = OWN + len(chosen) + 1 + len(pictures) + len(owners) + 1
            if operations > MAX_OPERATIONS or len(owners) > USERS_PER_COMMIT or len(chosen) >= self._faces_per_commit:
                break
            chosen.append(face)
        return chosen

    def _removal(self, head: Head, plan: Plan, faces: Sequence[Item]) -> Removal:
        """The plan's user goes once it has no face; of an ExternalImageId, every user that loses its last one."""
        doomed = {UUID(bytes=face.attributes["id"]) for face in faces}
        owners = {owner for face in faces if (owner := owner_of(face)) is not None}
        users = self._memberships.users(head, owners | ({plan.user_id} if plan.user_id is not None else set()))
        staying = {user.user_id: [member for member in user.members if member not in doomed] for user in users}
        items = self._memberships.faces(head, [face_id for members in staying.values() for face_id in members])
        gone: list[StoredUser] = []
        changed: list[StoredUser] = []
        for user in users:
            members = [item for member in staying[user.user_id] if (item := items[member]) is not None]
            if not members and plan.user_id in (None, user.user_id):
                gone.append(user)
            elif len(members) < len(user.members):
                changed.append(user.with_members(members))
        return Removal(faces, gone, changed)

    def _forget_tokens(self, plan: Plan) -> None:
        erased = self._remembered(plan)
        users, faces = set(erased.user_ids), {face_id.bytes for face_id in erased.face_ids}
        for rows in item_pages(self._items, plan.key.partition.removesuffix("/plan") + "/token"):
            self._delete([row.key for row in rows if names_any(row, users, faces)])

    def _end(self, plan: Plan) -> Erased:
        """Raises Gone."""
        for _ in range(ATTEMPTS):
            now = still(plan, self._items.get(plan.key))
            erased = self._remembered(now)
            memories = now.memories()
            self._delete(memories[DELETES_PER_TRANSACTION - 1 :])
            operations: list[Operation] = [
                Delete(now.key, expect=now.unmoved),
                *(Delete(key) for key in memories[: DELETES_PER_TRANSACTION - 1]),
            ]
            sent = send(self._items, operations, pause=self._pause)
            if sent is Sent.WRITTEN or (sent is Sent.DOUBTFUL and self._items.get(plan.key) is None):
                return erased
            if sent not in (Sent.REFUSED, Sent.DOUBTFUL):
                raise no_answer(sent)
        raise Conflict(reason=TOO_MANY_WRITERS)

    def _remembered(self, plan: Plan) -> Erased:
        """What the plan's chunks removed so far."""
        found = [item for key in plan.memories() if (item := self._items.get(key)) is not None]
        faces = {UUID(bytes=face_id) for item in found for face_id in item.attributes["faces"]}
        users = {user_id for item in found for user_id in item.attributes["users"]}
        return Erased(tuple(sorted(faces)), tuple(sorted(users)))

    def _delete(self, keys: Sequence[Key]) -> None:
        for start in range(0, len(keys), DELETES_PER_TRANSACTION):
            deletions: list[Operation] = [Delete(key) for key in keys[start : start + DELETES_PER_TRANSACTION]]
            sent = send(self._items, deletions, pause=self._pause)
            if sent is not Sent.WRITTEN:
                raise no_answer(sent)


def _remembered(known: Item | None, removal: Removal) -> dict[str, Any]:
    before: Mapping[str, Any] = {"faces": [], "users": []} if known is None else known.attributes
    return {
        "kind": "erased",
        "faces": [*before["faces"], *(face_id.bytes for face_id in removal.face_ids)],
        "users": [*before["users"], *(user.user_id for user in removal.gone)],
    }
