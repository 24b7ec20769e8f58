"""`Image.S3Object` on one machine: `<folder>/<bucket>/<key>` stands for an S3 bucket without versioning.

Nothing outside the bucket can be reached: not by a bucket or key with `..` or an empty part, not by a link, and not by
one that takes the place of a folder meanwhile. A bucket is a folder: a link to one is none, wherever it leads.
"""

import os
import stat
import sys
from contextlib import ExitStack
from pathlib import Path

from openrek.domain.errors import InvalidS3Object
from openrek.runtime.buckets.object_size import MAX_OBJECT_BYTES, require_size

UNVERSIONED = "null"
"""The version id that S3 gives to objects of a bucket without versioning."""


class FolderBuckets:
    """The Buckets port over a folder; made for reading only, and safe under threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, bucket: str, name: str, version: str | None) -> bytes:
        """Return the object's bytes. Raises InvalidS3Object or ImageTooLarge."""
        if version not in (None, UNVERSIONED):
            raise InvalidS3Object(reason="Local buckets keep no versions: leave Version out, or give null.")
        parts = _parts(bucket, name)
        try:
            handle = self._open(parts)
        except (OSError, UnicodeError, RuntimeError):  # missing, too long, not writable as UTF-8, links in a circle
            raise _no_object() from None
        try:
            facts = os.fstat(handle)
            if not stat.S_ISREG(facts.st_mode):
                raise _no_object()
            require_size(facts.st_size)
            with open(handle, "rb", closefd=False) as file:
                return file.read(MAX_OBJECT_BYTES)
        finally:
            os.close(handle)

    def _open(self, parts: list[str]) -> int:
        """Open the file that the parts name.

        Raises OSError, RuntimeError, or InvalidS3Object for a link that leaves the bucket.

        Links are resolved first; then the way that they lead is walked from the bucket down, and no link on it is
        followed: one that is put there in between leads nowhere.
        """
        home = self._folder.resolve()
        bucket = home / parts[0]
        place = bucket.joinpath(*parts[1:]).resolve(strict=True)
        if not place.is_relative_to(bucket):
            raise InvalidS3Object(reason="The key is a link that leaves the bucket, or the bucket is a link itself.")
        return _opened(home, place)


def _opened(home: Path, place: Path) -> int:
    """Open the file `place` below `home`, following no link on the way. Raises OSError.

    Windows opens no folder to walk from: a link that is put there between the two steps is followed.
    """
    if sys.platform == "win32":
        return os.open(place, os.O_RDONLY | os.O_BINARY | os.O_NOINHERIT)
    a_folder = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    with ExitStack() as opened:
        at = os.open(home, a_folder)
        opened.callback(os.close, at)
        *folders, file = place.relative_to(home).parts
        for folder in folders:
            at = os.open(folder, a_folder | os.O_NOFOLLOW, dir_fd=at)
            opened.callback(os.close, at)
        # Non-blocking, so that a FIFO in the folder cannot hold the caller.
        return os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)


def _parts(bucket: str, name: str) -> list[str]:
    """Return the parts of a path below the bucket. Raises InvalidS3Object for any other key."""
    parts = [bucket, *name.split("/")]
    if "/" in bucket or any(part in ("", ".", "..") or "\0" in part or "\\" in part for part in parts):
        raise InvalidS3Object(reason="Bucket or key cannot be a path here: it has an empty part, a dot part or a \\.")
    return parts


def _no_object() -> InvalidS3Object:
    return InvalidS3Object(reason="There is no such bucket or object in the folder of local buckets.")
