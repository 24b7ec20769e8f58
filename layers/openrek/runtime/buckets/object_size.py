"""How large an S3Object may be; every Buckets adapter asks before it reads the bytes."""

from openrek.domain.errors import ImageTooLarge

MAX_OBJECT_BYTES = 15 * 1024 * 1024


def require_size(size_bytes: int) -> None:
    """Raises ImageTooLarge."""
    if size_bytes > MAX_OBJECT_BYTES:
        raise ImageTooLarge(reason=f"The object has {size_bytes} bytes; {MAX_OBJECT_BYTES} are allowed.")
