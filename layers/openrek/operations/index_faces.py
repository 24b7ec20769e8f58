"""IndexFaces."""

import hashlib

from openrek.domain.faces import Picture
from openrek.domain.models import FaceModels
from openrek.domain.ports import Buckets, Collections, Faces, Packs, Reader
from openrek.operations.translation.attributes import asked_traits, face_detail
from openrek.operations.translation.matching import MOST_FACES_IN_PHOTO
from openrek.operations.translation.photos import opened_photo
from openrek.operations.translation.shapes import Request, Response, indexed_face_shape


def index_faces(
    request: Request,
    *,
    collections: Collections,
    models: FaceModels,
    packs: Packs,
    buckets: Buckets,
    reader: Reader,
    faces: Faces,
) -> Response:
    """Add the faces of a photo. A photo without faces is no error; a repeated one returns the same FaceIds."""
    asked = asked_traits(request.get("DetectionAttributes", ()), packs)
    opened = opened_photo(
        request,
        collections=collections,
        models=models,
        buckets=buckets,
        reader=reader,
        default_filter="AUTO",
        most_faces=min(request.get("MaxFaces", MOST_FACES_IN_PHOTO), MOST_FACES_IN_PHOTO),
    )
    collection, kept, photo = opened.collection, opened.kept, opened.photo
    picture = Picture(hashlib.sha256(opened.image).digest(), request.get("ExternalImageId"))
    indexed = faces.index(collection, picture, kept, lambda face: photo.embed(face).embedding) if kept else ()
    return {
        "FaceRecords": [
            {"Face": indexed_face_shape(face), "FaceDetail": face_detail(photo, found, asked)}
            for face, found in zip(indexed, kept, strict=True)
        ],
        "FaceModelVersion": collection.model_version,
        "UnindexedFaces": [
            {"Reasons": list(reasons), "FaceDetail": face_detail(photo, found, asked)}
            for found, reasons in opened.dropped
        ],
    }
