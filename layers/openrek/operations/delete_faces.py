"""DeleteFaces."""

from uuid import UUID

from openrek.domain.faces import FaceNotDeleted
from openrek.domain.ports import Collections, Faces
from openrek.operations.translation.shapes import Request, Response


def delete_faces(request: Request, *, collections: Collections, faces: Faces) -> Response:
    """Delete faces. The response lists each deleted id, and each skipped one with the reason."""
    collection = collections.require(request["CollectionId"])
    done = faces.delete(collection, [UUID(face_id) for face_id in dict.fromkeys(request["FaceIds"])])
    return {
        "DeletedFaces": [str(face_id) for face_id in done.deleted],
        "UnsuccessfulFaceDeletions": [_skipped(face) for face in done.skipped],
    }


def _skipped(face: FaceNotDeleted) -> Response:
    user = {} if face.user_id is None else {"UserId": face.user_id}
    return {"FaceId": str(face.face_id), **user, "Reasons": [face.reason]}
