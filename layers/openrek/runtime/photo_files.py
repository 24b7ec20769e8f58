"""Photos on disk: which files are photos, and their bytes as the API takes them.

A photo above the API's limits (5 MiB inline, 10,000 pixels a side) is sent smaller. Boxes are ratios, so that answers
mean the same for the photo on disk.
"""

import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png"})
MAX_BYTES = 5 * 1024 * 1024
MAX_SIDE_PX = 10_000
FIRST_SIDE_PX = 4096


class UnreadablePhoto(Exception):
    """Why the photo cannot be sent, in a few words."""


@dataclass(frozen=True, slots=True)
class SentPhoto:
    """`image` is what the API gets; `shrunk` when it is not the file itself."""

    image: bytes
    shrunk: bool


def find_photos(folder: Path, unreadable: Callable[[OSError], None]) -> Iterator[Path]:
    """Every JPEG and PNG below `folder`, by its suffix, in the order of the names. Links to folders are not followed.

    `unreadable` is told of each folder that could not be read.
    """
    for here, folders, names in os.walk(folder, onerror=unreadable):
        folders.sort()
        yield from (Path(here, name) for name in sorted(names) if Path(name).suffix.lower() in SUFFIXES)


def fit(content: bytes) -> SentPhoto:
    """The photo within the API's limits. Raises UnreadablePhoto for one that is too large and cannot be shrunk."""
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as photo:
            if len(content) <= MAX_BYTES and max(photo.size) <= MAX_SIDE_PX:
                return SentPhoto(content, shrunk=False)
            return SentPhoto(_shrink(photo), shrunk=True)
    except UnidentifiedImageError:
        if len(content) <= MAX_BYTES:
            return SentPhoto(content, shrunk=False)  # the server says what it is not
        raise UnreadablePhoto("larger than 5 MiB, and neither a JPEG nor a PNG") from None
    except Image.DecompressionBombError:
        raise UnreadablePhoto("too many pixels") from None
    except (OSError, SyntaxError, ValueError):  # what Pillow raises for damaged files
        raise UnreadablePhoto("larger than the API takes, and damaged, so that it cannot be made smaller") from None


def _shrink(photo: Image.Image) -> bytes:
    side = FIRST_SIDE_PX
    photo.draft("RGB", (side, side))
    upright = ImageOps.exif_transpose(photo)
    plain = upright.convert("RGB") if "A" not in upright.getbands() else _on_white(upright)
    while True:
        plain.thumbnail((side, side))
        out = io.BytesIO()
        plain.save(out, "JPEG", quality=90)
        if out.tell() <= MAX_BYTES:
            return out.getvalue()
        side = side * 3 // 4


def _on_white(photo: Image.Image) -> Image.Image:
    ground = Image.new("RGBA", photo.size, "white")
    return Image.alpha_composite(ground, photo.convert("RGBA")).convert("RGB")
