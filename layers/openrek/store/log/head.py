"""The head of a collection: the one item that every write changes and every read begins with."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from openrek.domain.collections import Collection
from openrek.domain.errors import collection_not_found
from openrek.store.items.port import Attributes, Item, Items, Key
from openrek.store.log.keys import directory_key, head_key, uid_key

DIMENSIONS: Final = 128
"""Of the vectors of a collection whose head does not say: every model had so many when heads did not say it."""

FOLD_ENTRIES: Final = 1000
FOLD_BYTES: Final = 1 << 20
"""A log that is as long as this is folded into segments."""


@dataclass(frozen=True, slots=True)
class Head:
    """The head. `seq` counts the committed changes; log entry n is the change that made it n.

    `manifest` names the blob that lists the segments (empty before the first), `version` counts the manifests, `nonce`
    tells whose swap made it the current one. Its segments hold the changes up to `compacted_through`; the entries after
    that take `log_bytes`. Vectors are those of the face model `model` and have so many `dimensions`.
    """

    collection_id: str
    uid: UUID
    seq: int
    faces: int
    users: int
    model: str
    created_ms: int
    manifest: str = ""
    version: int = 0
    nonce: bytes = b""
    compacted_through: int = 0
    log_bytes: int = 0
    dimensions: int = DIMENSIONS

    @property
    def key(self) -> Key:
        return head_key(self.collection_id)

    @property
    def unmoved(self) -> Attributes:
        """The condition that nothing was written to this collection, and nothing compacted, since it was read."""
        return {"uid": self.uid.bytes, "seq": self.seq, "version": self.version}

    @property
    def same_collection(self) -> Attributes:
        """The condition that the collection was not deleted since this head was read."""
        return {"uid": self.uid.bytes}

    @property
    def log_is_long(self) -> bool:
        """True when the log is due to be folded."""
        return self.seq - self.compacted_through >= FOLD_ENTRIES or self.log_bytes >= FOLD_BYTES

    @property
    def lines(self) -> Mapping[Key, Attributes]:
        """The other items of an existing collection: its line in the directory, and that of its uid."""
        return {
            directory_key(self.collection_id): {"id": self.collection_id, "uid": self.uid.bytes, "model": self.model},
            uid_key(self.uid): {"id": self.collection_id, "created_ms": self.created_ms},
        }

    def advanced(self, *, faces: int, users: int, entry_bytes: int) -> "Head":
        """Return the head after one more change, whose log entry takes `entry_bytes`."""
        return replace(
            self,
            seq=self.seq + 1,
            faces=self.faces + faces,
            users=self.users + users,
            log_bytes=self.log_bytes + entry_bytes,
        )

    def attributes(self) -> Attributes:
        said = {} if self.dimensions == DIMENSIONS else {"dimensions": self.dimensions}
        return {
            **said,
            "uid": self.uid.bytes,
            "seq": self.seq,
            "faces": self.faces,
            "users": self.users,
            "model": self.model,
            "created_ms": self.created_ms,
            "manifest": self.manifest,
            "version": self.version,
            "nonce": self.nonce,
            "compacted_through": self.compacted_through,
            "log_bytes": self.log_bytes,
        }

    def collection(self) -> Collection:
        return Collection(
            self.collection_id,
            self.uid,
            self.model,
            self.dimensions,
            self.created_ms / 1000.0,
            self.faces,
            self.users,
            self.seq,
        )


def head_of(collection_id: str, item: Item | None) -> Head | None:
    """Return the head in `item`."""
    if item is None:
        return None
    return Head(**{**item.attributes, "uid": UUID(bytes=item.attributes["uid"])}, collection_id=collection_id)


def head_now(items: Items, collection_id: str) -> Head | None:
    """Read the head of the collection that has the id now; None if there is none."""
    return head_of(collection_id, items.get(head_key(collection_id)))


def require_head(items: Items, collection: Collection) -> Head:
    """Return the head as of now. Raises ResourceNotFound when that very collection is gone, re-created or not."""
    return same_collection(collection, items.get(head_key(collection.collection_id)))


def same_collection(collection: Collection, item: Item | None) -> Head:
    """Return the head in `item`. Raises ResourceNotFound when it is not the head of that very collection."""
    head = head_of(collection.collection_id, item)
    if head is None or head.uid != collection.uid:
        raise collection_not_found(collection.collection_id)
    return head
