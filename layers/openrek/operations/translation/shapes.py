"""Domain values as the API's dicts. Members that have no value are left out; lists are sent even when empty."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from openrek.domain.faces import BoundingBox, DetectedFace, Face, FaceMatch, Landmark, Pose, Quality
from openrek.domain.models import FaceModel
from openrek.domain.users import User, UserMatch

Request: TypeAlias = Mapping[str, Any]
"""A validated request as the service model describes it; blobs are bytes."""
Response: TypeAlias = dict[str, Any]


def box_shape(box: BoundingBox) -> Response:
    return {"Width": box.width, "Height": box.height, "Left": box.left, "Top": box.top}


def landmark_shapes(points: Iterable[Landmark]) -> list[Response]:
    return [{"Type": point.name, "X": point.x, "Y": point.y} for point in points]


def pose_shape(pose: Pose) -> Response:
    return {"Roll": pose.roll, "Yaw": pose.yaw, "Pitch": pose.pitch}


def quality_shape(quality: Quality) -> Response:
    return {"Brightness": quality.brightness, "Sharpness": quality.sharpness}


def detected_face_shape(face: DetectedFace) -> Response:
    """Return a FaceDetail with the default attributes, or a ComparedFace: they have the same members."""
    return {
        "BoundingBox": box_shape(face.box),
        "Landmarks": landmark_shapes(face.landmarks),
        "Pose": pose_shape(face.pose),
        "Quality": quality_shape(face.quality),
        "Confidence": face.confidence,
    }


def indexed_face_shape(face: Face) -> Response:
    """Return a Face as IndexFaces sends it: without the model's version and the user."""
    shape: Response = {"FaceId": str(face.face_id), "BoundingBox": box_shape(face.box), "ImageId": str(face.image_id)}
    if face.external_image_id is not None:
        shape["ExternalImageId"] = face.external_image_id
    shape["Confidence"] = face.confidence
    return shape


def stored_face_shape(face: Face, model_version: str) -> Response:
    """Return a Face as listings and searches send it."""
    shape = indexed_face_shape(face)
    shape["IndexFacesModelVersion"] = model_version
    if face.user_id is not None:
        shape["UserId"] = face.user_id
    return shape


def face_match_shapes(found: Sequence[FaceMatch], model: FaceModel) -> list[Response]:
    return [
        {
            "Similarity": model.similarity_pct(match.cosine),
            "Face": stored_face_shape(match.face, model.version),
        }
        for match in found
    ]


def user_shape(user: User) -> Response:
    """Return a User as listings and searches send it."""
    return {"UserId": user.user_id, "UserStatus": user.status}


def user_match_shapes(found: Sequence[UserMatch], model: FaceModel) -> list[Response]:
    return [{"Similarity": model.similarity_pct(match.cosine), "User": user_shape(match.user)} for match in found]


def unsearched_face_shapes(faces: Iterable[tuple[DetectedFace, tuple[str, ...]]]) -> list[Response]:
    """Return the faces that were not searched, with reasons, largest box first."""
    return [
        {"FaceDetails": detected_face_shape(face), "Reasons": list(reasons)}
        for face, reasons in sorted(faces, key=lambda each: -each[0].box.area)
    ]
