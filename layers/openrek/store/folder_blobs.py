"""Blobs as files of one folder: write aside, fsync, link into place, fsync the folder."""

import mmap
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from openrek.store.blobs import BlobExists, BlobMissing, Buffer, checked_name, is_name

ASIDE: Final = ".aside"
MAPPED_FROM_BYTES: Final = 8 << 20
"""A map keeps its file open. Of files this large, 1,000 fill what searches keep in memory; of small ones,
there may be any number."""

STALE_AFTER_S: Final = 3600.0
"""A `put` still under way would fail, not lose anything."""


class FolderBlobs:
    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        """`read_only`: nothing is made or tidied up in the folder, which need not be there."""
        self._folder = folder
        if read_only:
            return
        (folder / ASIDE).mkdir(parents=True, exist_ok=True, mode=0o700)
        self.clear_aside(STALE_AFTER_S)

    def put(self, name: str, content: bytes) -> None:
        target = self._path(name)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, aside = tempfile.mkstemp(dir=self._folder / ASIDE)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.link(aside, target)
        except FileExistsError:
            raise BlobExists(name) from None
        finally:
            os.unlink(aside)
        for folder in (target.parent, *target.parent.parents):
            _sync_folder(folder)
            if folder == self._folder:
                break

    def get(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        try:
            with self._path(name).open("rb") as file:
                file.seek(start)
                return file.read(-1 if length is None else length)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise BlobMissing(name) from None

    def open(self, name: str) -> Buffer:
        """Large ones are mapped: pages come in as they are used, and stay readable after the blob is deleted."""
        try:
            with self._path(name).open("rb") as file:
                if os.fstat(file.fileno()).st_size < MAPPED_FROM_BYTES:
                    return file.read()
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise BlobMissing(name) from None

    def delete(self, name: str) -> None:
        path = self._path(name)
        with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
            path.unlink()
            _sync_folder(path.parent)

    def names(self, prefix: str = "") -> Iterator[str]:
        above = prefix.rpartition("/")[0]
        top = self._folder / above if is_name(above) else self._folder  # others' folders may be many
        found = (path.relative_to(self._folder).as_posix() for path in top.rglob("*") if path.is_file())
        return iter(sorted(name for name in found if name.startswith(prefix) and is_name(name)))

    def clear_aside(self, older_than_s: float) -> int:
        """Remove what a process that was killed in `put` left: it holds vectors, and nobody will name it. Returns how
        many younger files stay."""
        left = 0
        for aside in (self._folder / ASIDE).iterdir():
            with suppress(FileNotFoundError):
                if time.time() - aside.stat().st_mtime > older_than_s:
                    aside.unlink()
                else:
                    left += 1
        return left

    def _path(self, name: str) -> Path:
        return self._folder / checked_name(name)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
