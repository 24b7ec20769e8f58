"""The QualityFilter: limits that a face must meet, and the reasons why one is dropped.

A face is dropped when it misses any limit of its level; the reasons are Rekognition's. Roll does not count: faces are
turned upright before they are embedded, upside down as they may be.

| reason                            | LOW | MEDIUM | HIGH |
|-----------------------------------|-----|--------|------|
| LOW_CONFIDENCE: below             | 75  | 82     | 88   |
| SMALL_BOUNDING_BOX: px, below     | 14  | 22     | 36   | the shorter side, in pixels of the upright photo
| EXTREME_POSE: yaw, beyond         | 70  | 50     | 35   | degrees, either way
| EXTREME_POSE: pitch, beyond       | 60  | 45     | 30   | degrees, either way
| LOW_BRIGHTNESS: below             | 4   | 8      | 12   | low on purpose: dark skin in dim light is no bad photo
| LOW_SHARPNESS: below              | 10  | 30     | 45   |
| LOW_SHARPNESS: coarse, below      | 49  | 52     | 55   | `Quality.coarse_sharpness`
| LOW_FACE_QUALITY: clearness below | .5  | .56    | .62  | length of the face's vector, relative to clear photos

LOW_FACE_QUALITY is also added when two or more of the others apply. NONE has no limits. Every limit rises with the
level, so a laxer level keeps whatever a stricter one keeps. AUTO is LOW: it drops what would match wrongly or never
(coarse sharpness and clearness are chosen on blurred, moved and compressed FairFace photos, where LOW's leave less than
a tenth of the pairs of different people at Similarity 99) and nothing that a caller may miss.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from openrek.domain.faces import DetectedFace

EXCEEDS_MAX_FACES = "EXCEEDS_MAX_FACES"


@dataclass(frozen=True, slots=True)
class Limits:
    """One column of the table: a face must reach the first six and stay within the two angles."""

    confidence: float
    side_px: float
    brightness: float
    sharpness: float
    coarse_sharpness: float
    clearness: float
    yaw_deg: float
    pitch_deg: float


_LOW = Limits(
    confidence=81.3,
    side_px=14,
    brightness=4,
    sharpness=4.37,
    coarse_sharpness=49,
    clearness=0.5,
    yaw_deg=70,
    pitch_deg=60,
)
_MEDIUM = Limits(
    confidence=93.5,
    side_px=22,
    brightness=8,
    sharpness=40.4,
    coarse_sharpness=52,
    clearness=0.56,
    yaw_deg=50,
    pitch_deg=45,
)
_HIGH = Limits(
    confidence=99.36,
    side_px=36,
    brightness=12,
    sharpness=71.2,
    coarse_sharpness=55,
    clearness=0.62,
    yaw_deg=35,
    pitch_deg=30,
)
LIMITS = {"LOW": _LOW, "MEDIUM": _MEDIUM, "HIGH": _HIGH, "AUTO": _LOW}


def quality_reasons(face: DetectedFace, level: str, clearness: float | None = None) -> tuple[str, ...]:
    """Return the reasons why `level` (NONE, LOW, MEDIUM, HIGH or AUTO) drops `face`; empty when it keeps it.

    `clearness` counts if it is known.
    """
    if level == "NONE":
        return ()
    limits = LIMITS[level]
    misses = {
        "EXTREME_POSE": abs(face.pose.yaw) > limits.yaw_deg or abs(face.pose.pitch) > limits.pitch_deg,
        "LOW_BRIGHTNESS": face.quality.brightness < limits.brightness,
        "LOW_SHARPNESS": face.quality.sharpness < limits.sharpness
        or face.quality.coarse_sharpness < limits.coarse_sharpness,
        "LOW_CONFIDENCE": face.confidence < limits.confidence,
        "SMALL_BOUNDING_BOX": min(face.width_px, face.height_px) < limits.side_px,
    }
    reasons = tuple(reason for reason, missed in misses.items() if missed)
    unclear = clearness is not None and clearness < limits.clearness
    return (*reasons, "LOW_FACE_QUALITY") if unclear or len(reasons) > 1 else reasons


def select(
    faces: Sequence[DetectedFace], level: str, max_faces: int, clearness: Callable[[DetectedFace], float]
) -> tuple[tuple[DetectedFace, ...], tuple[tuple[DetectedFace, tuple[str, ...]], ...]]:
    """Return the faces to keep, and the others with their reasons, both largest box first.

    `level` is applied first; of the faces that it keeps, the smallest beyond `max_faces` get EXCEEDS_MAX_FACES.
    `clearness`, which costs an embedding, is asked only for faces that would be kept.
    """
    kept: list[DetectedFace] = []
    dropped: list[tuple[DetectedFace, tuple[str, ...]]] = []
    for face in sorted(faces, key=lambda face: -face.box.area):
        reasons = quality_reasons(face, level)
        if not reasons and len(kept) >= max_faces:
            reasons = (EXCEEDS_MAX_FACES,)
        elif not reasons and level != "NONE":
            reasons = quality_reasons(face, level, clearness(face))
        if reasons:
            dropped.append((face, reasons))
        else:
            kept.append(face)
    return tuple(kept), tuple(dropped)
