"""SearchFacesByImage."""

from openrek.domain.errors import no_faces_in_image
from openrek.domain.faces import largest
from openrek.domain.ports import Buckets, Collections, Reader, Search
from openrek.domain.quality import select
from openrek.operations.translation.images import image_bytes
from openrek.operations.translation.matching import (
    DEFAULT_THRESHOLD_PCT,
    MOST_FACES_IN_PHOTO,
    MOST_MATCHES,
    require_pinned_model,
)
from openrek.operations.translation.shapes import Request, Response, box_shape, face_match_shapes


def search_faces_by_image(
    request: Request, *, collections: Collections, buckets: Buckets, reader: Reader, search: Search
) -> Response:
    """Return the faces most similar to the largest one in the photo that the quality filter keeps."""
    collection = collections.require(request["CollectionId"])
    require_pinned_model(collection, reader.model)
    image = image_bytes(request["Image"], buckets)

    photo = reader.read(image)
    kept, dropped = select(photo.faces, request.get("QualityFilter", "NONE"), MOST_FACES_IN_PHOTO)
    if not kept:
        raise no_faces_in_image(
            f"The quality filter dropped every face of the photo ({len(dropped)})."
            if dropped
            else "No face was found in the photo."
        )
    probe = largest(kept)
    threshold_pct = request.get("FaceMatchThreshold", DEFAULT_THRESHOLD_PCT)
    found = search.nearest(
        collection,
        photo.embed(probe),
        limit=request.get("MaxFaces", MOST_MATCHES),
        lowest_cosine=reader.model.lowest_cosine(threshold_pct),
    )
    return {
        "SearchedFaceBoundingBox": box_shape(probe.box),
        "SearchedFaceConfidence": probe.confidence,
        "FaceMatches": face_match_shapes(found, reader.model),
        "FaceModelVersion": collection.model_version,
    }
