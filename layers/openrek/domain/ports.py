"""What an operation may ask of the other rooms. Adapters live in store, vision and runtime."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from openrek.domain.access_keys import AccessKey
from openrek.domain.collections import Collection, CollectionEntry
from openrek.domain.faces import DetectedFace, Embedding, Face, FaceDeletion, FaceMatch, Picture
from openrek.domain.models import FaceModel

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """`more` is true when rows remain after the last one of `rows`."""

    rows: tuple[Row, ...]
    more: bool


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

    def delete(self, collection: Collection, face_ids: Sequence[UUID]) -> FaceDeletion: ...


class Search(Protocol):
    """Exact nearest neighbours by cosine, best first, ties by FaceId; sees every write acknowledged before `collection`
    was read."""

    def nearest(
        self, collection: Collection, probe: Embedding, *, limit: int, lowest_cosine: float
    ) -> Sequence[FaceMatch]: ...

    def nearest_to_face(
        self, collection: Collection, face_id: UUID, *, limit: int, lowest_cosine: float
    ) -> Sequence[FaceMatch]:
        """The face itself is left out. Raises InvalidParameter for a face that the collection does not hold."""
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


class KeyStore(Keys, Protocol):
    """The same for whoever issues and revokes them."""

    def listed(self) -> Sequence[AccessKey]:
        """All keys, oldest first."""
        ...

    def add(self, key: AccessKey) -> None: ...

    def remove(self, key_id: str) -> bool:
        """Whether there was such a key."""
        ...
