"""The Faces and Search ports over one list, for one collection."""

import math
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

from openrek.domain.collections import Collection
from openrek.domain.errors import InvalidParameter, user_not_found
from openrek.domain.faces import DetectedFace, Embedding, Face, FaceDeletion, FaceMatch, FaceNotDeleted, Picture, cosine
from openrek.domain.ports import Page
from openrek.domain.users import User, UserMatch


@dataclass
class ListedFaces:
    """Faces and Search over one list of (face, embedding); `users` says whose a face is, `user_ids` are all users.

    `limits` and `lowest` are what was asked for, call by call.
    """

    rows: list[tuple[Face, Embedding]] = field(default_factory=list)
    users: dict[UUID, str] = field(default_factory=dict)
    user_ids: set[str] = field(default_factory=set)
    indexed: list[Picture] = field(default_factory=list)
    limits: list[int] = field(default_factory=list)
    lowest: list[float] = field(default_factory=list)

    def index(
        self,
        collection: Collection,
        picture: Picture,
        found: Sequence[DetectedFace],
        embed: Callable[[DetectedFace], Embedding],
    ) -> Sequence[Face]:
        self.indexed.append(picture)
        added = [
            Face(uuid4(), picture.image_id, picture.external_image_id, each.box, each.confidence) for each in found
        ]
        self.rows.extend((face, embed(each)) for face, each in zip(added, found, strict=True))
        return added

    def page(self, collection: Collection, after: UUID | None, limit: int) -> Page[Face]:
        ahead = [face for face in self._sorted() if after is None or face.face_id > after]
        return Page(tuple(ahead[:limit]), len(ahead) > limit)

    def named(self, collection: Collection, face_ids: Sequence[UUID]) -> Sequence[Face]:
        return [face for face in self._sorted() if face.face_id in set(face_ids)]

    def of_user(self, collection: Collection, user_id: str) -> Sequence[Face]:
        return [face for face in self._sorted() if face.user_id == user_id]

    def delete(self, collection: Collection, face_ids: Sequence[UUID]) -> FaceDeletion:
        assert len(set(face_ids)) == len(face_ids)
        there = {face.face_id for face, _ in self.rows}
        deleted = tuple(each for each in face_ids if each in there and each not in self.users)
        skipped = tuple(
            FaceNotDeleted(each, "ASSOCIATED_TO_AN_EXISTING_USER", self.users[each])
            if each in self.users
            else FaceNotDeleted(each, "FACE_NOT_FOUND")
            for each in face_ids
            if each not in deleted
        )
        self.rows = [row for row in self.rows if row[0].face_id not in deleted]
        return FaceDeletion(deleted, skipped)

    def nearest(
        self, collection: Collection, probe: Embedding, *, limit: int, lowest_cosine: float
    ) -> Sequence[FaceMatch]:
        self.limits.append(limit)
        self.lowest.append(lowest_cosine)
        scored = [FaceMatch(self._with_user(face), cosine(probe, vector)) for face, vector in self.rows]
        near = [match for match in scored if match.cosine >= lowest_cosine]
        return sorted(near, key=lambda match: (-match.cosine, match.face.face_id))[:limit]

    def nearest_to_face(
        self, collection: Collection, face_id: UUID, *, limit: int, lowest_cosine: float
    ) -> Sequence[FaceMatch]:
        probe = self.vector(face_id)
        found = self.nearest(collection, probe, limit=limit + 1, lowest_cosine=lowest_cosine)
        return [match for match in found if match.face.face_id != face_id][:limit]

    def nearest_each(
        self, collection: Collection, probes: Sequence[Embedding], *, limit: int, lowest_cosine: float
    ) -> Sequence[Sequence[FaceMatch]]:
        return [self.nearest(collection, probe, limit=limit, lowest_cosine=lowest_cosine) for probe in probes]

    def nearest_users(
        self, collection: Collection, probes: Sequence[Embedding], *, limit: int, lowest_cosine: float
    ) -> Sequence[Sequence[UserMatch]]:
        self.limits.append(limit)
        self.lowest.append(lowest_cosine)
        vectors = {user: self.user_vector(user) for user in self.user_ids}
        return [
            sorted(
                (
                    UserMatch(self.user(user), cosine(probe, vector))
                    for user, vector in vectors.items()
                    if vector and cosine(probe, vector) >= lowest_cosine
                ),
                key=lambda match: (-match.cosine, match.user.user_id),
            )[:limit]
            for probe in probes
        ]

    def nearest_users_to_face(
        self, collection: Collection, face_id: UUID, *, limit: int, lowest_cosine: float
    ) -> Sequence[UserMatch]:
        probe = self.vector(face_id)
        return self.nearest_users(collection, [probe], limit=limit, lowest_cosine=lowest_cosine)[0]

    def nearest_users_to_user(
        self, collection: Collection, user_id: str, *, limit: int, lowest_cosine: float
    ) -> Sequence[UserMatch]:
        if user_id not in self.user_ids:
            raise user_not_found(user_id)
        probe = self.user_vector(user_id)
        if probe is None:
            return []
        (found,) = self.nearest_users(collection, [probe], limit=limit + 1, lowest_cosine=lowest_cosine)
        return [match for match in found if match.user.user_id != user_id][:limit]

    def user(self, user_id: str) -> User:
        return User(user_id, sum(owner == user_id for owner in self.users.values()))

    def user_vector(self, user_id: str) -> "Embedding | None":
        members = [vector for face, vector in self.rows if self.users.get(face.face_id) == user_id]
        if not members:
            return None
        total = [sum(values) for values in zip(*members, strict=True)]
        length = math.sqrt(sum(value * value for value in total))
        return array("f", [value / length for value in total])

    def vector(self, face_id: UUID) -> Embedding:
        for face, vector in self.rows:
            if face.face_id == face_id:
                return vector
        raise InvalidParameter("faceId was not found in the collection.")

    def _sorted(self) -> list[Face]:
        return sorted((self._with_user(face) for face, _ in self.rows), key=lambda face: face.face_id)

    def _with_user(self, face: Face) -> Face:
        return replace(face, user_id=self.users.get(face.face_id))
