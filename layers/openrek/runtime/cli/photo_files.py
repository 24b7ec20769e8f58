"""Photos on disk: the search for them, and their bytes as the API takes them.

A photo above the API's limits (5 MiB inline, the work of decoding it, the longest side of some operations) is sent
smaller. Boxes are ratios, so that answers mean the same for the photo on disk. Whatever is in a file, it is no more
than that photo's failure.
"""

import io
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from openrek.domain.errors import InvalidImageFormat, Refusal
from openrek.vision.images.decode import decode, in_rgb, require_bounded_work
from openrek.vision.images.headers import Header, read_header
from openrek.vision.images.pillow import DECODER_ERRORS, opened, upright

SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png"})
MAX_BYTES = 5 * 1024 * 1024
FIRST_SIDE_PX = 4096
MOST_FILE_BYTES = 256 * 1024 * 1024
MOST_PIXELS = 180_000_000


class UnreadablePhoto(ValueError):
    """The photo cannot be sent; the text says why in a few words."""


@dataclass(frozen=True, slots=True)
class SentPhoto:
    """A photo for the API; `shrunk` if `image` is not the file itself."""

    image: bytes
    shrunk: bool


def find_photos(folder: Path, unreadable: Callable[[OSError], None]) -> Iterator[Path]:
    """Yield every JPEG and PNG below `folder`, by its suffix, in the order of the names.

    Links to folders are not followed.

    `unreadable` is called with the error of each folder that could not be read.
    """
    for here, folders, names in os.walk(folder, onerror=unreadable):
        folders.sort()
        yield from (Path(here, name) for name in sorted(names) if Path(name).suffix.lower() in SUFFIXES)


def read_found(photo: Path) -> bytes:
    """Return the bytes of a file that was found in a folder, without waiting for the other end of a pipe.

    Raises OSError, and UnreadablePhoto for a file that is not regular or too large.
    """
    with open(photo, "rb", opener=_without_waiting) as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            raise UnreadablePhoto("not a regular file")
        return _content(file, facts.st_size)


def _without_waiting(photo: str, flags: int) -> int:
    if sys.platform == "win32":
        return os.open(photo, flags)
    return os.open(photo, flags | os.O_NONBLOCK)


def read_named(photo: Path) -> bytes:
    """Return the bytes of a file that a person named; it may be a pipe. Raises OSError or UnreadablePhoto."""
    with photo.open("rb") as file:
        return _content(file)


def _content(file: io.BufferedReader, size_bytes: int = 0) -> bytes:
    """Read an open file of `size_bytes`, as far as that is known. Raises OSError or UnreadablePhoto."""
    content = b"" if size_bytes > MOST_FILE_BYTES else file.read(MOST_FILE_BYTES + 1)
    if max(size_bytes, len(content)) > MOST_FILE_BYTES:
        raise UnreadablePhoto(f"larger than {MOST_FILE_BYTES // 1024 // 1024} MiB")
    if not content:
        raise UnreadablePhoto("the file is empty")
    return content


def fit(content: bytes, most_side_px: int | None = None) -> SentPhoto:
    """Return the photo within the API's limits, of which `most_side_px` is that of some operations.

    Raises UnreadablePhoto for one that is too large and cannot be shrunk.
    """
    try:
        header = read_header(content)
    except InvalidImageFormat as refusal:
        if len(content) <= MAX_BYTES:
            return SentPhoto(content, shrunk=False)  # the server says what it is not
        raise UnreadablePhoto(f"larger than 5 MiB, and cannot be made smaller: {refusal.reason}") from None
    within = most_side_px is None or max(header.width_px, header.height_px) <= most_side_px
    if len(content) <= MAX_BYTES and within and _is_bounded(header):
        return SentPhoto(content, shrunk=False)
    if header.width_px * header.height_px > MOST_PIXELS:
        raise UnreadablePhoto("too many pixels")
    try:
        return SentPhoto(_shrunk(header), shrunk=True)
    except (*DECODER_ERRORS, InvalidImageFormat, MemoryError):
        raise UnreadablePhoto("larger than the API takes, and damaged, so that it cannot be made smaller") from None


def _is_bounded(header: Header) -> bool:
    try:
        require_bounded_work(header)
    except Refusal:
        return False
    return True


def pixels(content: bytes) -> Image.Image:
    """Return the upright photo in RGB, as the server reads it; in its own size where the server reads it smaller or not
    at all. Raises UnreadablePhoto.
    """
    with suppress(Refusal):
        seen = decode(content)
        if seen.image.size == (seen.width_px, seen.height_px):
            return seen.image
    try:
        header = read_header(content)
        return upright(opened(header).convert("RGB"), header.orientation)
    except (*DECODER_ERRORS, InvalidImageFormat, MemoryError):
        raise UnreadablePhoto("its pixels cannot be read") from None


def _shrunk(header: Header) -> bytes:
    side = FIRST_SIDE_PX
    photo = opened(header)
    photo.draft("RGB", (side, side))
    plain = upright(in_rgb(photo), header.orientation)
    while True:
        plain.thumbnail((side, side))
        out = io.BytesIO()
        plain.save(out, "JPEG", quality=90)
        if out.tell() <= MAX_BYTES:
            return out.getvalue()
        side = side * 3 // 4
