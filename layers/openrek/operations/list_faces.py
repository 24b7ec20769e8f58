"""ListFaces."""

from uuid import UUID

from openrek.domain.collections import Collection
from openrek.domain.errors import InvalidParameter
from openrek.domain.faces import Face
from openrek.domain.ports import Collections, Faces, Page, PageTokens
from openrek.operations.pages import filter_name, next_token, page_rows, page_start
from openrek.operations.shapes import Request, Response, stored_face_shape


def list_faces(request: Request, *, collections: Collections, faces: Faces, tokens: PageTokens) -> Response:
    """The faces of a collection in ascending FaceId order; with FaceIds, those of them that exist."""
    if "UserId" in request:
        raise InvalidParameter(reason="ListFaces cannot filter by UserId yet: users are not offered.")
    collection = collections.require(request["CollectionId"])
    wanted = request.get("FaceIds")
    place = f"ListFaces {collection.uid} {filter_name(wanted) if wanted else ''}"
    start = page_start(request, tokens, place)
    after = None if start is None else UUID(start)

    limit = page_rows(request)
    page = _named(faces, collection, wanted, after, limit) if wanted else faces.page(collection, after, limit)
    return {
        "Faces": [stored_face_shape(face, collection.model_version) for face in page.rows],
        "FaceModelVersion": collection.model_version,
        **next_token(str(page.rows[-1].face_id) if page.more else None, tokens, place),
    }


def _named(faces: Faces, collection: Collection, wanted: list[str], after: UUID | None, limit: int) -> Page[Face]:
    """A page of the wanted faces; only those that come after the cursor are looked up."""
    ahead = [face_id for face_id in map(UUID, wanted) if after is None or face_id > after]
    found = faces.named(collection, ahead)
    return Page(tuple(found[:limit]), len(found) > limit)
