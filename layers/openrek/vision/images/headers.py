"""The headers of a JPEG or PNG, read before any pixel is decoded, and a copy of the file without all that is not
needed.

Only what describes pixels reaches the decoder: no EXIF, XMP, ICC, comments, animation frames or compressed text, so
their bombs, their warnings and their tricks (a phone's second picture in MPO, say) never run. Orientation is read here.

Sources: ITU T.81 annex B (JPEG), JEITA CP-3451 (Exif, tag 0x0112), W3C PNG third edition (chunks).
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from openrek.domain.errors import InvalidImageFormat
from openrek.vision.images.truncated import CONTINUATIONS

JPEG_START = b"\xff\xd8\xff"
MOST_PARTS = 10_000
"""Segments of a JPEG, and again among its scans; chunks of a PNG, which writers fill with 8 KB or more."""
PNG_START = b"\x89PNG\r\n\x1a\n"

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_HUFFMAN_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
_SCAN, _END, _EXIF, _ADOBE, _JFIF = 0xDA, 0xD9, 0xE1, 0xEE, 0xE0
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})
_ORIENTATION_TAG = 0x0112
_INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}
"""The integer types of a TIFF tag, BYTE, SHORT, LONG and the signed ones, as struct writes them."""
_MARKER = re.compile(rb"\xff[^\x00\xff]")
_AFTER_DATA = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_FIRST_WITH_LENGTH = 0xC0
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples of a pixel, by the PNG's colour type."""

_DEPTH_AT, _COLOUR_TYPE_AT, _INTERLACE_AT = 24, 25, 28
_PIXEL_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})


@dataclass(frozen=True, slots=True)
class Header:
    """Size as stored, before the EXIF `orientation` (1..8; always 1 for PNG); `pixels` is the stripped file.

    `scans` is how often a decoder goes over the whole picture; of a PNG, `pixel_bits` is what a pixel takes in it.
    `ended` is False for a JPEG without an end marker, which is to be decoded as often as `truncated` says.
    """

    kind: str
    width_px: int
    height_px: int
    orientation: int
    pixels: bytes
    scans: int = 1
    pixel_bits: int = 0
    interlaced: bool = False
    ended: bool = True

    @property
    def row_bytes(self) -> int:
        """Return the bytes of a row of a PNG once it is inflated, without the byte that names its filter."""
        return -(-self.width_px * self.pixel_bits // 8)


def read_header(image: bytes) -> Header:
    """Read the header of a JPEG or PNG; the content decides between them. Raises InvalidImageFormat."""
    if image.startswith(JPEG_START):
        return _jpeg(image)
    if image.startswith(PNG_START):
        return _png(image)
    raise InvalidImageFormat(reason="The bytes are neither a JPEG nor a PNG.")


def _broken(kind: str, what: str) -> InvalidImageFormat:
    return InvalidImageFormat(reason=f"The {kind} is damaged: {what}.")


def _too_many(kind: str, parts: str) -> InvalidImageFormat:
    return InvalidImageFormat(reason=f"The {kind} is of a rare kind: it has more than {MOST_PARTS} {parts}.")


def _jpeg(image: bytes) -> Header:
    kept = [image[:2]]
    size: tuple[int, int] | None = None
    orientation: int | None = None
    at = 2
    for _ in range(MOST_PARTS):
        marker, at = _jpeg_marker(image, at)
        if marker in _WITHOUT_LENGTH:
            continue
        if marker == _END:
            raise _broken("JPEG", "it ends before its picture")
        segment = _jpeg_segment(image, at)
        end = at + 2 + len(segment)
        if marker == _SCAN:
            break
        if marker in _FRAMES:
            if size is not None:
                raise _broken("JPEG", "its frame header makes no sense")
            size = _jpeg_size(marker, segment)
        if orientation is None and marker == _EXIF and segment.startswith(b"Exif\0\0"):
            orientation = exif_orientation(segment[6:])
        if marker in {_JFIF, _ADOBE} or not 0xE0 <= marker <= 0xFE:
            kept.append(image[at - 2 : end] if image[at - 2] == 0xFF else b"\xff" + image[at - 1 : end])
        at = end
    else:
        raise _too_many("JPEG", "segments")
    if size is None:
        raise _broken("JPEG", "it has no frame header")
    kept.append(b"\xff" + image[at - 1 :])
    scans, ended = _scans(image, end)
    scans *= 1 if ended else CONTINUATIONS
    return Header("JPEG", *size, orientation or 1, b"".join(kept), scans, ended=ended)


def _jpeg_marker(image: bytes, at: int) -> tuple[int, int]:
    """Return the next marker and the offset of its length; like every decoder, skip stray bytes and fill bytes."""
    found = _MARKER.search(image, at)
    if found is None or found.end() > len(image) - 2:
        raise _broken("JPEG", "it ends inside its header")
    return image[found.end() - 1], found.end()


def _jpeg_segment(image: bytes, at: int) -> bytes:
    """Return what follows the length at `at`. Raises InvalidImageFormat where it does not end within the image."""
    segment = image[at + 2 : at + int.from_bytes(image[at : at + 2], "big")]
    end = at + 2 + len(segment)
    if end > len(image) - 2 or end != at + int.from_bytes(image[at : at + 2], "big"):
        raise _broken("JPEG", "it ends inside a segment")
    return segment


def _jpeg_size(marker: int, segment: bytes) -> tuple[int, int]:
    """Return width and height from a frame header. Raises InvalidImageFormat for one of a kind that is not decoded."""
    if len(segment) < 6:
        raise _broken("JPEG", "its frame header makes no sense")
    if marker not in _HUFFMAN_FRAMES:  # arithmetic coding, which next to nobody writes, has bombs of its own
        raise InvalidImageFormat(reason="The JPEG is of a rare kind: neither baseline nor progressive.")
    return int.from_bytes(segment[3:5], "big"), int.from_bytes(segment[1:3], "big")


def _scans(image: bytes, at: int) -> tuple[int, bool]:
    """Count the scans of a picture whose first scan's data begin at `at`; return also whether it has an end marker.

    Bytes after its end are not read: phones append films there.
    """
    scans = 1
    for _ in range(MOST_PARTS):
        found = _AFTER_DATA.search(image, at)
        if found is None or image[found.end() - 1] == _END:
            return scans, found is not None
        marker, at = image[found.end() - 1], found.end()
        if marker >= _FIRST_WITH_LENGTH:
            at += int.from_bytes(image[at : at + 2], "big")
        scans += marker == _SCAN
    raise _too_many("JPEG", "segments")


def exif_orientation(tiff: bytes) -> int | None:
    """Return tag 0x0112 of the first directory of a TIFF block, 1..8; None where it is absent, odd or unreadable.

    The standard says SHORT; cameras and programs write it as any integer.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return None
    (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
    if directory + 2 > len(tiff):
        return None
    (entries,) = struct.unpack_from(f"{order}H", tiff, directory)
    for entry in range(directory + 2, min(directory + 2 + 12 * entries, len(tiff) - 11), 12):
        tag, kind = struct.unpack_from(f"{order}HH", tiff, entry)
        if tag == _ORIENTATION_TAG and kind in _INTEGERS:
            (value,) = struct.unpack_from(order + _INTEGERS[kind], tiff, entry + 8)
            if 1 <= value <= 8:
                return int(value)
    return None


def _png(image: bytes) -> Header:
    """Read the chunks up to the last, or to where the file ends: the rows tell whether pixels are missing."""
    kept: list[bytes | memoryview] = [PNG_START]
    size: tuple[int, int] | None = None
    for name, content in _chunks(image):
        if (name == b"IHDR") != (size is None) or (name == b"IHDR" and len(content) != 13):
            raise _broken("PNG", "its header chunk is missing, repeated or odd")
        if name == b"IHDR":
            size = struct.unpack_from(">II", content)
        if name in _PIXEL_CHUNKS:
            checksum = zlib.crc32(content, zlib.crc32(name))
            kept += [struct.pack(">I", len(content)), name, content, struct.pack(">I", checksum)]
    assert size is not None  # noqa: S101 - the first chunk set it
    pixel_bits = image[_DEPTH_AT] * _CHANNELS.get(image[_COLOUR_TYPE_AT], 0)
    interlaced = image[_INTERLACE_AT] != 0
    return Header("PNG", *size, 1, b"".join(kept), pixel_bits=pixel_bits, interlaced=interlaced)


def _chunks(image: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yield name and content of each chunk up to IEND, which is supplied, as is the end of the chunk, where the file
    ends among its pixels or after them. Raises InvalidImageFormat where it ends before.
    """
    view, at, pixels_seen = memoryview(image), len(PNG_START), False
    for _ in range(MOST_PARTS):
        if at + 8 > len(image):
            break
        length, name = struct.unpack_from(">I4s", image, at)
        pixels_seen |= name == b"IDAT"
        content, at = view[at + 8 : at + 8 + length], at + 12 + length
        if at > len(image) and name != b"IDAT":
            break
        yield name, content
        if name == b"IEND":
            return
    else:
        raise _too_many("PNG", "chunks")
    if not pixels_seen:
        raise _broken("PNG", "it ends before its pixels")
    yield b"IEND", view[:0]
