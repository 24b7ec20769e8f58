"""ErasePerson, which Rekognition does not have: `openrek/wire/extensions.json` describes it."""

from openrek.domain.errors import InvalidParameter
from openrek.domain.ports import Collections, Erasure
from openrek.operations.translation.shapes import Request, Response


def erase_person(request: Request, *, collections: Collections, erasure: Erasure) -> Response:
    """Erase everything that the collection stores about a user, or about an ExternalImageId; safe to repeat."""
    if ("UserId" in request) == ("ExternalImageId" in request):
        raise InvalidParameter(reason="ErasePerson needs either UserId or ExternalImageId, and not both.")
    collection = collections.require(request["CollectionId"])
    if "UserId" in request:
        erased = erasure.erase_user(collection, request["UserId"])
    else:
        erased = erasure.erase_external_image_id(collection, request["ExternalImageId"])
    return {
        "DeletedFaces": [str(face_id) for face_id in erased.face_ids],
        "DeletedUsers": list(erased.user_ids),
    }
