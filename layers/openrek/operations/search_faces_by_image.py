"""SearchFacesByImage."""

from openrek.domain.errors import no_faces_in_image
from openrek.domain.ports import Buckets, Collections, Reader, Search
from openrek.domain.remarks import remarked
from openrek.operations.translation.matching import (
    DEFAULT_THRESHOLD_PCT,
    MOST_MATCHES,
)
from openrek.operations.translation.photos import opened_photo
from openrek.operations.translation.remarks import SEARCHED_FACES, quality_remarks
from openrek.operations.translation.shapes import Request, Response, box_shape, face_match_shapes


def search_faces_by_image(
    request: Request, *, collections: Collections, buckets: Buckets, reader: Reader, search: Search
) -> Response:
    """Return the faces most similar to the largest one in the photo that the quality filter keeps."""
    opened = opened_photo(request, collections=collections, buckets=buckets, reader=reader, most_faces=1)
    collection, photo, kept, dropped = opened.collection, opened.photo, opened.kept, opened.dropped
    if not kept:
        raise no_faces_in_image(
            f"The quality filter dropped every face of the photo ({len(dropped)})."
            if dropped
            else "No face was found in the photo."
        )
    (probe,) = kept
    threshold_pct = request.get("FaceMatchThreshold", DEFAULT_THRESHOLD_PCT)
    found = search.nearest(
        collection,
        photo.embed(probe),
        limit=request.get("MaxFaces", MOST_MATCHES),
        lowest_cosine=reader.model.lowest_cosine(threshold_pct),
    )
    response = {
        "SearchedFaceBoundingBox": box_shape(probe.box),
        "SearchedFaceConfidence": probe.confidence,
        "FaceMatches": face_match_shapes(found, reader.model),
        "FaceModelVersion": collection.model_version,
    }
    return remarked(response, quality_remarks(photo, [probe], opened.level, SEARCHED_FACES))
