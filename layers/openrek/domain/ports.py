"""What an operation may ask of the other rooms. Adapters live in store, vision and runtime."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from openrek.domain.access_keys import AccessKey
from openrek.domain.collections import Collection, CollectionEntry
from openrek.domain.faces import DetectedFace, Embedding, Face, FaceDeletion, FaceMatch, Picture
from openrek.domain.models import FaceModel
from openrek.domain.users import Association, Erased, RequestToken, User, UserMatch

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """`more` is true when rows remain after the last one of `rows`."""

    rows: tuple[Row, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class UserEntry:
    """One line of ListUsers; `cursor` (at most 129 ASCII characters) is where the next page would start after it."""

    user: User
    cursor: str


class Photo(Protocol):
    """A decoded photo and the faces found in it."""

    @property
    def faces(self) -> Sequence[DetectedFace]:
        """At most 100, largest box first."""
        ...

    def embed(self, face: DetectedFace) -> Embedding:
        """The embedding of one of `faces`."""
        ...


class Reader(Protocol):
    """The face pipeline: decode, detect, and embed on demand."""

    @property
    def model(self) -> FaceModel: ...

    def read(self, image: bytes) -> Photo:
        """Raises InvalidImageFormat, ImageTooLarge or InvalidParameter (too small)."""
        ...


class Buckets(Protocol):
    """Where `Image.S3Object` is read from."""

    def read(self, bucket: str, name: str, version: str | None) -> bytes:
        """Raises InvalidS3Object, or ImageTooLarge above 15 MB (checked before the bytes are read)."""
        ...


class Collections(Protocol):
    def create(self, collection_id: str, model: FaceModel, tags: Mapping[str, str]) -> Collection:
        """Raises ResourceAlreadyExists."""
        ...

    def require(self, collection_id: str) -> Collection:
        """The collection as of now. Raises ResourceNotFound."""
        ...

    def page(self, after: str | None, limit: int) -> Page[CollectionEntry]:
        """Entries in the order of their cursors, strictly after the cursor `after`."""
        ...

    def delete(self, collection_id: str) -> None:
        """At once for every later call in every process. Raises ResourceNotFound."""
        ...


class Faces(Protocol):
    """The faces of one collection. Every method raises ResourceNotFound if that very collection is gone."""

    def index(
        self,
        collection: Collection,
        picture: Picture,
        found: Sequence[DetectedFace],
        embed: Callable[[DetectedFace], Embedding],
    ) -> Sequence[Face]:
        """Remember `found`, all or nothing; returns them in the same order.

        A face that the same picture already gave this collection keeps its id; only missing ones are embedded and
        added. Raises ServiceQuotaExceeded.
        """
        ...

    def page(self, collection: Collection, after: UUID | None, limit: int) -> Page[Face]:
        """Faces in ascending FaceId order, strictly after `after`."""
        ...

    def named(self, collection: Collection, face_ids: Sequence[UUID]) -> Sequence[Face]:
        """Those of `face_ids` that exist, in ascending FaceId order, each once."""
        ...

    def of_user(self, collection: Collection, user_id: str) -> Sequence[Face]:
        """The user's faces in ascending FaceId order; none for a user that does not exist."""
        ...

    def delete(self, collection: Collection, face_ids: Sequence[UUID]) -> FaceDeletion:
        """A face that belongs to a user stays."""
        ...


class Users(Protocol):
    """The users of one collection. Every method raises ResourceNotFound if that very collection is gone, and every
    change ServiceQuotaExceeded, Conflict (lost to concurrent changes; nothing was written) or
    IdempotentParameterMismatch; `once` makes it happen once."""

    def create(self, collection: Collection, user_id: str, once: RequestToken | None) -> None:
        """Raises Conflict for a user that exists."""
        ...

    def delete(self, collection: Collection, user_id: str, once: RequestToken | None) -> None:
        """The user's faces stay, nobody's. Raises ResourceNotFound."""
        ...

    def page(self, collection: Collection, after: str | None, limit: int) -> Page[UserEntry]:
        """Users in the order of their cursors, strictly after the cursor `after`."""
        ...

    def associate(
        self,
        collection: Collection,
        user_id: str,
        face_ids: Sequence[UUID],
        *,
        lowest_cosine: float,
        once: RequestToken | None,
    ) -> Association:
        """Faces less like a user that has faces already than `lowest_cosine` are left out. Raises ResourceNotFound,
        and ServiceQuotaExceeded when the user is full."""
        ...

    def disassociate(
        self, collection: Collection, user_id: str, face_ids: Sequence[UUID], once: RequestToken | None
    ) -> Association:
        """Raises ResourceNotFound."""
        ...


class Erasure(Protocol):
    """Everything that a collection knows of a person, removed; a repeated call goes on where the last one stopped."""

    def erase_user(self, collection: Collection, user_id: str) -> Erased:
        """The user and its faces. Raises ResourceNotFound."""
        ...

    def erase_external_image_id(self, collection: Collection, external_image_id: str) -> Erased:
        """Every face of that ExternalImageId, and the users that have no other face."""
        ...


class Tags(Protocol):
    """The tags of a collection. Every method raises ResourceNotFound if that very collection is gone."""

    def read(self, collection: Collection) -> Mapping[str, str]: ...

    def put(self, collection: Collection, tags: Mapping[str, str]) -> None:
        """Adds and overwrites. Raises ServiceQuotaExceeded."""
        ...

    def remove(self, collection: Collection, keys: Sequence[str]) -> None:
        """Keys that are not there are passed over."""
        ...


class Search(Protocol):
    """Exact nearest neighbours by cosine, best first, ties by FaceId or the SHA-256 of the UserId; sees every write
    acknowledged before `collection` was read."""

    def nearest(
        self, collection: Collection, probe: Embedding, *, limit: int, lowest_cosine: float
    ) -> Sequence[FaceMatch]: ...

    def nearest_to_face(
        self, collection: Collection, face_id: UUID, *, limit: int, lowest_cosine: float
    ) -> Sequence[FaceMatch]:
        """The face itself is left out. Raises InvalidParameter for a face that the collection does not hold."""
        ...

    def nearest_each(
        self, collection: Collection, probes: Sequence[Embedding], *, limit: int, lowest_cosine: float
    ) -> Sequence[Sequence[FaceMatch]]:
        """The same for each probe, all from one state of the collection."""
        ...

    def nearest_users(
        self, collection: Collection, probes: Sequence[Embedding], *, limit: int, lowest_cosine: float
    ) -> Sequence[Sequence[UserMatch]]:
        """For each probe, all from one state of the collection."""
        ...

    def nearest_users_to_face(
        self, collection: Collection, face_id: UUID, *, limit: int, lowest_cosine: float
    ) -> Sequence[UserMatch]:
        """The face's own user may be among them. Raises InvalidParameter as `nearest_to_face`."""
        ...

    def nearest_users_to_user(
        self, collection: Collection, user_id: str, *, limit: int, lowest_cosine: float
    ) -> Sequence[UserMatch]:
        """The user itself is left out; nobody is like a user without faces. Raises ResourceNotFound."""
        ...


class PageTokens(Protocol):
    """Opaque, signed NextTokens of at most 255 characters."""

    def seal(self, place: str, cursor: str) -> str:
        """`place` names the operation, collection uid and filter that the token is good for."""
        ...

    def open(self, place: str, token: str) -> str:
        """The cursor. Raises InvalidPaginationToken unless this deployment sealed it for the same place."""
        ...


class Keys(Protocol):
    """The access keys that this deployment has issued."""

    def find(self, key_id: str) -> AccessKey | None:
        """None for a key that does not exist, or no longer. `key_id` has the form of one."""
        ...


class ListedKeys(Keys, Protocol):
    """The same, whose ids can be told without their secrets."""

    def ids(self) -> frozenset[str]:
        """Of all keys."""
        ...


class KeyStore(Keys, Protocol):
    """The same for whoever issues and revokes them."""

    def listed(self) -> Sequence[AccessKey]:
        """All keys, oldest first."""
        ...

    def add(self, key: AccessKey) -> None: ...

    def remove(self, key_id: str) -> bool:
        """Whether there was such a key."""
        ...
