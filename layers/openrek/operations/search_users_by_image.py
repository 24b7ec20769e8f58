"""SearchUsersByImage."""

from openrek.domain.ports import Buckets, Collections, Reader, Search
from openrek.domain.quality import EXCEEDS_MAX_FACES
from openrek.domain.remarks import remarked
from openrek.operations.translation.matching import (
    DEFAULT_THRESHOLD_PCT,
    MOST_USERS,
)
from openrek.operations.translation.photos import opened_photo
from openrek.operations.translation.remarks import SEARCHED_FACES, quality_remarks
from openrek.operations.translation.shapes import (
    Request,
    Response,
    detected_face_shape,
    unsearched_face_shapes,
    user_match_shapes,
)

FACE_NOT_LARGEST = "FACE_NOT_LARGEST"


def search_users_by_image(
    request: Request, *, collections: Collections, buckets: Buckets, reader: Reader, search: Search
) -> Response:
    """Return the users most similar to the largest face that the quality filter keeps.

    A photo without such a face is no error.
    """
    opened = opened_photo(request, collections=collections, buckets=buckets, reader=reader, most_faces=1)
    collection, photo, kept, dropped = opened.collection, opened.photo, opened.kept, opened.dropped
    unsearched = [
        (face, (FACE_NOT_LARGEST,) if reasons == (EXCEEDS_MAX_FACES,) else reasons) for face, reasons in dropped
    ]
    response: Response = {
        "UserMatches": [],
        "FaceModelVersion": collection.model_version,
        "UnsearchedFaces": unsearched_face_shapes(unsearched),
    }
    if kept:
        threshold_pct = request.get("UserMatchThreshold", DEFAULT_THRESHOLD_PCT)
        (found,) = search.nearest_users(
            collection,
            [photo.embed(kept[0])],
            limit=request.get("MaxUsers", MOST_USERS),
            lowest_cosine=reader.model.lowest_cosine(threshold_pct),
        )
        response["UserMatches"] = user_match_shapes(found, reader.model)
        response["SearchedFace"] = {"FaceDetail": detected_face_shape(kept[0])}
    return remarked(response, quality_remarks(photo, kept, opened.level, SEARCHED_FACES))
