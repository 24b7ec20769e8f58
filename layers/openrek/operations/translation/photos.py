"""The photo of a request that names a collection: what IndexFaces and every search by image begin with."""

from dataclasses import dataclass

from openrek.domain.collections import Collection
from openrek.domain.faces import DetectedFace
from openrek.domain.ports import Buckets, Collections, Photo, Reader
from openrek.domain.quality import select
from openrek.operations.translation.images import image_bytes
from openrek.operations.translation.matching import MOST_FACES_IN_PHOTO, require_pinned_model
from openrek.operations.translation.shapes import Request


@dataclass(frozen=True, slots=True)
class OpenedPhoto:
    """A decoded photo, the collection it is for, and its faces, largest first.

    `level` is the quality filter; `kept` passed it, at most as many as asked for; `dropped` are the others, each with
    the reasons.
    """

    collection: Collection
    image: bytes
    photo: Photo
    level: str
    kept: tuple[DetectedFace, ...]
    dropped: tuple[tuple[DetectedFace, tuple[str, ...]], ...]


def opened_photo(
    request: Request,
    *,
    collections: Collections,
    buckets: Buckets,
    reader: Reader,
    default_filter: str = "NONE",
    most_faces: int = MOST_FACES_IN_PHOTO,
) -> OpenedPhoto:
    """Return the photo of `request`, read once.

    Cheap refusals come before the models run: the collection, its face model, the image's source. Raises the Refusal of
    the first that fails, and those of the reader.
    """
    collection = collections.require(request["CollectionId"])
    require_pinned_model(collection, reader.model)
    image = image_bytes(request["Image"], buckets)
    photo = reader.read(image)
    level = request.get("QualityFilter", default_filter)
    kept, dropped = select(photo.faces, level, most_faces, photo.clearness)
    return OpenedPhoto(collection, image, photo, level, kept, dropped)
