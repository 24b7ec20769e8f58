"""What a face shows besides its place: Rekognition's facial attributes as values."""

from dataclasses import dataclass
from enum import Enum

from openrek.domain.faces import Landmark, Pose


class Trait(Enum):
    """One attribute of a face that can be asked for. The values are the API's names."""

    AGE_RANGE = "AGE_RANGE"
    BEARD = "BEARD"
    EMOTIONS = "EMOTIONS"
    EYE_DIRECTION = "EYE_DIRECTION"
    EYEGLASSES = "EYEGLASSES"
    EYES_OPEN = "EYES_OPEN"
    FACE_OCCLUDED = "FACE_OCCLUDED"
    GENDER = "GENDER"
    MOUTH_OPEN = "MOUTH_OPEN"
    MUSTACHE = "MUSTACHE"
    SMILE = "SMILE"
    SUNGLASSES = "SUNGLASSES"
    LANDMARKS = "LANDMARKS"
    """All thirty points, and the pose of the mesh: part of ALL, not to be asked for alone."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Yes or no, and how sure that is: `confidence` is the calibrated probability of `value`, 50..100, float32."""

    value: bool
    confidence: float


@dataclass(frozen=True, slots=True)
class Gender:
    """What the face looks like, not who somebody is: "Male" or "Female"; `confidence` as in Judgement."""

    value: str
    confidence: float


@dataclass(frozen=True, slots=True)
class AgeRange:
    """The years between which the age that a face shows lies, both included."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Emotion:
    """What a face seems to express, by the API's name; `confidence` is 0..100, float32, each on its own."""

    kind: str
    confidence: float


@dataclass(frozen=True, slots=True)
class EyeDirection:
    """Where the eyes look, in degrees, independent of the head's pose; `confidence` is 0..100, float32."""

    yaw: float
    pitch: float
    confidence: float


@dataclass(frozen=True, slots=True)
class FaceAttributes:
    """The attributes of one face; those that were not asked for are None.

    `emotions` are eight, the surest first. `landmarks` are thirty in the API's order, and `pose` is that of the mesh;
    where the mesh fails, the points are made of what is there and the pose is that of the five points.
    """

    age_range: AgeRange | None = None
    smile: Judgement | None = None
    eyeglasses: Judgement | None = None
    sunglasses: Judgement | None = None
    gender: Gender | None = None
    beard: Judgement | None = None
    mustache: Judgement | None = None
    eyes_open: Judgement | None = None
    mouth_open: Judgement | None = None
    emotions: tuple[Emotion, ...] | None = None
    face_occluded: Judgement | None = None
    eye_direction: EyeDirection | None = None
    landmarks: tuple[Landmark, ...] | None = None
    pose: Pose | None = None
