"""The Image member of a request as bytes."""

from openrek.domain.errors import InvalidParameter
from openrek.domain.ports import Buckets
from openrek.operations.translation.shapes import Request


def require_one_source(image: Request) -> None:
    """Check that an image is given exactly once, and completely. Raises InvalidParameter."""
    if ("Bytes" in image) == ("S3Object" in image):
        raise InvalidParameter(reason="An Image needs either Bytes or S3Object, and not both.")
    if "S3Object" in image and not {"Bucket", "Name"} <= image["S3Object"].keys():
        raise InvalidParameter(reason="An S3Object needs both Bucket and Name.")


def image_bytes(image: Request, buckets: Buckets) -> bytes:
    """Return the image's bytes. Raises InvalidParameter; InvalidS3Object or ImageTooLarge from the bucket."""
    require_one_source(image)
    if "Bytes" in image:
        inline: bytes = image["Bytes"]
        return inline
    source = image["S3Object"]
    return buckets.read(source["Bucket"], source["Name"], source.get("Version"))
