"""DetectFaces."""

from openrek.domain.models import FaceModels
from openrek.domain.ports import Buckets, Packs, Reader
from openrek.operations.translation.attributes import asked_traits, face_details
from openrek.operations.translation.images import image_bytes
from openrek.operations.translation.shapes import Request, Response


def detect_faces(request: Request, *, buckets: Buckets, models: FaceModels, packs: Packs, reader: Reader) -> Response:
    """Return the faces of a photo, largest first, with the attributes that are asked."""
    asked = asked_traits(request.get("Attributes", ()), packs)
    photo = reader.read(image_bytes(request["Image"], buckets), models.newest)
    return {"FaceDetails": face_details(photo, photo.faces, asked)}
