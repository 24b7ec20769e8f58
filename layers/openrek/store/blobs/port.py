"""The Blobs port: large immutable byte strings under unique names. Nothing here knows what they hold."""

import re
from collections.abc import Iterator
from typing import Final, Protocol, TypeAlias

Buffer: TypeAlias = bytes | bytearray | memoryview

NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*")


class BlobExists(Exception):
    """A blob of that name exists already; blobs are never overwritten."""


class BlobMissing(Exception):
    """No blob has that name."""


class Blobs(Protocol):
    """A store of blobs.

    Names are path-like: lower-case letters, digits, `.`, `_`, `-`, in parts joined by `/`; else ValueError.
    """

    def put(self, name: str, content: bytes) -> None:
        """Store a blob; it is durable and complete on return. Raises BlobExists."""
        ...

    def get(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Return the whole blob, or `length` bytes of it from `start`; fewer at its end. Raises BlobMissing."""
        ...

    def open(self, name: str) -> Buffer:
        """Return the whole blob as one read-only buffer, which stays even if the blob is deleted.

        Raises BlobMissing.
        """
        ...

    def delete(self, name: str) -> None:
        """Delete a blob, for good on return; it need not exist."""
        ...

    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield the names that begin with `prefix`, in ascending order."""
        ...


def is_name(name: str) -> bool:
    """Return whether a blob may have this name."""
    return NAME.fullmatch(name) is not None


def checked_name(name: str) -> str:
    """Return the name. Raises ValueError if no blob may have it."""
    if not is_name(name):
        raise ValueError(f"not a blob name: {name!r}")
    return name
