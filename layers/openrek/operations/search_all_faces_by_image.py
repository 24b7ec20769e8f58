"""SearchAllFacesByImage, which Rekognition does not have: `openrek/wire/extensions.json` describes it."""

from collections.abc import Sequence

from openrek.domain.collections import Collection
from openrek.domain.faces import Embedding, FaceMatch
from openrek.domain.models import FaceModel, FaceModels
from openrek.domain.ports import Buckets, Collections, Packs, Reader, Search
from openrek.domain.remarks import remarked
from openrek.domain.users import UserMatch
from openrek.operations.translation.attributes import asked_traits, face_detail
from openrek.operations.translation.matching import DEFAULT_THRESHOLD_PCT, MOST_MATCHES_PER_FACE
from openrek.operations.translation.photos import opened_photo
from openrek.operations.translation.remarks import search_remarks
from openrek.operations.translation.shapes import (
    Request,
    Response,
    face_match_shapes,
    unsearched_face_shapes,
    user_match_shapes,
)


def search_all_faces_by_image(
    request: Request,
    *,
    collections: Collections,
    models: FaceModels,
    packs: Packs,
    buckets: Buckets,
    reader: Reader,
    search: Search,
) -> Response:
    """Return the most similar faces, users, or both, of each face that the quality filter keeps, largest first."""
    asked = asked_traits(request.get("Attributes", ()), packs)
    opened = opened_photo(request, collections=collections, models=models, buckets=buckets, reader=reader)
    collection, model, photo = opened.collection, opened.model, opened.photo
    kept, dropped = opened.kept, opened.dropped
    searched: list[Response] = [{"FaceDetail": face_detail(photo, face, asked)} for face in kept]
    probes = [photo.embed(face).embedding for face in kept]
    included = request.get("Include", ["FACES"])
    if probes and "FACES" in included:
        for shape, faces in zip(searched, _faces(request, collection, probes, search, model), strict=True):
            shape["FaceMatches"] = face_match_shapes(faces, model)
    if probes and "USERS" in included:
        for shape, users in zip(searched, _users(request, collection, probes, search, model), strict=True):
            shape["UserMatches"] = user_match_shapes(users, model)
    response = {
        "SearchedFaces": searched,
        "UnsearchedFaces": unsearched_face_shapes(dropped),
        "FaceModelVersion": collection.model_version,
    }
    return remarked(response, search_remarks(photo, kept, opened.level, model))


def _faces(
    request: Request, collection: Collection, probes: Sequence[Embedding], search: Search, model: FaceModel
) -> Sequence[Sequence[FaceMatch]]:
    return search.nearest_each(
        collection,
        probes,
        limit=request.get("MaxFaces", MOST_MATCHES_PER_FACE),
        lowest_cosine=model.lowest_cosine(request.get("FaceMatchThreshold", DEFAULT_THRESHOLD_PCT)),
    )


def _users(
    request: Request, collection: Collection, probes: Sequence[Embedding], search: Search, model: FaceModel
) -> Sequence[Sequence[UserMatch]]:
    return search.nearest_users(
        collection,
        probes,
        limit=request.get("MaxUsers", MOST_MATCHES_PER_FACE),
        lowest_cosine=model.lowest_cosine(request.get("UserMatchThreshold", DEFAULT_THRESHOLD_PCT)),
    )
