"""Protective equipment as values: persons, parts of their bodies, and what covers those."""

from dataclasses import dataclass
from typing import Final

from openrek.domain.faces import BoundingBox

FACE, LEFT_HAND, RIGHT_HAND, HEAD = "FACE", "LEFT_HAND", "RIGHT_HAND", "HEAD"
FACE_COVER, HAND_COVER, HEAD_COVER = "FACE_COVER", "HAND_COVER", "HEAD_COVER"
WORN_ON: Final = {FACE_COVER: (FACE,), HAND_COVER: (LEFT_HAND, RIGHT_HAND), HEAD_COVER: (HEAD,)}
"""Type of equipment -> the parts that it covers."""
MOST_PERSONS: Final = 15


@dataclass(frozen=True, slots=True)
class Cover:
    """A piece of equipment, one of WORN_ON; `covers` says if it covers the part that it is worn on.

    Confidences are 0..100, float32.
    """

    kind: str
    box: BoundingBox
    confidence: float
    covers: bool
    covers_confidence: float


@dataclass(frozen=True, slots=True)
class BodyPart:
    """A part of a body that is seen, and what was found on it. Hands are the person's own left and right one."""

    name: str
    confidence: float
    covers: tuple[Cover, ...] = ()


@dataclass(frozen=True, slots=True)
class EquippedPerson:
    """A person and the parts of the body that are seen, in the order FACE, LEFT_HAND, RIGHT_HAND, HEAD."""

    box: BoundingBox
    confidence: float
    parts: tuple[BodyPart, ...]
