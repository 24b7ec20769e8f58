"""ListFaces."""

from uuid import UUID

from openrek.domain.collections import Collection
from openrek.domain.faces import Face
from openrek.domain.ports import Collections, Faces, Page, PageTokens
from openrek.operations.translation.pages import filter_name, next_token, page_rows, page_start
from openrek.operations.translation.shapes import Request, Response, stored_face_shape


def list_faces(request: Request, *, collections: Collections, faces: Faces, tokens: PageTokens) -> Response:
    """Return the faces of a collection in ascending FaceId order.

    FaceIds and UserId are filters: ids that do not exist are left out, and with both a face must meet both.
    """
    collection = collections.require(request["CollectionId"])
    place = _place(request, collection)
    start = page_start(request, tokens, place)
    page = _page(request, collection, faces, None if start is None else UUID(start))
    return {
        "Faces": [stored_face_shape(face, collection.model_version) for face in page.rows],
        "FaceModelVersion": collection.model_version,
        **next_token(str(page.rows[-1].face_id) if page.more else None, tokens, place),
    }


def _place(request: Request, collection: Collection) -> str:
    """Return the place of a page token. No UserId and no hash contains a space or a slash."""
    wanted = filter_name(request["FaceIds"]) if "FaceIds" in request else ""
    return f"ListFaces {collection.uid} {wanted}/{request.get('UserId', '')}"


def _page(request: Request, collection: Collection, faces: Faces, after: UUID | None) -> Page[Face]:
    limit = page_rows(request)
    if not request.keys() & {"FaceIds", "UserId"}:
        return faces.page(collection, after, limit)
    wanted = {UUID(face_id) for face_id in request.get("FaceIds", ())}
    if "UserId" in request:
        owned = faces.of_user(collection, request["UserId"])
        found = [face for face in owned if "FaceIds" not in request or face.face_id in wanted]
    else:  # only those that come after the cursor are looked up
        found = list(faces.named(collection, [face_id for face_id in wanted if after is None or face_id > after]))
    ahead = [face for face in found if after is None or face.face_id > after]
    return Page(tuple(ahead[:limit]), len(ahead) > limit)
