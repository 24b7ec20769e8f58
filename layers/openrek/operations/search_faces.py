"""SearchFaces."""

from uuid import UUID

from openrek.domain.models import FaceModels
from openrek.domain.ports import Collections, Search
from openrek.operations.translation.matching import DEFAULT_THRESHOLD_PCT, MOST_MATCHES
from openrek.operations.translation.shapes import Request, Response, face_match_shapes


def search_faces(request: Request, *, collections: Collections, models: FaceModels, search: Search) -> Response:
    """Return the faces most similar to one of the collection, without that face itself."""
    collection = collections.require(request["CollectionId"])
    model = models.of(collection.model_version)
    threshold_pct = request.get("FaceMatchThreshold", DEFAULT_THRESHOLD_PCT)
    found = search.nearest_to_face(
        collection,
        UUID(request["FaceId"]),
        limit=request.get("MaxFaces", MOST_MATCHES),
        lowest_cosine=model.lowest_cosine(threshold_pct),
    )
    return {
        "SearchedFaceId": request["FaceId"],
        "FaceMatches": face_match_shapes(found, model),
        "FaceModelVersion": collection.model_version,
    }
