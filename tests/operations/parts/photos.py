"""Photos that are bytes which name what they show: `b"ann bob"` has two faces, the first one larger; those of
`b"blurred ann"` and of `b"faint ann"` are bad, and in `b"child ann"` all are
small children.

A name always has the same embedding; `ann2` looks a lot like `ann`.
"""

import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from openrek.domain.attributes import AgeRange, Emotion, EyeDirection, FaceAttributes, Gender, Judgement, Trait
from openrek.domain.errors import InvalidImageFormat, InvalidS3Object, Throttling
from openrek.domain.faces import BoundingBox, DetectedFace, Embedding, FaceVector, Landmark, Pose, Quality, float32
from openrek.domain.models import SFACE, FaceModel

NAMES = ("ann", "bob", "cyd", "dan")
EMOTIONS = ("CALM", "HAPPY", "SURPRISED", "FEAR", "SAD", "ANGRY", "CONFUSED", "DISGUSTED")


def embedding(name: str) -> Embedding:
    """One axis per person; a digit after the name turns it away from the axis by about so many tenths of a radian.

    Numbers that the store's bytes hold exactly: whole ones of which the largest is 127, made unit length.
    """
    person, turn = name.rstrip("0123456789"), int(name.lstrip("abcdefghijklmnopqrstuvwxyz") or 0) / 10
    along, across = math.cos(turn), math.sin(turn)
    largest = max(along, across)
    values = [0] * SFACE.dimensions
    values[NAMES.index(person)] = round(127 * along / largest)
    values[len(NAMES)] = round(127 * across / largest)
    length = math.hypot(*values)
    return array("f", (value / length for value in values))


def detected(place: int, *, sharpness: float = 90.0) -> DetectedFace:
    width = float32(0.4 / (place + 1))
    box = BoundingBox(float32(0.1 * place), 0.25, width, width)
    points = ("eyeLeft", "eyeRight", "mouthLeft", "mouthRight", "nose")
    landmarks = tuple(Landmark(name, float32(0.1 * place + 0.01), 0.5) for name in points)
    return DetectedFace(
        box=box,
        confidence=float32(99.9 - place / 100),
        landmarks=landmarks,
        pose=Pose(roll=1.0, yaw=-2.0, pitch=3.0),
        quality=Quality(brightness=80.0, sharpness=sharpness, coarse_sharpness=60.0),
        width_px=100.0,
        height_px=100.0,
    )


@dataclass
class NamedPhoto:
    names: list[str]
    blurred: bool = False
    faint: bool = False
    child: bool = False

    @property
    def faces(self) -> Sequence[DetectedFace]:
        return tuple(detected(place, sharpness=0.0 if self.blurred else 90.0) for place in range(len(self.names)))

    def clearness(self, face: DetectedFace) -> float:
        return 0.3 if self.faint else 1.0

    def attributes(self, face: DetectedFace, asked: frozenset[Trait]) -> FaceAttributes:
        """The face at place n shows a smile if n is even, and is as many tens of years old."""
        place = self.faces.index(face)
        points = tuple(Landmark("chinBottom", 0.5, 0.25) for _ in range(30))
        shown = {
            Trait.AGE_RANGE: ("age_range", AgeRange(10 * place, 10 * place + 5)),
            Trait.SMILE: ("smile", Judgement(place % 2 == 0, 75.0)),
            Trait.EYEGLASSES: ("eyeglasses", Judgement(False, 51.0)),
            Trait.SUNGLASSES: ("sunglasses", Judgement(False, 52.0)),
            Trait.GENDER: ("gender", Gender("Female", 53.0)),
            Trait.BEARD: ("beard", Judgement(False, 54.0)),
            Trait.MUSTACHE: ("mustache", Judgement(False, 55.0)),
            Trait.EYES_OPEN: ("eyes_open", Judgement(True, 56.0)),
            Trait.MOUTH_OPEN: ("mouth_open", Judgement(True, 57.0)),
            Trait.EMOTIONS: ("emotions", tuple(Emotion(kind, 50.0 - at) for at, kind in enumerate(EMOTIONS))),
            Trait.FACE_OCCLUDED: ("face_occluded", Judgement(False, 58.0)),
            Trait.EYE_DIRECTION: ("eye_direction", EyeDirection(1.5, -2.5, 59.0)),
            Trait.LANDMARKS: ("landmarks", points),
        }
        told: dict[str, Any] = dict(shown[trait] for trait in asked)
        return FaceAttributes(**told, pose=Pose(4.0, 5.0, 6.0) if Trait.LANDMARKS in asked else None)

    def embed(self, face: DetectedFace) -> FaceVector:
        return FaceVector(
            embedding(self.names[self.faces.index(face)]), length=12.5, child_cosine=0.6 if self.child else 0.1
        )


@dataclass
class NamingReader:
    """`read` counts: a refusal that should be cheap must leave the count alone."""

    reads: int = 0

    def read(self, image: bytes, model: FaceModel) -> NamedPhoto:
        self.reads += 1
        if image.startswith(b"GIF"):
            raise InvalidImageFormat
        words = image.decode().split()
        names = [word for word in words if word not in ("blurred", "faint", "child")]
        return NamedPhoto(names, blurred="blurred" in words, faint="faint" in words, child="child" in words)


@dataclass
class ChosenPacks:
    """Packs of which those in `missing` are not ready."""

    missing: set[str] = field(default_factory=set)

    def require(self, packs: Iterable[str]) -> None:
        if self.missing & set(packs):
            raise Throttling(reason="being built")

    def ready(self, packs: Iterable[str]) -> bool:
        return not self.missing & set(packs)


@dataclass
class DictBuckets:
    objects: dict[tuple[str, str, str | None], bytes] = field(default_factory=dict)
    reads: int = 0

    def read(self, bucket: str, name: str, version: str | None) -> bytes:
        self.reads += 1
        if (bucket, name, version) not in self.objects:
            raise InvalidS3Object
        return self.objects[bucket, name, version]
