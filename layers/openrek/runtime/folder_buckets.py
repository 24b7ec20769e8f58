"""`Image.S3Object` on one machine: `<folder>/<bucket>/<key>` stands for an S3 bucket without versioning.

Nothing outside the folder can be reached: not by a bucket or key with `..` or an empty part, not by a link.
"""

import os
import stat
from pathlib import Path

from openrek.domain.errors import InvalidS3Object
from openrek.runtime.object_size import MAX_OBJECT_BYTES, require_size

UNVERSIONED = "null"
"""The version id that S3 gives to objects of a bucket without versioning."""


class FolderBuckets:
    """The Buckets port over a folder; made for reading only, and safe under threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, bucket: str, name: str, version: str | None) -> bytes:
        if version not in (None, UNVERSIONED):
            raise InvalidS3Object(reason="Local buckets keep no versions: leave Version out, or give null.")
        place = self._place(bucket, name)
        try:
            # Non-blocking, so that a FIFO in the folder cannot hold the caller; never through a link.
            handle = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
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

    def _place(self, bucket: str, name: str) -> Path:
        """The real file that the key names. Raises InvalidS3Object for one that would be outside the bucket."""
        parts = [bucket, *name.split("/")]
        if "/" in bucket or any(part in ("", ".", "..") or "\0" in part or "\\" in part for part in parts):
            raise InvalidS3Object(
                reason="Bucket or key cannot be a path here: it has an empty part, a dot part or a \\."
            )
        try:
            home = self._folder.resolve()
            place = home.joinpath(*parts).resolve(strict=True)
        except (OSError, UnicodeError, RuntimeError):  # missing, too long, not writable as UTF-8, links in a circle
            raise _no_object() from None
        if not place.is_relative_to(home):
            raise InvalidS3Object(reason="The key is a link that leaves the folder of buckets.")
        return place


def _no_object() -> InvalidS3Object:
    return InvalidS3Object(reason="There is no such bucket or object in the folder of local buckets.")
