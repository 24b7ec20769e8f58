"""Users: created, listed and deleted, and associated with faces. The effect of each call is one transaction."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, TypeAlias
from uuid import UUID

from openrek.domain.celebrities import Celebrity
from openrek.domain.clock import SYSTEM_CLOCK, Clock
from openrek.domain.collections import Collection
from openrek.domain.errors import Conflict, Refusal, ServiceQuotaExceeded, user_not_found
from openrek.domain.faces import cosine
from openrek.domain.ports import Page, UserEntry
from openrek.domain.users import MOST_FACES_OF_USER, Association, FaceNotChanged, RequestToken, User
from openrek.store.items.batches import batches
from openrek.store.items.port import MAX_WRITES, Delete, Item, Items
from openrek.store.log.commits import OWN_WRITES, TOO_MANY_WRITERS, Change, Commits
from openrek.store.log.head import Head
from openrek.store.log.keys import owned, user_key
from openrek.store.log.pages import settled_page
from openrek.store.log.quantisation import dequantise
from openrek.store.log.rows import face_row
from openrek.store.users.celebrities import celebrity_in, described
from openrek.store.users.memberships import (
    KEYS_PER_READ,
    Memberships,
    StoredUser,
    claim,
    hand_over,
    handed_over,
    new_user,
    owner_of,
    stored_user,
    unclaimed,
    user_put,
)
from openrek.store.users.request_tokens import RequestTokens

MAX_USERS: Final = 1_000_000
"""A user takes about what a face takes, in memory and to read: a fifth on top of the most faces that a collection may
hold, which is what one function can open (openrek.store.faces.faces)."""

CLAIMING_ATTEMPTS: Final = 40


class Claimed:
    """The result of a commit that only claimed faces: the call itself is to be tried again."""


Outcome: TypeAlias = Association | Claimed


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision on the faces of a call: those that change, and those that are skipped, with the reasons."""

    changing: Sequence[Item]
    skipped: Sequence[FaceNotChanged]


class StoredUsers:
    """The users of the collections of a store.

    A transaction rewrites at most `faces_per_commit` face items, if it has room for so many.
    """

    def __init__(
        self,
        items: Items,
        *,
        max_users: int = MAX_USERS,
        faces_per_commit: int = MAX_WRITES,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._items = items
        self._max_users = max_users
        self._faces_per_commit = faces_per_commit
        self._commits = Commits(items, lost=Conflict, clock=clock)
        self._memberships = Memberships(items, self._commits)
        self._tokens = RequestTokens(clock=clock)

    def create(self, collection: Collection, user_id: str, idempotency_token: RequestToken | None) -> None:
        def prepare(head: Head) -> Change[Outcome]:
            if self._memberships.user(head, user_id) is not None:
                raise Conflict(f"The user id: {user_id} already exists", reason="A user with this id exists.")
            self._require_room(head)
            result = Association((), (), User(user_id, 0))
            made = user_put(new_user(head, user_id), new=True)
            return Change(result, writes=[made], users=1, touched={user_id: None})

        self._commit(collection, idempotency_token, prepare)

    def describe(
        self, collection: Collection, user_id: str, name: str, urls: Sequence[str] | None, gender: str | None
    ) -> None:
        def prepare(head: Head) -> Change[None]:
            user = self._memberships.user(head, user_id)
            if user is None:
                self._require_room(head)
            before = new_user(head, user_id) if user is None else user
            after = replace(before, celebrity=described(before.celebrity, name, urls, gender))
            if after == user:
                return Change(None)
            put = user_put(after, new=user is None)
            return Change(None, writes=[put], users=int(user is None), touched={user_id: after.row})

        self._commits.commit(collection, prepare)

    def celebrities(self, collection: Collection, user_ids: Iterable[str]) -> Mapping[str, Celebrity]:
        found: dict[str, Celebrity] = {}
        for batch in batches(sorted(set(user_ids)), KEYS_PER_READ):
            for item in self._items.read([user_key(collection.uid, user_id) for user_id in batch]):
                if item is not None and (celebrity := celebrity_in(item.attributes.get("celebrity"))) is not None:
                    found[item.key.sort] = celebrity
        return found

    def delete(self, collection: Collection, user_id: str, idempotency_token: RequestToken | None) -> None:
        late: list[UUID] = []

        def prepare(head: Head) -> Change[Outcome]:
            user = self._require(head, user_id)
            late[:] = user.members[self._room(idempotency_token) :]
            members = self._memberships.items(user.members, self._memberships.faces(head, user.members))
            verdict = Verdict(members, ())
            return self._regroup(user, None, verdict, owner=None, room=self._room(idempotency_token))

        self._commit(collection, idempotency_token, prepare)
        self._release(collection, late)

    def page(self, collection: Collection, after: str | None, limit: int) -> Page[UserEntry]:
        def gather(newest: int | None) -> Page[UserEntry]:
            kept: list[UserEntry] = []
            cursor = after or ""
            while True:
                found = self._items.query(owned(collection.uid, "user"), after=cursor, limit=limit - len(kept))
                users = [stored_user(row) for row in found.rows]
                kept += [UserEntry(user.user, user.user_id) for user in users if newest is None or user.seq <= newest]
                if not found.more or len(kept) >= limit:
                    return Page(tuple(kept), found.more)
                cursor = found.rows[-1].key.sort

        return settled_page(self._items, collection, gather)

    def associate(
        self,
        collection: Collection,
        user_id: str,
        face_ids: Sequence[UUID],
        *,
        lowest_cosine: float,
        idempotency_token: RequestToken | None,
    ) -> Association:
        wanted = list(dict.fromkeys(face_ids))

        def prepare(head: Head) -> Change[Outcome]:
            user = self._require(head, user_id)
            faces = self._memberships.faces(head, [*wanted, *user.members])
            verdict = _joining(user, wanted, faces, lowest_cosine)
            grown = user.with_members([*self._memberships.items(user.members, faces), *verdict.changing])
            return self._regroup(user, grown, verdict, owner=user_id, room=self._room(idempotency_token))

        return self._commit(collection, idempotency_token, prepare)

    def disassociate(
        self, collection: Collection, user_id: str, face_ids: Sequence[UUID], idempotency_token: RequestToken | None
    ) -> Association:
        wanted = list(dict.fromkeys(face_ids))

        def prepare(head: Head) -> Change[Outcome]:
            user = self._require(head, user_id)
            faces = self._memberships.faces(head, [*wanted, *user.members])
            verdict = _leaving(user, wanted, faces)
            gone = {face.key for face in verdict.changing}
            members = [face for face in self._memberships.items(user.members, faces) if face.key not in gone]
            return self._regroup(
                user, user.with_members(members), verdict, owner=None, room=self._room(idempotency_token)
            )

        result = self._commit(collection, idempotency_token, prepare)
        self._release(collection, result.changed[self._room(idempotency_token) :])
        return result

    def _release(self, collection: Collection, late: Sequence[UUID]) -> None:
        """Remove the claims, which spell the user's name, from the faces that the transaction had no room for."""
        with suppress(Refusal):  # the call is done; a remaining claim goes with the next change of its face
            self._memberships.release(collection, late)

    def _require_room(self, head: Head) -> None:
        if head.users >= self._max_users:
            raise ServiceQuotaExceeded(reason=f"A collection holds at most {self._max_users} users.")

    def _require(self, head: Head, user_id: str) -> StoredUser:
        user = self._memberships.user(head, user_id)
        if user is None:
            raise user_not_found(user_id)
        return user

    def _room(self, idempotency_token: RequestToken | None) -> int:
        """Return how many face items fit beside the head, the log entry, the user and the token."""
        return min(self._faces_per_commit, MAX_WRITES - OWN_WRITES - 1 - (idempotency_token is not None))

    def _regroup(
        self, user: StoredUser, after: StoredUser | None, verdict: Verdict, *, owner: str | None, room: int
    ) -> Change[Outcome]:
        """Return the change that turns `user` into `after` (None: it is deleted) and hands the faces to `owner`.

        Faces beyond `room` must be claimed first: until they are, it is the change that claims them.
        """
        faces = verdict.changing
        doubtful = unclaimed(faces[room:], user.user_id)
        if doubtful:
            return Change(Claimed(), writes=claim(doubtful[:room], user.user_id))
        skipped = tuple(verdict.skipped)
        # A deletion returns no faces, so no token stores them.
        result = Association(_ids(faces), skipped, after.user) if after else Association((), (), User(user.user_id, 0))
        if after is not None and not faces:
            return Change(result)
        return Change(
            result,
            handed_over(faces, owner),
            writes=[Delete(user.key) if after is None else user_put(after), *hand_over(faces[:room], owner)],
            users=-1 if after is None else 0,
            touched={user.user_id: after.row if after else None},
        )

    def _commit(
        self,
        collection: Collection,
        idempotency_token: RequestToken | None,
        prepare: Callable[[Head], Change[Outcome]],
    ) -> Association:
        """Commit the change once; a repetition with the same token gets the same result again."""

        def prepare_once(head: Head) -> Change[Outcome]:
            if idempotency_token is None:
                return prepare(head)
            known = self._tokens.result(
                idempotency_token, self._commits.read_at(head, [self._tokens.key(head.uid, idempotency_token)])[0]
            )
            if known is not None:
                return Change(known)
            change = prepare(head)
            if isinstance(change.result, Claimed):
                return change
            return replace(
                change, writes=[*change.writes, self._tokens.put(head.uid, idempotency_token, change.result)]
            )

        for _ in range(CLAIMING_ATTEMPTS):
            result = self._commits.commit(collection, prepare_once)
            if not isinstance(result, Claimed):
                return result
        raise Conflict(reason=TOO_MANY_WRITERS)


def _joining(
    user: StoredUser, wanted: Sequence[UUID], faces: Mapping[UUID, Item | None], lowest_cosine: float
) -> Verdict:
    """Decide which faces join the user.

    Raises ServiceQuotaExceeded when it is full and a face would have to join it.
    """
    skipped: list[FaceNotChanged] = []
    joining: list[Item] = []
    for face_id in wanted:
        face = faces[face_id]
        if face is None or owner_of(face) not in (None, user.user_id):
            skipped.append(_not_ours(face_id, face))
        elif owner_of(face) is None:
            likeness = _likeness(user, face)
            if likeness is not None and likeness < lowest_cosine:
                skipped.append(FaceNotChanged(face_id, "LOW_MATCH_CONFIDENCE", cosine=likeness))
            elif len(user.members) + len(joining) < MOST_FACES_OF_USER:
                joining.append(face)
            elif len(user.members) == MOST_FACES_OF_USER:
                raise ServiceQuotaExceeded(reason=f"The user has {MOST_FACES_OF_USER} faces, as many as one may have.")
            else:
                skipped.append(FaceNotChanged(face_id, None))
    return Verdict(joining, skipped)


def _leaving(user: StoredUser, wanted: Sequence[UUID], faces: Mapping[UUID, Item | None]) -> Verdict:
    """Decide which faces leave the user; faces of nobody are in neither list."""
    skipped: list[FaceNotChanged] = []
    leaving: list[Item] = []
    for face_id in wanted:
        face = faces[face_id]
        if face is not None and owner_of(face) == user.user_id:
            leaving.append(face)
        elif face is None or owner_of(face) is not None:
            skipped.append(_not_ours(face_id, face))
    return Verdict(leaving, skipped)


def _not_ours(face_id: UUID, face: Item | None) -> FaceNotChanged:
    if face is None:
        return FaceNotChanged(face_id, "FACE_NOT_FOUND")
    return FaceNotChanged(face_id, "ASSOCIATED_TO_A_DIFFERENT_USER", owner_of(face))


def _likeness(user: StoredUser, face: Item) -> float | None:
    """Return the cosine of the face with the user's vector; None for a user without faces."""
    if not user.members:
        return None
    row = face_row(face.attributes)
    return cosine(dequantise(row.vector, row.scale), dequantise(user.vector, user.scale))


def _ids(faces: Sequence[Item]) -> tuple[UUID, ...]:
    return tuple(UUID(bytes=face.attributes["id"]) for face in faces)
