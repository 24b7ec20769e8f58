"""Rows as attributes: a face in its item and its log entry, a user in its log entry."""

import hashlib
import struct
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from openrek.domain.faces import BoundingBox, Face
from openrek.store.items.port import Attributes

GEOMETRY = struct.Struct("<5f")
"""left, top, width, height, confidence: float32, exactly as IndexFaces returned them."""

SCALE = struct.Struct("<f")

NO_IMAGE: Final = bytes(16)


@dataclass(frozen=True, slots=True)
class FaceRow:
    """The row of a face.

    `vector` is int8, as many bytes as the model has dimensions; the embedding is `scale` times it.
    """

    face: Face
    vector: bytes
    scale: float

    def attributes(self) -> dict[str, Any]:
        face = self.face
        found: dict[str, Any] = {
            "kind": "face",
            "id": face.face_id.bytes,
            "image": face.image_id.bytes,
            "geometry": geometry(face.box, face.confidence),
            "vector": self.vector,
            "scale": SCALE.pack(self.scale),
        }
        if face.external_image_id is not None:
            found["external"] = face.external_image_id
        if face.user_id is not None:
            found["owner"] = face.user_id
        return found


@dataclass(frozen=True, slots=True)
class UserRow:
    """The row of a user that has faces. Its columns are those of a face: the id is a hash, the owner the user itself,
    and the first number of the geometry counts its faces.
    """

    user_id: str
    face_count: int
    vector: bytes
    scale: float

    def attributes(self) -> dict[str, Any]:
        return {
            "kind": "user",
            "id": user_row_id(self.user_id),
            "image": NO_IMAGE,
            "geometry": GEOMETRY.pack(self.face_count, 0.0, 0.0, 0.0, 0.0),
            "vector": self.vector,
            "scale": SCALE.pack(self.scale),
            "owner": self.user_id,
        }


def user_row_id(user_id: str) -> bytes:
    """Return the id of a user's row: 16 bytes, as every row's."""
    return hashlib.sha256(user_id.encode()).digest()[:16]


def face_row(at: Attributes) -> FaceRow:
    return FaceRow(face_of(at), at["vector"], SCALE.unpack(at["scale"])[0])


def face_of(at: Attributes) -> Face:
    left, top, width, height, confidence = GEOMETRY.unpack(at["geometry"])
    return Face(
        face_id=UUID(bytes=at["id"]),
        image_id=UUID(bytes=at["image"]),
        external_image_id=at.get("external"),
        box=BoundingBox(left, top, width, height),
        confidence=confidence,
        user_id=at.get("owner"),
    )


def geometry(box: BoundingBox, confidence: float) -> bytes:
    return GEOMETRY.pack(box.left, box.top, box.width, box.height, confidence)
