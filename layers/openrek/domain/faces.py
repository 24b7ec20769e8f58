"""Faces as values: the place of a face in a photo, its quality, and what a collection stores of it."""

import struct
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID, uuid5

Embedding: TypeAlias = "array[float]"
"""float32, unit length, as many numbers as the face model has dimensions. `array("f")`: stdlib, zero-copy to numpy."""

IMAGE_NAMESPACE = UUID("6f0c2b0e-3f5d-5a7e-9d53-0a8f5d0f6c11")


def float32(value: float) -> float:
    """Return the nearest float32, as the double that JSON prints: every number of Rekognition's model is a float32."""
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


@dataclass(frozen=True, slots=True)
class BoundingBox:
    """A box, as ratios of the upright image's width and height, float32.

    A face cut by the frame reaches beyond 0..1.
    """

    left: float
    top: float
    width: float
    height: float

    @property
    def area(self) -> float:
        """The box's share of the image, not clipped to the frame."""
        return self.width * self.height

    def iou(self, other: "BoundingBox") -> float:
        """Return intersection over union with the other box, 0..1."""
        across = min(self.left + self.width, other.left + other.width) - max(self.left, other.left)
        down = min(self.top + self.height, other.top + other.height) - max(self.top, other.top)
        if across <= 0 or down <= 0:
            return 0.0
        shared = across * down
        return shared / (self.area + other.area - shared)


@dataclass(frozen=True, slots=True)
class Landmark:
    """A named point, ratios of the upright image's width and height, float32. Left and right are the viewer's."""

    name: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Pose:
    """The pose of a head in degrees, -180..180.

    Roll > 0: clockwise in the image; yaw > 0: nose to image right; pitch > 0: looking up.
    """

    roll: float
    yaw: float
    pitch: float


@dataclass(frozen=True, slots=True)
class Quality:
    """The quality of a face's picture, 0..100 each; openrek.vision.faces.quality measures it.

    `coarse_sharpness` sees no single pixels; it is for the quality filter only, Rekognition has no such member.
    """

    brightness: float
    sharpness: float
    coarse_sharpness: float


@dataclass(frozen=True, slots=True)
class DetectedFace:
    """One face of one photo. `confidence` is 0..100; `height_px` is the box in pixels of the upright photo."""

    box: BoundingBox
    confidence: float
    landmarks: tuple[Landmark, ...]
    pose: Pose
    quality: Quality
    width_px: float
    height_px: float


@dataclass(frozen=True, slots=True)
class Picture:
    """The identity of a photo within a collection: the hash of its bytes, and the caller's id for it."""

    sha256: bytes
    external_image_id: str | None

    @property
    def image_id(self) -> UUID:
        """The ImageId; the same bytes always have the same one, a name-based UUID (RFC 9562, version 5) of their
        SHA-256.
        """
        return uuid5(IMAGE_NAMESPACE, self.sha256.hex())


@dataclass(frozen=True, slots=True)
class Face:
    """A face that a collection holds: Rekognition's Face, without the vector."""

    face_id: UUID
    image_id: UUID
    external_image_id: str | None
    box: BoundingBox
    confidence: float
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class FaceMatch:
    """A stored face and the cosine of its embedding with the probe's, -1..1, computed in float64."""

    face: Face
    cosine: float


@dataclass(frozen=True, slots=True)
class FaceNotDeleted:
    """A face that DeleteFaces skipped; `reason` is Rekognition's enum value."""

    face_id: UUID
    reason: str
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class FaceDeletion:
    """The result of one DeleteFaces call, in the caller's order."""

    deleted: tuple[UUID, ...]
    skipped: tuple[FaceNotDeleted, ...]


def largest(faces: Sequence[DetectedFace]) -> DetectedFace:
    """Return the face with the largest box. Raises ValueError when there is none."""
    return max(faces, key=lambda face: face.box.area)


def cosine(first: Embedding, second: Embedding) -> float:
    """Return the cosine of two unit vectors, float64 sums, clipped to -1..1."""
    return max(-1.0, min(1.0, sum(a * b for a, b in zip(first, second, strict=True))))
