"""Faces that look like one person, as users have them: from vectors near a direction of the person's own."""

import math
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from uuid import UUID

from openrek.domain.collections import Collection
from openrek.domain.faces import Embedding, Face
from openrek.domain.users import Association, RequestToken
from openrek.store.blobs.port import Blobs
from openrek.store.collections.collections import StoredCollections
from openrek.store.erasure.erasure import StoredErasure
from openrek.store.faces.faces import StoredFaces
from openrek.store.integrity.verify import verify
from openrek.store.items.port import Items
from openrek.store.search.search import StoredSearch
from openrek.store.users.users import StoredUsers
from tests.store.invariants import check_collection
from tests.store.synthetic import now, picture, slots, unit
from tests.support.clocks import FakeClock

NOW_S = 1_700_000_000.0


def likeness(person: str, number: int) -> Embedding:
    """A vector whose cosine with any other of the same person is about 0.8, and with others' about 0."""
    mixed = [2.0 * a + b for a, b in zip(unit(person), unit((person, number)), strict=True)]
    length = math.sqrt(sum(x * x for x in mixed))
    return array("f", (x / length for x in mixed))


def request_token(value: str, input_: str = "") -> RequestToken:
    return RequestToken(value, (input_ or value).encode().ljust(32, b"."))


@dataclass
class People:
    """One collection and everything that works on it by one clock."""

    items: Items
    blobs: Blobs
    collection: Collection
    per_commit: int = 100
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOW_S))

    @cached_property
    def faces(self) -> StoredFaces:
        return StoredFaces(self.items, clock=self.clock)

    @cached_property
    def users(self) -> StoredUsers:
        return StoredUsers(self.items, faces_per_commit=self.per_commit, clock=self.clock)

    @cached_property
    def erasure(self) -> StoredErasure:
        return StoredErasure(self.items, faces_per_commit=self.per_commit, clock=self.clock)

    @cached_property
    def search(self) -> StoredSearch:
        return StoredSearch(self.items, self.blobs, threads=1, later=lambda work: work())

    @property
    def head(self) -> Collection:
        return StoredCollections(self.items).require(self.collection.collection_id)

    def add(self, person: str, count: int, *, first: int = 0, external: str | None = None) -> list[Face]:
        """Faces of `person`, each from a picture of its own."""
        return [
            self.faces.index(
                self.collection,
                picture(_number(person, number), external),
                slots(1),
                lambda _, number=number: likeness(person, number),
            )[0]
            for number in range(first, first + count)
        ]

    def add_at_once(self, person: str, count: int, external: str | None = None) -> list[Face]:
        """Faces of `person`, all from one picture."""
        found = slots(count)
        of = picture(_number(person), external)
        return list(self.faces.index(self.collection, of, found, lambda face: likeness(person, found.index(face))))

    def user(self, user_id: str, faces: Sequence[Face] = ()) -> str:
        self.users.create(self.collection, user_id, None)
        if faces:
            self.join(user_id, faces)
        return user_id

    def join(
        self, user_id: str, faces: Sequence[Face | UUID], token: RequestToken | None = None, lowest: float = -1.0
    ) -> Association:
        return self.users.associate(
            self.collection, user_id, _ids(faces), lowest_cosine=lowest, idempotency_token=token
        )

    def leave(self, user_id: str, faces: Sequence[Face | UUID], token: RequestToken | None = None) -> Association:
        return self.users.disassociate(self.collection, user_id, _ids(faces), token)

    def owners(self) -> dict[UUID, str | None]:
        return {face.face_id: face.user_id for face in self.faces.page(self.collection, None, 4096).rows}

    def members(self, user_id: str) -> set[UUID]:
        return {face.face_id for face in self.faces.of_user(self.collection, user_id)}

    def nearest(self, probe: Embedding, limit: int = 500) -> list[tuple[str, int]]:
        """Users and how many faces they have, best first."""
        head = now(self.items, self.collection)
        (found,) = self.search.nearest_users(head, [probe], limit=limit, lowest_cosine=-1.0)
        return [(match.user.user_id, match.user.face_count) for match in found]


def _number(*of: object) -> int:
    return zlib.crc32(repr(of).encode())


def _ids(faces: Sequence[Face | UUID]) -> list[UUID]:
    return [face.face_id if isinstance(face, Face) else face for face in faces]


def sound(people: People) -> None:
    """The raw items agree with each other, and `verify` says so too."""
    check_collection(people.items, people.collection, people.blobs)
    assert verify(people.items, people.blobs, people.collection.collection_id, clock=FakeClock()).findings == ()
