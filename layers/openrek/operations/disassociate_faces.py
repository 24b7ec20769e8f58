"""DisassociateFaces."""

from uuid import UUID

from openrek.domain.ports import Collections, Users
from openrek.domain.users import FaceNotChanged
from openrek.operations.translation.idempotency import request_token
from openrek.operations.translation.shapes import Request, Response


def disassociate_faces(request: Request, *, collections: Collections, users: Users) -> Response:
    """Take faces from a user. The response lists each face that left, and each skipped one with the reason."""
    collection = collections.require(request["CollectionId"])
    done = users.disassociate(
        collection,
        request["UserId"],
        [UUID(face_id) for face_id in dict.fromkeys(request["FaceIds"])],
        request_token("DisassociateFaces", request),
    )
    return {
        "DisassociatedFaces": [{"FaceId": str(face_id)} for face_id in done.changed],
        "UnsuccessfulFaceDisassociations": [_skipped(face) for face in done.skipped],
        "UserStatus": done.user.status,
    }


def _skipped(face: FaceNotChanged) -> Response:
    user = {} if face.user_id is None else {"UserId": face.user_id}
    return {"FaceId": str(face.face_id), **user, "Reasons": [] if face.reason is None else [face.reason]}
