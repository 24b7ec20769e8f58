"""DetectFaces."""

from openrek.domain.models import FaceModels
from openrek.domain.ports import Buckets, Reader
from openrek.operations.translation.images import image_bytes
from openrek.operations.translation.shapes import Request, Response, detected_face_shape


def detect_faces(request: Request, *, buckets: Buckets, models: FaceModels, reader: Reader) -> Response:
    """Return the faces of a photo, largest first, with the default attributes whichever are requested."""
    photo = reader.read(image_bytes(request["Image"], buckets), models.newest)
    return {"FaceDetails": [detected_face_shape(face) for face in photo.faces]}
