"""IndexFaces."""

import hashlib

from openrek.domain.faces import Picture
from openrek.domain.ports import Buckets, Collections, Faces, Reader
from openrek.domain.quality import select
from openrek.operations.translation.images import image_bytes
from openrek.operations.translation.matching import MOST_FACES_IN_PHOTO, require_pinned_model
from openrek.operations.translation.shapes import Request, Response, detected_face_shape, indexed_face_shape


def index_faces(
    request: Request, *, collections: Collections, buckets: Buckets, reader: Reader, faces: Faces
) -> Response:
    """Add the faces of a photo. A photo without faces is no error; a repeated one returns the same FaceIds."""
    collection = collections.require(request["CollectionId"])
    require_pinned_model(collection, reader.model)
    image = image_bytes(request["Image"], buckets)

    photo = reader.read(image)
    most = min(request.get("MaxFaces", MOST_FACES_IN_PHOTO), MOST_FACES_IN_PHOTO)
    kept, dropped = select(photo.faces, request.get("QualityFilter", "AUTO"), most)
    picture = Picture(hashlib.sha256(image).digest(), request.get("ExternalImageId"))
    indexed = faces.index(collection, picture, kept, photo.embed) if kept else ()
    return {
        "FaceRecords": [
            {"Face": indexed_face_shape(face), "FaceDetail": detected_face_shape(found)}
            for face, found in zip(indexed, kept, strict=True)
        ],
        "FaceModelVersion": collection.model_version,
        "UnindexedFaces": [
            {"Reasons": list(reasons), "FaceDetail": detected_face_shape(found)} for found, reasons in dropped
        ],
    }
