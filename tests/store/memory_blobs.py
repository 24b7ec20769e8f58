"""Blobs in a dictionary, for tests that compact much and keep nothing; it passes the same suite as the real ones."""

from collections.abc import Iterator
from errno import EACCES
from uuid import UUID

from openrek.store.blobs.port import NAME, BlobExists, BlobMissing


class MemoryBlobs:
    def __init__(self) -> None:
        self._content: dict[str, bytes] = {}

    def put(self, name: str, content: bytes) -> None:
        _check(name)
        if self._content.setdefault(name, content) is not content:
            raise BlobExists(name)

    def get(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        content = self.open(name)
        return content[start:] if length is None else content[start : start + length]

    def open(self, name: str) -> bytes:
        _check(name)
        try:
            return self._content[name]
        except KeyError:
            raise BlobMissing(name) from None

    def delete(self, name: str) -> None:
        _check(name)
        self._content.pop(name, None)

    def names(self, prefix: str = "") -> Iterator[str]:
        return iter(sorted(name for name in self._content if name.startswith(prefix)))


class Unreadable(MemoryBlobs):
    """Nothing of the collection `uid` can be read or removed."""

    uid: UUID | None = None

    def open(self, name: str) -> bytes:
        self._refuse(name)
        return super().open(name)

    def delete(self, name: str) -> None:
        self._refuse(name)
        super().delete(name)

    def _refuse(self, name: str) -> None:
        if self.uid is not None and name.startswith(self.uid.hex):
            raise PermissionError(EACCES, "Permission denied", name)


def _check(name: str) -> None:
    if not NAME.fullmatch(name):
        raise ValueError(f"not a blob name: {name!r}")
