"""CompareFaces."""

from collections.abc import Sequence

from openrek.domain.errors import InvalidParameter
from openrek.domain.faces import DetectedFace, cosine, float32
from openrek.domain.models import FaceModels
from openrek.domain.ports import Buckets, Photo, Reader
from openrek.domain.quality import select
from openrek.domain.remarks import remarked
from openrek.operations.translation.images import image_bytes, require_one_source
from openrek.operations.translation.matching import DEFAULT_THRESHOLD_PCT, MOST_FACES_IN_PHOTO
from openrek.operations.translation.remarks import child_remarks, quality_remarks
from openrek.operations.translation.shapes import Request, Response, box_shape, detected_face_shape


def compare_faces(request: Request, *, buckets: Buckets, models: FaceModels, reader: Reader) -> Response:
    """Compare the source's largest face with each of the target's: matches, most similar first, and the others.

    By the newest face model.
    """
    require_one_source(request["SourceImage"])
    require_one_source(request["TargetImage"])
    source_image = image_bytes(request["SourceImage"], buckets)
    target_image = image_bytes(request["TargetImage"], buckets)

    model, level = models.newest, request.get("QualityFilter", "NONE")
    source = reader.read(source_image, model)
    (source_face,) = _faces(source, level, "source", most=1)
    target = reader.read(target_image, model)
    target_faces = _faces(target, level, "target", most=MOST_FACES_IN_PHOTO)

    probe = source.embed(source_face).embedding
    threshold_pct = float32(request.get("SimilarityThreshold", DEFAULT_THRESHOLD_PCT))
    likeness = {face: cosine(probe, target.embed(face).embedding) for face in target_faces}
    similarity_pct = {face: model.similarity_pct(value) for face, value in likeness.items()}
    matched = sorted(
        (face for face in target_faces if similarity_pct[face] >= threshold_pct), key=lambda f: -likeness[f]
    )
    unmatched = [face for face in target_faces if similarity_pct[face] < threshold_pct]
    response = {
        "SourceImageFace": {"BoundingBox": box_shape(source_face.box), "Confidence": source_face.confidence},
        "FaceMatches": [{"Similarity": similarity_pct[face], "Face": detected_face_shape(face)} for face in matched],
        "UnmatchedFaces": [detected_face_shape(face) for face in unmatched],
    }
    remarks = [
        *quality_remarks(source, [source_face], level, "of the source"),
        *quality_remarks(target, target_faces, level, "of the target"),
        *child_remarks(source, [source_face], model, "of the source"),
    ]
    return remarked(response, remarks)


def _faces(photo: Photo, level: str, name: str, *, most: int) -> Sequence[DetectedFace]:
    """Return the `most` largest faces that the quality filter keeps. Raises InvalidParameter when there is none."""
    kept, dropped = select(photo.faces, level, most, photo.clearness)
    if not kept:
        why = f"the quality filter dropped all {len(dropped)} of its faces" if dropped else "it shows no face"
        raise InvalidParameter(reason=f"The {name} image cannot be compared: {why}.")
    return kept
