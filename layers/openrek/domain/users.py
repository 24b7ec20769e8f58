"""Users as values: one identity with up to 100 faces, and what happened to each face that was to join or leave it."""

from dataclasses import dataclass
from uuid import UUID

MOST_FACES_OF_USER = 100


@dataclass(frozen=True, slots=True)
class User:
    """`face_count` faces are associated; a user without any has no vector and is found by no search."""

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
    """A face that AssociateFaces or DisassociateFaces left as it was; `reason` is Rekognition's enum value.

    `user_id` owns the face, where that is the reason; `cosine` is that of the face with the user's vector, where it
    was too low. A face beyond the user's 100 has no reason: the service model has no word for it.
    """

    face_id: UUID
    reason: str | None
    user_id: str | None = None
    cosine: float | None = None


@dataclass(frozen=True, slots=True)
class Association:
    """What one AssociateFaces or DisassociateFaces call did, in the caller's order, and the user after it.

    A face that already was as asked is in neither list.
    """

    changed: tuple[UUID, ...]
    left: tuple[FaceNotChanged, ...]
    user: User


@dataclass(frozen=True, slots=True)
class Erased:
    """What ErasePerson removed: faces in ascending FaceId order, users in the order of their ids."""

    face_ids: tuple[UUID, ...]
    user_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RequestToken:
    """A ClientRequestToken and the SHA-256 of operation and input that it came with.

    Valid for 24 hours after its first use: the same token and input get the first answer again and change nothing.
    """

    value: str
    input_sha256: bytes
