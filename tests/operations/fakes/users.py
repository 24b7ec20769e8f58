"""The Users and Erasure ports over the list of faces."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, cast
from uuid import UUID

from openrek.domain.collections import Collection
from openrek.domain.errors import Conflict, ServiceQuotaExceeded, token_in_use, user_not_found
from openrek.domain.faces import cosine
from openrek.domain.ports import Page, UserEntry
from openrek.domain.users import MOST_FACES_OF_USER, Association, Erased, FaceNotChanged, RequestToken
from tests.operations.fakes.faces import ListedFaces

Result = TypeVar("Result")


@dataclass
class ListedUsers:
    """`results`: what each request token stood for."""

    faces: ListedFaces
    results: dict[str, tuple[bytes, object]] = field(default_factory=dict)

    def create(self, collection: Collection, user_id: str, idempotency_token: RequestToken | None) -> None:
        def make() -> None:
            if user_id in self.faces.user_ids:
                raise Conflict
            self.faces.user_ids.add(user_id)

        self._idempotent(idempotency_token, make)

    def delete(self, collection: Collection, user_id: str, idempotency_token: RequestToken | None) -> None:
        def remove() -> None:
            self._require(user_id)
            self.faces.user_ids.remove(user_id)
            self.faces.users = {face: user for face, user in self.faces.users.items() if user != user_id}

        self._idempotent(idempotency_token, remove)

    def page(self, collection: Collection, after: str | None, limit: int) -> Page[UserEntry]:
        ahead = sorted(user_id for user_id in self.faces.user_ids if after is None or user_id > after)
        entries = [UserEntry(self.faces.user(user_id), user_id) for user_id in ahead[:limit]]
        return Page(tuple(entries), len(ahead) > limit)

    def associate(
        self,
        collection: Collection,
        user_id: str,
        face_ids: Sequence[UUID],
        *,
        lowest_cosine: float,
        idempotency_token: RequestToken | None,
    ) -> Association:
        def join() -> Association:
            self._require(user_id)
            full = self.faces.user(user_id).face_count >= MOST_FACES_OF_USER
            vector = self.faces.user_vector(user_id)
            changed, skipped = [], []
            for face_id in face_ids:
                refused = self._foreign(face_id, user_id)
                if refused:
                    skipped.append(refused)
                elif self.faces.users.get(face_id) == user_id:
                    continue
                elif vector and (like := cosine(vector, self.faces.vector(face_id))) < lowest_cosine:
                    skipped.append(FaceNotChanged(face_id, "LOW_MATCH_CONFIDENCE", cosine=like))
                elif full:
                    raise ServiceQuotaExceeded
                elif self.faces.user(user_id).face_count >= MOST_FACES_OF_USER:
                    skipped.append(FaceNotChanged(face_id, None))
                else:
                    self.faces.users[face_id] = user_id
                    changed.append(face_id)
            return Association(tuple(changed), tuple(skipped), self.faces.user(user_id))

        assert len(set(face_ids)) == len(face_ids)
        self.faces.lowest.append(lowest_cosine)
        return self._idempotent(idempotency_token, join)

    def disassociate(
        self, collection: Collection, user_id: str, face_ids: Sequence[UUID], idempotency_token: RequestToken | None
    ) -> Association:
        def leave() -> Association:
            self._require(user_id)
            refused = [self._foreign(face_id, user_id) for face_id in face_ids]
            changed = [face_id for face_id in face_ids if self.faces.users.get(face_id) == user_id]
            for face_id in changed:
                del self.faces.users[face_id]
            skipped = tuple(each for each in refused if each)
            return Association(tuple(changed), skipped, self.faces.user(user_id))

        assert len(set(face_ids)) == len(face_ids)
        return self._idempotent(idempotency_token, leave)

    def _require(self, user_id: str) -> None:
        if user_id not in self.faces.user_ids:
            raise user_not_found(user_id)

    def _foreign(self, face_id: UUID, user_id: str) -> FaceNotChanged | None:
        if face_id not in {face.face_id for face, _ in self.faces.rows}:
            return FaceNotChanged(face_id, "FACE_NOT_FOUND")
        owner = self.faces.users.get(face_id, user_id)
        return None if owner == user_id else FaceNotChanged(face_id, "ASSOCIATED_TO_A_DIFFERENT_USER", owner)

    def _idempotent(self, token: RequestToken | None, change: Callable[[], Result]) -> Result:
        if token is None:
            return change()
        if token.value not in self.results:
            self.results[token.value] = (token.input_sha256, change())
        sha256, result = self.results[token.value]
        if sha256 != token.input_sha256:
            raise token_in_use(token.value)
        return cast("Result", result)


@dataclass
class ListedErasure:
    faces: ListedFaces

    def erase_user(self, collection: Collection, user_id: str) -> Erased:
        if user_id not in self.faces.user_ids:
            raise user_not_found(user_id)
        return self._erase({face for face, user in self.faces.users.items() if user == user_id}, {user_id})

    def erase_external_image_id(self, collection: Collection, external_image_id: str) -> Erased:
        gone = {face.face_id for face, _ in self.faces.rows if face.external_image_id == external_image_id}
        touched = {self.faces.users[face_id] for face_id in gone if face_id in self.faces.users}
        kept = {user for face_id, user in self.faces.users.items() if face_id not in gone}
        return self._erase(gone, touched - kept)

    def _erase(self, face_ids: set[UUID], user_ids: set[str]) -> Erased:
        self.faces.rows = [row for row in self.faces.rows if row[0].face_id not in face_ids]
        self.faces.users = {face: user for face, user in self.faces.users.items() if face not in face_ids}
        self.faces.user_ids -= user_ids
        return Erased(tuple(sorted(face_ids)), tuple(sorted(user_ids)))
