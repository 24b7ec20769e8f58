"""Duplicate records: the faces added from a picture, so that a repeated IndexFaces returns the same FaceIds.

One record per (image bytes, ExternalImageId). It names only faces that exist: deleting a face removes it from the
record in the same transaction, and the record is deleted with its last face, since it is personal data too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from openrek.domain.faces import BoundingBox, DetectedFace, Face
from openrek.store.items.port import Delete, Item, Key, Put, Write
from openrek.store.log.rows import GEOMETRY, geometry

SAME_FACE_IOU: Final = 0.5
"""Two faces of one picture overlap by less than the detector's 0.3; the same face found again, by nearly 1."""


@dataclass(frozen=True, slots=True)
class KnownFace:
    """A face that was added from the picture, as it was returned then."""

    face_id: UUID
    box: BoundingBox
    confidence: float


@dataclass(frozen=True, slots=True)
class DuplicateRecord:
    """The faces that a collection has from one picture."""

    key: Key
    known: tuple[KnownFace, ...]

    def find(self, found: DetectedFace) -> KnownFace | None:
        """Return the face that a detected face is, or None if it is new."""
        best = max(self.known, key=lambda known: known.box.iou(found.box), default=None)
        return best if best is not None and best.box.iou(found.box) >= SAME_FACE_IOU else None

    def with_faces(self, faces: Sequence[Face]) -> Write:
        """Return the write that adds faces to the record."""
        added = tuple(KnownFace(face.face_id, face.box, face.confidence) for face in faces)
        return _write(self.key, self.known + added)

    def without(self, face_ids: set[UUID]) -> Write:
        """Return the write that removes faces from the record; without faces, it deletes the record."""
        return _write(self.key, tuple(known for known in self.known if known.face_id not in face_ids))

    def fingerprint(self) -> bytes:
        """Return bytes that differ if the record changed: the ids in it."""
        return b"".join(known.face_id.bytes for known in self.known)


def duplicate_record(key: Key, item: Item | None) -> DuplicateRecord:
    """Return the record in `item`; an empty one if it is None."""
    stored: Sequence[Mapping[str, Any]] = () if item is None else item.attributes["faces"]
    return DuplicateRecord(key, tuple(_known(face) for face in stored))


def picture_of(face: Item) -> Key:
    """Return the key of the record that names a face item; records lie beside the faces of the same collection."""
    return Key(face.key.partition.removesuffix("/face") + "/duplicate", face.attributes["picture"])


def removals(faces: Sequence[Item], read: Callable[[Sequence[Key]], Sequence[Item | None]]) -> list[Write]:
    """Return the writes that delete face items, and their ids from their pictures' records, which `read` reads."""
    by_picture: dict[Key, set[UUID]] = {}
    for face in faces:
        by_picture.setdefault(picture_of(face), set()).add(UUID(bytes=face.attributes["id"]))
    records = read(list(by_picture))
    updates = [
        duplicate_record(key, record).without(face_ids)
        for (key, face_ids), record in zip(by_picture.items(), records, strict=True)
    ]
    return [*(Delete(face.key) for face in faces), *updates]


def _known(face: Mapping[str, Any]) -> KnownFace:
    left, top, width, height, confidence = GEOMETRY.unpack(face["geometry"])
    return KnownFace(UUID(bytes=face["id"]), BoundingBox(left, top, width, height), confidence)


def _write(key: Key, known: tuple[KnownFace, ...]) -> Write:
    if not known:
        return Delete(key)
    faces = [{"id": face.face_id.bytes, "geometry": geometry(face.box, face.confidence)} for face in known]
    return Put(key, {"faces": faces})
