"""How large a request body may be. The server asks before it reads; the door asks again.

An inline image may have 5 MiB (the service model checks that), which is 7.0 MB as base64; CompareFaces takes two.
"""

from openrek.domain.errors import ImageTooLarge

MIB = 1024 * 1024
BODY_BYTES = 15 * MIB // 2
TWO_IMAGES_BODY_BYTES = 29 * MIB // 2


def max_body_bytes(operation: str | None) -> int:
    """The limit for an operation; for an unknown one (None) the smaller one."""
    return TWO_IMAGES_BODY_BYTES if operation == "CompareFaces" else BODY_BYTES


def body_too_large(operation: str | None) -> ImageTooLarge:
    """What a body above `max_body_bytes` is refused with."""
    limit_mib = max_body_bytes(operation) / MIB
    return ImageTooLarge(
        reason=f"The request body is larger than {limit_mib:g} MiB; larger images can be given as an S3Object."
    )
