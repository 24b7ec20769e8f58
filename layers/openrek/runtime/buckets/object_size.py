"""The largest S3Object; every Buckets adapter checks the size before it reads the bytes."""

from openrek.domain.errors import ImageTooLarge

MAX_OBJECT_BYTES = 15 * 1024 * 1024


def require_size(size_bytes: int) -> None:
    """Raise ImageTooLarge for a size above MAX_OBJECT_BYTES."""
    if size_bytes > MAX_OBJECT_BYTES:
        raise ImageTooLarge(reason=f"The object has {size_bytes} bytes; {MAX_OBJECT_BYTES} are allowed.")
