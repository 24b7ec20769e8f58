"""The ports: interfaces through which operations use the other packages. Adapters live in store, vision and runtime."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from openrek.domain.access_keys import AccessKey
from openrek.domain.attributes import FaceAttributes, Trait
from openrek.domain.celebrities import Celebrity
from openrek.domain.collections import Collection, CollectionEntry
from openrek.domain.equipment import EquippedPerson
from openrek.domain.faces import (
    BoundingBox,
    DetectedFace,
    Embedding,
    Face,
    FaceDeletion,
    FaceMatch,
    FaceVector,
    Picture,
)
from openrek.domain.labels import DominantColor, Label, PictureProperties, Vocabulary
from openrek.domain.models import FaceModel
from openrek.domain.users import Association, Erased, RequestToken, User, UserMatch

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """A page of a listing. `more` is true when rows remain after the last one of `rows`."""

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
        """The faces found, at most 100, largest box first."""
        ...

    def embed(self, face: DetectedFace) -> FaceVector:
        """Return the vector of one of `faces`, by the model that the photo was read for; each face is embedded once."""
        ...

    def clearness(self, face: DetectedFace) -> float:
        """Return how clearly the face model sees one of `faces`: the length of its vector before that is made a unit
        one, in lengths of a clear photo's. Costs an embedding; the same face is embedded once."""
        ...

    def attributes(self, face: DetectedFace, asked: frozenset[Trait]) -> FaceAttributes:
        """Return what one of `faces` shows of what is asked; networks run for that only; the same face is read once."""
        ...


class Reader(Protocol):
    """The face pipeline: decode, detect, and embed on demand."""

    def read(self, image: bytes, model: FaceModel) -> Photo:
        """Decode an image and detect its faces, by the detector that goes with `model`.

        Raises InvalidImageFormat, ImageTooLarge or InvalidParameter (too small).
        """
        ...


class Moderator(Protocol):
    """The networks that see what some people should not see."""

    def moderate(self, image: bytes) -> Mapping[str, float]:
        """Decode an image and return the labels of version 7 that it shows, without those above them, each with its
        confidence, 0..100, float32.

        Raises InvalidImageFormat, ImageTooLarge or InvalidParameter (too small).
        """


class Packs(Protocol):
    """The packs of models of this process."""

    def require(self, packs: Iterable[str]) -> None:
        """Raise Throttling with the reason unless the models of all these packs are there."""
        ...

    def ready(self, packs: Iterable[str]) -> bool:
        """Return True if the models of all these packs are there."""
        ...


class LabelPhoto(Protocol):
    """A decoded photo, to be asked for labels; networks run when something asks for what they say."""

    @property
    def vocabulary(self) -> Vocabulary:
        """Every label that can be said."""
        ...

    @property
    def remarks(self) -> Sequence[str]:
        """Whole sentences to be said beside the labels: of labels that cannot be answered now."""
        ...

    def labels(self) -> Sequence[Label]:
        """Return what each kind of evidence says: names may come several times, without their ancestors."""
        ...

    def properties(self, most_colors: int) -> PictureProperties:
        """Measure quality and colours of the photo, of its foreground and of its background."""
        ...

    def colors(self, box: BoundingBox, most_colors: int) -> tuple[DominantColor, ...]:
        """Return the dominant colours within a box, the largest share first."""
        ...


class OpenPicture(Protocol):
    """A photo that was decoded once, for every reader that looks at it."""

    def faces(self) -> Photo:
        """Detect the faces."""
        ...

    def labels(self) -> LabelPhoto:
        """Return the photo to be asked for labels. Raises ImageTooLarge."""
        ...

    def persons(self) -> Sequence[EquippedPerson]:
        """Return the persons, the largest first, 15 at most, with parts of their bodies and what covers them."""
        ...


class Pictures(Protocol):
    """The readers of photos, where an operation needs several of them."""

    def open(self, image: bytes, sides_px: tuple[int, int] | None = None) -> OpenPicture:
        """Decode an image; `sides_px`: the least and the most that a side may have, where an operation has such limits.

        Raises InvalidImageFormat, ImageTooLarge or InvalidParameter (too small).
        """
        ...


class Buckets(Protocol):
    """The buckets from which `Image.S3Object` is read."""

    def read(self, bucket: str, name: str, version: str | None) -> bytes:
        """Return an object.

        Raises InvalidS3Object, or ImageTooLarge above 15 MB (checked before the bytes are read).
        """
        ...


class Collections(Protocol):
    """The collections of a deployment."""

    def create(self, collection_id: str, model: FaceModel, tags: Mapping[str, str]) -> Collection:
        """Create an empty collection. Raises ResourceAlreadyExists."""
        ...

    def require(self, collection_id: str) -> Collection:
        """Return the collection as of now. Raises ResourceNotFound."""
        ...

    def page(self, after: str | None, limit: int) -> Page[CollectionEntry]:
        """Return entries in the order of their cursors, strictly after the cursor `after`."""
        ...

    def delete(self, collection_id: str) -> None:
        """Delete the collection, at once for every later call in every process. Raises ResourceNotFound."""
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
        """Add the faces `found` in a picture, all or none; return them in the same order.

        A face that was already added from the same picture keeps its id; only missing ones are embedded and added.
        Raises ServiceQuotaExceeded.
        """
        ...

    def page(self, collection: Collection, after: UUID | None, limit: int) -> Page[Face]:
        """Return faces in ascending FaceId order, strictly after `after`."""
        ...

    def named(self, collection: Collection, face_ids: Sequence[UUID]) -> Sequence[Face]:
        """Return the faces of `face_ids` that exist, in ascending FaceId order, each once."""
        ...

    def of_user(self, collection: Collection, user_id: str) -> Sequence[Face]:
        """Return the user's faces in ascending FaceId order; none for a user that does not exist."""
        ...

    def delete(self, collection: Collection, face_ids: Sequence[UUID]) -> FaceDeletion:
        """Delete faces, but skip those that belong to a user."""
        ...


class Users(Protocol):
    """The users of one collection. Every method raises ResourceNotFound if that very collection is gone, and every
    change ServiceQuotaExceeded, Conflict (lost to concurrent changes; nothing was written) or
    IdempotentParameterMismatch. A repeated call with the same `idempotency_token` changes nothing."""

    def create(self, collection: Collection, user_id: str, idempotency_token: RequestToken | None) -> None:
        """Create a user without faces. Raises Conflict for a user that exists."""
        ...

    def delete(self, collection: Collection, user_id: str, idempotency_token: RequestToken | None) -> None:
        """Delete the user; its faces stay and belong to nobody. Raises ResourceNotFound."""
        ...

    def describe(
        self, collection: Collection, user_id: str, name: str, urls: Sequence[str] | None, gender: str | None
    ) -> None:
        """Make the user a celebrity of this name, and create it if it is missing; with None, what is stored stays."""
        ...

    def celebrities(self, collection: Collection, user_ids: Iterable[str]) -> Mapping[str, Celebrity]:
        """Return those of the users that are celebrities, by their ids."""
        ...

    def page(self, collection: Collection, after: str | None, limit: int) -> Page[UserEntry]:
        """Return users in the order of their cursors, strictly after the cursor `after`."""
        ...

    def associate(
        self,
        collection: Collection,
        user_id: str,
        face_ids: Sequence[UUID],
        *,
        lowest_cosine: float,
        idempotency_token: RequestToken | None,
    ) -> Association:
        """Associate faces with the user.

        If the user has faces already, those whose cosine with its vector is below `lowest_cosine` are skipped. Raises
        ResourceNotFound, and ServiceQuotaExceeded when the user is full.
        """
        ...

    def disassociate(
        self, collection: Collection, user_id: str, face_ids: Sequence[UUID], idempotency_token: RequestToken | None
    ) -> Association:
        """Take faces from the user; they stay in the collection. Raises ResourceNotFound."""
        ...


class Erasure(Protocol):
    """The erasure of everything that a collection stores about a person. A repeated call resumes an interrupted one."""

    def erase_user(self, collection: Collection, user_id: str) -> Erased:
        """Erase the user and its faces. Raises ResourceNotFound."""
        ...

    def erase_external_image_id(self, collection: Collection, external_image_id: str) -> Erased:
        """Erase every face of that ExternalImageId, and the users that have no other face."""
        ...


class Tags(Protocol):
    """The tags of a collection. Every method raises ResourceNotFound if that very collection is gone."""

    def read(self, collection: Collection) -> Mapping[str, str]:
        """Return all tags."""
        ...

    def put(self, collection: Collection, tags: Mapping[str, str]) -> None:
        """Add tags and overwrite existing ones. Raises ServiceQuotaExceeded."""
        ...

    def remove(self, collection: Collection, keys: Sequence[str]) -> None:
        """Remove the tags with these keys; unknown keys are ignored."""
        ...


class Search(Protocol):
    """Exact nearest neighbours by cosine, best first, ties by FaceId or the SHA-256 of the UserId; sees every write
    acknowledged before `collection` was read."""

    def nearest(
        self, collection: Collection, probe: Embedding, *, limit: int, lowest_cosine: float
    ) -> Sequence[FaceMatch]:
        """Return the nearest faces: at most `limit`, cosine at least `lowest_cosine`."""
        ...

    def nearest_to_face(
        self, collection: Collection, face_id: UUID, *, limit: int, lowest_cosine: float
    ) -> Sequence[FaceMatch]:
        """Return the nearest faces, without the face itself.

        Raises InvalidParameter if the collection lacks that face.
        """
        ...

    def nearest_each(
        self, collection: Collection, probes: Sequence[Embedding], *, limit: int, lowest_cosine: float
    ) -> Sequence[Sequence[FaceMatch]]:
        """Return the nearest faces of each probe, all from one state of the collection."""
        ...

    def nearest_users(
        self, collection: Collection, probes: Sequence[Embedding], *, limit: int, lowest_cosine: float
    ) -> Sequence[Sequence[UserMatch]]:
        """Return the nearest users of each probe, all from one state of the collection."""
        ...

    def nearest_users_to_face(
        self, collection: Collection, face_id: UUID, *, limit: int, lowest_cosine: float
    ) -> Sequence[UserMatch]:
        """Return the nearest users, which may include the face's own. Raises InvalidParameter as `nearest_to_face`."""
        ...

    def nearest_users_to_user(
        self, collection: Collection, user_id: str, *, limit: int, lowest_cosine: float
    ) -> Sequence[UserMatch]:
        """Return the nearest users, without the user itself; none if it has no faces. Raises ResourceNotFound."""
        ...


class PageTokens(Protocol):
    """Opaque, signed NextTokens of at most 255 characters."""

    def seal(self, place: str, cursor: str) -> str:
        """Return a token that is valid for one `place`: operation, collection uid and filter."""
        ...

    def open(self, place: str, token: str) -> str:
        """Return the cursor in a token.

        Raises InvalidPaginationToken unless this deployment sealed it for this place.
        """
        ...


class Keys(Protocol):
    """The access keys that this deployment has issued."""

    def find(self, key_id: str) -> AccessKey | None:
        """Return the key, or None if it does not exist or was revoked. `key_id` must have the form of a key's id."""
        ...


class ListedKeys(Keys, Protocol):
    """The same, whose ids can be told without their secrets."""

    def ids(self) -> frozenset[str]:
        """Return the ids of all keys."""
        ...


class KeyStore(Keys, Protocol):
    """The access keys, for commands that issue and revoke them."""

    def listed(self) -> Sequence[AccessKey]:
        """Return all keys, oldest first."""
        ...

    def add(self, key: AccessKey) -> None:
        """Store a new key."""
        ...

    def remove(self, key_id: str) -> bool:
        """Revoke a key; return whether it existed."""
        ...
