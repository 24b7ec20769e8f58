"""IndexFaces."""

import hashlib

from openrek.domain.faces import Picture
from openrek.domain.models import FaceModels
from openrek.domain.ports import Buckets, Collections, Faces, Reader
from openrek.operations.translation.matching import MOST_FACES_IN_PHOTO
from openrek.operations.translation.photos import opened_photo
from openrek.operations.translation.shapes import Request, Response, detected_face_shape, indexed_face_shape


def index_faces(
    request: Request, *, collections: Collections, models: FaceModels, buckets: Buckets, reader: Reader, faces: Faces
) -> Response:
    """Add the faces of a photo. A photo without faces is no error; a repeated one returns the same FaceIds."""
    opened = opened_photo(
        request,
        collections=collections,
        models=models,
        buckets=buckets,
        reader=reader,
        default_filter="AUTO",
        most_faces=min(request.get("MaxFaces", MOST_FACES_IN_PHOTO), MOST_FACES_IN_PHOTO),
    )
    collection, kept = opened.collection, opened.kept
    picture = Picture(hashlib.sha256(opened.image).digest(), request.get("ExternalImageId"))
    indexed = faces.index(collection, picture, kept, lambda face: opened.photo.embed(face).embedding) if kept else ()
    return {
        "FaceRecords": [
            {"Face": indexed_face_shape(face), "FaceDetail": detected_face_shape(found)}
            for face, found in zip(indexed, kept, strict=True)
        ],
        "FaceModelVersion": collection.model_version,
        "UnindexedFaces": [
            {"Reasons": list(reasons), "FaceDetail": detected_face_shape(found)} for found, reasons in opened.dropped
        ],
    }
