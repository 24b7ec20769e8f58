"""The Blobs port: large immutable byte strings under unique names. Nothing here knows what they hold."""

import re
from collections.abc import Iterator
from typing import Final, Protocol, TypeAlias

Buffer: TypeAlias = bytes | bytearray | memoryview

NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*")


class BlobExists(Exception):
    """A blob of that name is there already; blobs are never overwritten."""


class BlobMissing(Exception):
    """No blob has that name."""


class Blobs(Protocol):
    """Names are path-like: lower-case letters, digits, `.`, `_`, `-`, in parts joined by `/`; else ValueError."""

    def put(self, name: str, content: bytes) -> None:
        """Durable and complete when it returns. Raises BlobExists."""
        ...

    def get(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """The whole blob, or `length` bytes of it from `start`; less at its end. Raises BlobMissing."""
        ...

    def open(self, name: str) -> Buffer:
        """The whole blob as one read-only buffer, which stays whatever becomes of the blob. Raises BlobMissing."""
        ...

    def delete(self, name: str) -> None:
        """Gone when it returns; a name that is not there is fine."""
        ...

    def names(self, prefix: str = "") -> Iterator[str]:
        """In ascending order."""
        ...


def is_name(name: str) -> bool:
    return NAME.fullmatch(name) is not None


def checked_name(name: str) -> str:
    """The name itself. Raises ValueError for what no blob may be called."""
    if not is_name(name):
        raise ValueError(f"not a blob name: {name!r}")
    return name
