"""The Image member of a request -> bytes."""

from openrek.domain.errors import InvalidParameter
from openrek.domain.ports import Buckets
from openrek.operations.translation.shapes import Request


def require_one_source(image: Request) -> None:
    """Raises InvalidParameter unless the image is given exactly once, and completely."""
    if ("Bytes" in image) == ("S3Object" in image):
        raise InvalidParameter(reason="An Image needs either Bytes or S3Object, and not both.")
    if "S3Object" in image and not {"Bucket", "Name"} <= image["S3Object"].keys():
        raise InvalidParameter(reason="An S3Object needs both Bucket and Name.")


def image_bytes(image: Request, buckets: Buckets) -> bytes:
    """Raises InvalidParameter as above; InvalidS3Object or ImageTooLarge from the bucket."""
    require_one_source(image)
    if "Bytes" in image:
        inline: bytes = image["Bytes"]
        return inline
    source = image["S3Object"]
    return buckets.read(source["Bucket"], source["Name"], source.get("Version"))
