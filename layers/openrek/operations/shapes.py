"""Domain values -> the API's dicts. Members that have no value are left out; lists are sent even when empty."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from openrek.domain.faces import BoundingBox, DetectedFace, Face, FaceMatch, float32
from openrek.domain.models import FaceModel

Request: TypeAlias = Mapping[str, Any]
"""A validated request as the service model describes it; blobs are bytes."""
Response: TypeAlias = dict[str, Any]


def box_shape(box: BoundingBox) -> Response:
    return {"Width": box.width, "Height": box.height, "Left": box.left, "Top": box.top}


def detected_face_shape(face: DetectedFace) -> Response:
    """A FaceDetail with the default attributes, and a ComparedFace: the same members."""
    return {
        "BoundingBox": box_shape(face.box),
        "Landmarks": [{"Type": point.name, "X": point.x, "Y": point.y} for point in face.landmarks],
        "Pose": {"Roll": face.pose.roll, "Yaw": face.pose.yaw, "Pitch": face.pose.pitch},
        "Quality": {"Brightness": face.quality.brightness, "Sharpness": face.quality.sharpness},
        "Confidence": face.confidence,
    }


def indexed_face_shape(face: Face) -> Response:
    """A Face as IndexFaces returns it: without the model's version and the user."""
    shape: Response = {"FaceId": str(face.face_id), "BoundingBox": box_shape(face.box), "ImageId": str(face.image_id)}
    if face.external_image_id is not None:
        shape["ExternalImageId"] = face.external_image_id
    shape["Confidence"] = face.confidence
    return shape


def stored_face_shape(face: Face, model_version: str) -> Response:
    """A Face as listings and searches return it."""
    shape = indexed_face_shape(face)
    shape["IndexFacesModelVersion"] = model_version
    if face.user_id is not None:
        shape["UserId"] = face.user_id
    return shape


def face_match_shapes(found: Sequence[FaceMatch], model: FaceModel, threshold_pct: float) -> list[Response]:
    """Those of `found` whose similarity is at least the threshold, both as float32, in the same order."""
    similarities = [model.similarity_pct(match.cosine) for match in found]
    return [
        {"Similarity": similarity, "Face": stored_face_shape(match.face, model.version)}
        for similarity, match in zip(similarities, found, strict=True)
        if similarity >= float32(threshold_pct)
    ]
