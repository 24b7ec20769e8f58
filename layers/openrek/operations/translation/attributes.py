"""Facial attributes: which of them a request asks for, and the FaceDetail that has them."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from openrek.domain.attributes import EyeDirection, FaceAttributes, Gender, Judgement, Trait
from openrek.domain.faces import DetectedFace
from openrek.domain.ports import Packs, Photo
from openrek.operations.translation.shapes import Response, box_shape, landmark_shapes, pose_shape, quality_shape

PACK: Final = "attributes"
ALL, DEFAULT = "ALL", "DEFAULT"
_EVERY: Final = frozenset(Trait)
_JUDGED: Final = (
    ("Smile", "smile"),
    ("Eyeglasses", "eyeglasses"),
    ("Sunglasses", "sunglasses"),
    ("Gender", "gender"),
    ("Beard", "beard"),
    ("Mustache", "mustache"),
    ("EyesOpen", "eyes_open"),
    ("MouthOpen", "mouth_open"),
)
"""Members of FaceDetail in its order, between AgeRange and Emotions; and the fields of FaceAttributes."""


def asked_traits(names: Sequence[str], packs: Packs) -> frozenset[Trait]:
    """Return the traits that the API's names ask for, beyond the default attributes, which every answer has.

    Raises Throttling while the models that read them are not there.
    """
    traits = _EVERY if ALL in names else frozenset(Trait(name) for name in names if name != DEFAULT)
    if traits:
        packs.require([PACK])
    return traits


def face_details(photo: Photo, faces: Iterable[DetectedFace], asked: frozenset[Trait]) -> list[Response]:
    """Return a FaceDetail for each of the faces."""
    return [face_detail(photo, face, asked) for face in faces]


def face_detail(photo: Photo, face: DetectedFace, asked: frozenset[Trait]) -> Response:
    """Return a FaceDetail with the default attributes and those that are asked, in the order of the service model."""
    shown = photo.attributes(face, asked) if asked else FaceAttributes()
    detail: Response = {"BoundingBox": box_shape(face.box)}
    if shown.age_range is not None:
        detail["AgeRange"] = {"Low": shown.age_range.low, "High": shown.age_range.high}
    for member, field in _JUDGED:
        _add(detail, member, getattr(shown, field))
    if shown.emotions is not None:
        detail["Emotions"] = [{"Type": each.kind, "Confidence": each.confidence} for each in shown.emotions]
    detail["Landmarks"] = landmark_shapes(face.landmarks if shown.landmarks is None else shown.landmarks)
    detail["Pose"] = pose_shape(face.pose if shown.pose is None else shown.pose)
    detail["Quality"] = quality_shape(face.quality)
    detail["Confidence"] = face.confidence
    _add(detail, "FaceOccluded", shown.face_occluded)
    if shown.eye_direction is not None:
        detail["EyeDirection"] = _direction(shown.eye_direction)
    return detail


def _add(detail: Response, member: str, judged: Judgement | Gender | None) -> None:
    if judged is not None:
        detail[member] = {"Value": judged.value, "Confidence": judged.confidence}


def _direction(looking: EyeDirection) -> dict[str, Any]:
    return {"Yaw": looking.yaw, "Pitch": looking.pitch, "Confidence": looking.confidence}
