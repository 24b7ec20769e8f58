"""What a picture gave a collection before: the record that lets a repeated IndexFaces return the same FaceIds.

One record per (image bytes, ExternalImageId). It names only faces that exist: deleting a face strikes it out in the
same transaction, and the record goes with its last face, since it is personal data too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from openrek.domain.faces import BoundingBox, DetectedFace, Face
from openrek.store.items.port import Delete, Item, Key, Operation, Put
from openrek.store.log.rows import GEOMETRY, geometry

SAME_FACE_IOU: Final = 0.5
"""Two faces of one picture overlap by less than the detector's 0.3; the same face found again, by nearly 1."""


@dataclass(frozen=True, slots=True)
class Known:
    """A face that the picture gave, as it was returned then."""

    face_id: UUID
    box: BoundingBox
    confidence: float


@dataclass(frozen=True, slots=True)
class DuplicateRecord:
    key: Key
    known: tuple[Known, ...]

    def find(self, found: DetectedFace) -> Known | None:
        best = max(self.known, key=lambda known: known.box.iou(found.box), default=None)
        return best if best is not None and best.box.iou(found.box) >= SAME_FACE_IOU else None

    def with_faces(self, faces: Sequence[Face]) -> Operation:
        added = tuple(Known(face.face_id, face.box, face.confidence) for face in faces)
        return _write(self.key, self.known + added)

    def without(self, face_ids: set[UUID]) -> Operation:
        return _write(self.key, tuple(known for known in self.known if known.face_id not in face_ids))

    def fingerprint(self) -> bytes:
        """Tells whether the record changed: the ids it names."""
        return b"".join(known.face_id.bytes for known in self.known)


def duplicate_record(key: Key, item: Item | None) -> DuplicateRecord:
    stored: Sequence[Mapping[str, Any]] = () if item is None else item.attributes["faces"]
    return DuplicateRecord(key, tuple(_known(face) for face in stored))


def picture_of(face: Item) -> Key:
    """The key of the record that names a face item; records lie beside the faces of the same collection."""
    return Key(face.key.partition.removesuffix("/face") + "/duplicate", face.attributes["picture"])


def removals(faces: Sequence[Item], read: Callable[[Sequence[Key]], Sequence[Item | None]]) -> list[Operation]:
    """Removes face items, and their ids from the records of their pictures, which `read` reads."""
    by_picture: dict[Key, set[UUID]] = {}
    for face in faces:
        by_picture.setdefault(picture_of(face), set()).add(UUID(bytes=face.attributes["id"]))
    records = read(list(by_picture))
    strikes = [
        duplicate_record(key, record).without(face_ids)
        for (key, face_ids), record in zip(by_picture.items(), records, strict=True)
    ]
    return [*(Delete(face.key) for face in faces), *strikes]


def _known(face: Mapping[str, Any]) -> Known:
    left, top, width, height, confidence = GEOMETRY.unpack(face["geometry"])
    return Known(UUID(bytes=face["id"]), BoundingBox(left, top, width, height), confidence)


def _write(key: Key, known: tuple[Known, ...]) -> Operation:
    if not known:
        return Delete(key)
    faces = [{"id": face.face_id.bytes, "geometry": geometry(face.box, face.confidence)} for face in known]
    return Put(key, {"faces": faces})
