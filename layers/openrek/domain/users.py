"""Users as values: a user is one person with up to 100 faces of a collection. Also the results of calls on users."""

from dataclasses import dataclass
from uuid import UUID

MOST_FACES_OF_USER = 100


@dataclass(frozen=True, slots=True)
class User:
    """A user with `face_count` associated faces. Without any it has no vector and is found by no search."""

    user_id: str
    face_count: int

    @property
    def status(self) -> str:
        """Rekognition's UserStatus. Our writes are synchronous, so nobody ever sees UPDATING."""
        return "ACTIVE" if self.face_count else "CREATED"


@dataclass(frozen=True, slots=True)
class UserMatch:
    """A user and the cosine of its vector with the probe, -1..1, computed in float64."""

    user: User
    cosine: float


@dataclass(frozen=True, slots=True)
class FaceNotChanged:
    """A face that AssociateFaces or DisassociateFaces skipped; `reason` is Rekognition's enum value.

    `user_id` is the user that has the face, where that is the reason; `cosine` compares the face with the user's
    vector, where it was too low. A face beyond the user's 100 has no reason: the service model has no word for it.
    """

    face_id: UUID
    reason: str | None
    user_id: str | None = None
    cosine: float | None = None


@dataclass(frozen=True, slots=True)
class Association:
    """The result of one AssociateFaces or DisassociateFaces call, in the caller's order, and the user after it.

    A face that already was in the requested state is in neither list.
    """

    changed: tuple[UUID, ...]
    skipped: tuple[FaceNotChanged, ...]
    user: User


@dataclass(frozen=True, slots=True)
class Erased:
    """The result of ErasePerson: removed faces in ascending FaceId order, removed users in the order of their ids."""

    face_ids: tuple[UUID, ...]
    user_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RequestToken:
    """A ClientRequestToken and the SHA-256 of the operation and input that it came with.

    It is valid for 24 hours after its first use: the same token and input get the first result again and change
    nothing.
    """

    value: str
    input_sha256: bytes
