"""The calls on users, as client calls of the world: see tests.store.world.world."""

import hashlib
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, TypeAlias
from uuid import UUID

from openrek.domain.collections import Collection
from openrek.domain.errors import Conflict, IdempotentParameterMismatch, ResourceNotFound
from openrek.domain.users import Association, Erased, FaceNotChanged, RequestToken, User
from openrek.store.log.commits import TOO_MANY_WRITERS
from tests.store.synthetic import picture, slot, vector_of
from tests.store.world.calls import ClientCall
from tests.store.world.model import UNKNOWN, Erasing, Event, Model, Place, Whom, names_any, require
from tests.store.world.process import Process

DONE = "done"
TAKEN = "a user of that name exists"
NO_USER = "no such user"
MISMATCH = "another input"
Outcome: TypeAlias = Association | str


class UserCall(ClientCall):
    repeated = True

    def __init__(self, collection: str, user: str, token: str | None, face_ids: Sequence[UUID] = ()) -> None:
        super().__init__(collection)
        self.user, self.token, self.face_ids = user, token, tuple(dict.fromkeys(face_ids))

    @property
    def input(self) -> tuple[str, str, object]:
        return type(self).__name__, self.user, self.face_ids

    @property
    def idempotency_token(self) -> RequestToken | None:
        if self.token is None:
            return None
        return RequestToken(self.token, hashlib.sha256(repr(self.input).encode()).digest())

    @abstractmethod
    def call(self, process: Process, found: Collection) -> Outcome: ...

    @abstractmethod
    def effect(self, model: Model) -> Outcome: ...

    def run(self, process: Process) -> Any:
        try:
            return self.call(process, process.collections.require(self.collection))
        except ResourceNotFound as missing:
            return NO_USER if str(missing).startswith("The user id") else None
        except IdempotentParameterMismatch:
            return MISMATCH
        except Conflict as conflict:
            if conflict.reason == TOO_MANY_WRITERS:
                raise
            return TAKEN

    def events(self, result: Any) -> list[Event]:
        if result is None:
            return self._gone()

        def apply(models: dict[str, Model]) -> None:
            model = models[self.collection]
            require(model.uid is not None, "a result although it is gone")
            if self.token in model.tokens:
                before, kept = model.tokens[self.token]
                expected = kept if before == self.input else MISMATCH
                require(result in (UNKNOWN, expected), "a token kept", result, "not", expected)
                return
            expected = self.effect(model)
            require(result in (UNKNOWN, expected), result, "not", expected)
            if self.token is not None and expected not in (TAKEN, NO_USER):
                model.tokens[self.token] = (self.input, expected)

        return [Event(f"{self} -> {result}", apply, optional=result == UNKNOWN)]


class CreateUser(UserCall):
    def call(self, process: Process, found: Collection) -> Outcome:
        process.users.create(found, self.user, self.idempotency_token)
        return DONE

    def effect(self, model: Model) -> Outcome:
        if self.user in model.users:
            return TAKEN
        model.users[self.user] = set()
        return DONE


class DeleteUser(UserCall):
    def call(self, process: Process, found: Collection) -> Outcome:
        process.users.delete(found, self.user, self.idempotency_token)
        return DONE

    def effect(self, model: Model) -> Outcome:
        if self.user not in model.users:
            return NO_USER
        del model.users[self.user]
        return DONE


class Associate(UserCall):
    def call(self, process: Process, found: Collection) -> Outcome:
        return process.users.associate(
            found, self.user, self.face_ids, lowest_cosine=-1.0, idempotency_token=self.idempotency_token
        )

    def effect(self, model: Model) -> Outcome:
        if self.user not in model.users:
            return NO_USER
        changed = tuple(face_id for face_id in self.face_ids if model.owners.get(face_id, self) is None)
        skipped = _strangers(model, self.user, self.face_ids)
        model.users[self.user] |= set(changed)
        return Association(changed, skipped, User(self.user, len(model.users[self.user])))


class Disassociate(UserCall):
    def call(self, process: Process, found: Collection) -> Outcome:
        return process.users.disassociate(found, self.user, self.face_ids, self.idempotency_token)

    def effect(self, model: Model) -> Outcome:
        if self.user not in model.users:
            return NO_USER
        changed = tuple(face_id for face_id in self.face_ids if face_id in model.users[self.user])
        skipped = _strangers(model, self.user, self.face_ids)
        model.users[self.user] -= set(changed)
        return Association(changed, skipped, User(self.user, len(model.users[self.user])))


def _strangers(model: Model, user: str, face_ids: Sequence[UUID]) -> tuple[FaceNotChanged, ...]:
    skipped: list[FaceNotChanged] = []
    for face_id in face_ids:
        owner = model.owner(face_id)
        if face_id not in model.faces.values():
            skipped.append(FaceNotChanged(face_id, "FACE_NOT_FOUND"))
        elif owner not in (None, user):
            skipped.append(FaceNotChanged(face_id, "ASSOCIATED_TO_A_DIFFERENT_USER", owner))
    return tuple(skipped)


class Erase(ClientCall):
    """Not atomic: it is never suspended, and what it did when its end is not seen is found out by looking."""

    in_pieces = repeated = True

    def __init__(self, collection: str, whom: Whom) -> None:
        super().__init__(collection)
        self.whom = whom

    def run(self, process: Process) -> Any:
        try:
            found = process.collections.require(self.collection)
            if self.whom[0] == "user":
                return process.erasure.erase_user(found, self.whom[1])
            return process.erasure.erase_external_image_id(found, self.whom[1])
        except ResourceNotFound as missing:
            return NO_USER if str(missing).startswith("The user id") else None

    def events(self, result: Any) -> list[Event]:
        if result is None:
            return self._gone()
        if result == UNKNOWN:
            return [unfinished(self.collection, self.whom)]

        def apply(models: dict[str, Model]) -> None:
            model = models[self.collection]
            require(model.uid is not None, "erased from what is gone")
            if result == NO_USER:
                require(self.whom[1] not in model.users, "a user not found")
                return
            self._check(model, result)

        return [Event(f"{self} -> {result}", apply)]

    def _check(self, model: Model, result: Erased) -> None:
        before = model.erasures.pop(self.whom, Erasing(set()))
        least = doomed(model, self.whom)
        most = least | before.faces | before.gone_faces
        require(least <= set(result.face_ids) <= most, "other faces erased")
        touched = {owner for face_id in result.face_ids if (owner := model.owner(face_id)) is not None}
        for face_id in result.face_ids:
            model.drop(face_id)
        candidates = {self.whom[1]} if self.whom[0] == "user" else touched
        gone = {user for user in candidates if not model.users.get(user, {1})}
        require(gone <= set(result.user_ids) <= gone | before.gone_users, "other users erased")
        for user in gone:
            del model.users[user]
        for token, kept in list(model.tokens.items()):
            if names_any(kept, set(result.face_ids), set(result.user_ids)):
                del model.tokens[token]


def doomed(model: Model, whom: Whom) -> set[UUID]:
    if whom[0] == "user":
        return set(model.users.get(whom[1], ()))
    return {face_id for place, face_id in model.faces.items() if place[1] == whom[1]}


def unfinished(collection: str, whom: Whom) -> Event:
    """An erasure whose end nobody saw, or that the sweep may have gone on with."""

    def apply(models: dict[str, Model]) -> None:
        model = models[collection]
        require(model.uid is not None)
        erasing = model.erasures.setdefault(whom, Erasing(set()))
        erasing.faces |= doomed(model, whom)
        erasing.doubt = True

    return Event(f"unfinished {whom}", apply, optional=True)


class LookAtUsers(ClientCall):
    """Every way of reading users; each is one event."""

    def __init__(self, collection: str, how: str, user: str, probe: Place) -> None:
        super().__init__(collection)
        self.how, self.user, self.probe = how, user, probe

    def run(self, process: Process) -> Any:
        try:
            found = process.collections.require(self.collection)
            if self.how == "users":
                return [entry.user for entry in process.users.page(found, None, 500).rows]
            if self.how == "of user":
                return {face.face_id for face in process.faces.of_user(found, self.user)}
            how: dict[str, Any] = {"limit": 500, "lowest_cosine": -1.0}
            if self.how == "search by user":
                return list(process.search.nearest_users_to_user(found, self.user, **how))
            probe = vector_of(picture(self.probe[0], self.probe[1]), slot(self.probe[2]).box)
            return list(process.search.nearest_users(found, [probe], **how)[0])
        except ResourceNotFound as missing:
            return NO_USER if str(missing).startswith("The user id") else None

    def events(self, result: Any) -> list[Event]:
        if result is None:
            return self._gone()
        if result == UNKNOWN:
            return []

        def apply(models: dict[str, Model]) -> None:
            model = models[self.collection]
            require(model.uid is not None, "seen although it is gone")
            users = [User(user, len(members)) for user, members in sorted(model.users.items())]
            if result == NO_USER:
                require(self.user not in model.users, "a user not found")
            elif self.how == "users":
                require(result == users, "users", result, "not", users)
            elif self.how == "of user":
                require(result == model.users.get(self.user, set()), "other faces of a user")
            else:
                self._check_matches(model, result, users)

        def user_found(models: dict[str, Model]) -> None:
            require(self.user in models[self.collection].users, "found by a user that is not there")

        by_user = self.how == "search by user" and result != NO_USER
        return [*([Event(f"{self} finds its user", user_found)] if by_user else []), Event(f"{self}", apply)]

    def _check_matches(self, model: Model, result: Any, users: list[User]) -> None:
        found = [match.user for match in result]
        expected = [user for user in users if user.face_count]
        if self.how == "search by user":
            if not model.users.get(self.user, {1}):
                require(found == [], "like a user without faces")
                return
            expected = [user for user in expected if user.user_id != self.user]
        require(sorted(found, key=lambda user: user.user_id) == expected, self.how, found, "not", expected)
        require(sorted((match.cosine for match in result), reverse=True) == [match.cosine for match in result])
