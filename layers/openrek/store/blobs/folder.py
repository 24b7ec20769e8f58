"""Blobs as files of one folder: write aside, fsync, link into place, fsync the folder."""

import io
import mmap
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from openrek.store.blobs.port import BlobExists, BlobMissing, Buffer, checked_name, is_name
from openrek.store.disk.durable import sync_folder
from openrek.store.disk.location import DataLocation, is_without_room

ASIDE: Final = ".aside"
LARGE_BYTES: Final = 8 << 20
"""Blobs of this size are read into huge pages, which halve the time that it takes to open a large collection."""

PROBE_BYTES: Final = 1 << 16
STALE_AFTER_S: Final = 3600.0
"""A `put` still under way would fail, not lose anything."""


class FolderBlobs:
    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        """Open the folder. `read_only`: nothing is made or tidied up in it, and it need not exist."""
        self._folder = folder
        if read_only:
            return
        (folder / ASIDE).mkdir(parents=True, exist_ok=True, mode=0o700)
        self._location = DataLocation(folder)
        self.clear_aside(STALE_AFTER_S)

    def put(self, name: str, content: bytes) -> None:
        target = self._path(name)
        self._location.require()
        with self._written_aside(content) as aside:
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                os.link(aside, target)
            except FileExistsError:
                raise BlobExists(name) from None
        for folder in (target.parent, *target.parent.parents):
            sync_folder(folder)
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
        """Read, not mapped: a map of a file that is made shorter kills the process that looks at it. What was read
        stays, whatever becomes of the file."""
        try:
            with self._path(name).open("rb", buffering=0) as file:
                size = os.fstat(file.fileno()).st_size
                return _large(file, size) if size >= LARGE_BYTES else file.read()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise BlobMissing(name) from None

    def delete(self, name: str) -> None:
        path = self._path(name)
        self._location.require()  # another folder in its place has blobs of its own
        with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
            path.unlink()
            sync_folder(path.parent)

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

    def require_writable(self) -> None:
        """Raise StoreUnavailable when the folder is gone, or when the disk was full at the last `put` and still is."""
        self._location.require()
        if self._location.full:
            with self._written_aside(bytes(PROBE_BYTES)):
                pass

    @contextmanager
    def _written_aside(self, content: bytes) -> Iterator[str]:
        """Lend a new file that is durable, and is deleted afterwards. Raises StoreUnavailable when the disk is full."""
        try:
            handle, aside = tempfile.mkstemp(dir=self._folder / ASIDE)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                self._location.report_written()
                yield aside
            finally:
                os.unlink(aside)
        except OSError as error:
            if is_without_room(error.errno):
                raise self._location.report_full() from error
            raise

    def _path(self, name: str) -> Path:
        return self._folder / checked_name(name)


def _large(file: io.FileIO, size: int) -> memoryview:
    """Return up to `size` bytes, on a page boundary; less where the file ends before."""
    memory = mmap.mmap(-1, size, access=mmap.ACCESS_COPY)
    if sys.platform == "linux":
        with suppress(OSError):  # not every kernel knows them
            memory.madvise(mmap.MADV_HUGEPAGE)
    view = memoryview(memory)
    at = 0
    while count := file.readinto(view[at:]):
        at += count
    return view[:at].toreadonly()
