"""AssociateFaces."""

from uuid import UUID

from openrek.domain.models import FaceModel, FaceModels
from openrek.domain.ports import Collections, Users
from openrek.domain.users import FaceNotChanged
from openrek.operations.translation.idempotency import request_token
from openrek.operations.translation.matching import ASSOCIATION_THRESHOLD_PCT
from openrek.operations.translation.shapes import Request, Response


def associate_faces(request: Request, *, collections: Collections, models: FaceModels, users: Users) -> Response:
    """Associate faces with a user. The response lists each face that joined, and each skipped one with the reason."""
    collection = collections.require(request["CollectionId"])
    model = models.of(collection.model_version)
    done = users.associate(
        collection,
        request["UserId"],
        [UUID(face_id) for face_id in dict.fromkeys(request["FaceIds"])],
        lowest_cosine=model.lowest_cosine(request.get("UserMatchThreshold", ASSOCIATION_THRESHOLD_PCT)),
        idempotency_token=request_token("AssociateFaces", request),
    )
    return {
        "AssociatedFaces": [{"FaceId": str(face_id)} for face_id in done.changed],
        "UnsuccessfulFaceAssociations": [_skipped(face, model) for face in done.skipped],
        "UserStatus": done.user.status,
    }


def _skipped(face: FaceNotChanged, model: FaceModel) -> Response:
    """Return an UnsuccessfulFaceAssociation.

    The service model has no reason for a user that is full: the list is empty.
    """
    shape: Response = {"FaceId": str(face.face_id)}
    if face.user_id is not None:
        shape["UserId"] = face.user_id
    if face.cosine is not None:
        shape["Confidence"] = model.similarity_pct(face.cosine)
    shape["Reasons"] = [] if face.reason is None else [face.reason]
    return shape
