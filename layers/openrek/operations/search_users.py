"""SearchUsers."""

from collections.abc import Sequence
from uuid import UUID

from openrek.domain.collections import Collection
from openrek.domain.errors import InvalidParameter
from openrek.domain.models import FaceModels
from openrek.domain.ports import Collections, Search
from openrek.domain.users import UserMatch
from openrek.operations.translation.matching import DEFAULT_THRESHOLD_PCT, MOST_USERS
from openrek.operations.translation.shapes import Request, Response, user_match_shapes


def search_users(request: Request, *, collections: Collections, models: FaceModels, search: Search) -> Response:
    """Return the users most similar to a face or another user. A face may find its own user; a user never itself."""
    if ("UserId" in request) == ("FaceId" in request):
        raise InvalidParameter(reason="SearchUsers needs either UserId or FaceId, and not both.")
    collection = collections.require(request["CollectionId"])
    model = models.of(collection.model_version)
    threshold_pct = request.get("UserMatchThreshold", DEFAULT_THRESHOLD_PCT)
    found = _nearest(request, collection, search, model.lowest_cosine(threshold_pct))
    searched = "SearchedFace" if "FaceId" in request else "SearchedUser"
    member = "FaceId" if "FaceId" in request else "UserId"
    return {
        "UserMatches": user_match_shapes(found, model),
        "FaceModelVersion": collection.model_version,
        searched: {member: request[member]},
    }


def _nearest(request: Request, collection: Collection, search: Search, lowest_cosine: float) -> Sequence[UserMatch]:
    limit = request.get("MaxUsers", MOST_USERS)
    if "FaceId" in request:
        face_id = UUID(request["FaceId"])
        return search.nearest_users_to_face(collection, face_id, limit=limit, lowest_cosine=lowest_cosine)
    return search.nearest_users_to_user(collection, request["UserId"], limit=limit, lowest_cosine=lowest_cosine)
