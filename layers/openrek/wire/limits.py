"""Limits of the request body's size. The server checks them before it reads; the door checks them again.

An inline image may have 5 MiB (the service model checks that), which is 7.0 MB as base64; CompareFaces takes two. Apart
from images, a request holds at most 200 tags of 384 characters, of which JSON can make 0.9 MB.
"""

from openrek.domain.errors import ImageTooLarge, Refusal, SerializationError
from openrek.wire.model import Model

MIB = 1024 * 1024
BODY_BYTES = (MIB, 15 * MIB // 2, 29 * MIB // 2)
"""By how many images the operation takes."""
IMAGE = "Image"


def max_body_bytes(model: Model, operation: str) -> int:
    """Return the limit for an operation in bytes; for an unknown one, that of an operation with one image."""
    return BODY_BYTES[_images(model, operation)]


def body_too_large(model: Model, operation: str) -> Refusal:
    """Return the refusal of a body above `max_body_bytes`."""
    larger = f"The request body is larger than {max_body_bytes(model, operation) / MIB:g} MiB"
    if not _images(model, operation):
        return SerializationError("The request body is too large", reason=f"{larger}.")
    return ImageTooLarge(reason=f"{larger}; larger images can be given as an S3Object.")


def _images(model: Model, operation: str) -> int:
    if operation not in model.operations:
        return 1
    return list(model.shapes[model.operations[operation]].members.values()).count(IMAGE)
