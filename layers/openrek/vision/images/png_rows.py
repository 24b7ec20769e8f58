"""The rows of a PNG that is not interlaced, a band at a time, so that a picture need not fit in memory.

Pillow decodes a PNG only as a whole. Here one band of rows after another is inflated and given to Pillow's decoder as a
picture of its own. A row's filter (W3C PNG third edition, section 9) looks only at the row above it and at the pixel
before, byte by byte: so a band needs no more than the last row of the one before, and the high bytes of 16-bit samples
are filtered like a picture that has no others.
"""

import struct
import zlib
from collections.abc import Iterator

import numpy
from numpy.typing import NDArray
from PIL import Image, ImageFile

from openrek.vision.images.headers import PNG_START, Header

BAND_PX = 1 << 19
_STEP_ROWS = 4
"""Bands begin at multiples of it, and so of what a picture is scaled down by."""

_INPUT_BYTES = 1 << 16
"""What zlib is given at once: it copies all of that which it cannot use yet."""

_GREY_16 = "I;16B"
_BYTEWISE = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
"""Pillow's modes of so many bytes a pixel."""


def bands(header: Header, picture: ImageFile.ImageFile, band_px: int = BAND_PX) -> Iterator[Image.Image]:
    """Yield the picture from top to bottom. `picture`, which is not loaded, gives the meaning of its pixels.

    Of 16-bit samples only greys keep both bytes: their transparent colour has two. Raises DECODER_ERRORS.
    """
    kind = str(picture.tile[0].args)
    width_px, height_px = picture.size
    sample_bytes = 2 if kind.endswith(";16B") else 1
    planes = [_Plane(header, start, sample_bytes) for start in range(2 if kind == _GREY_16 else 1)]
    rows = _Rows(header)
    at_once = max(band_px // width_px // _STEP_ROWS, 1) * _STEP_ROWS
    for top in range(0, height_px, at_once):
        filtered = rows.take(min(at_once, height_px - top))
        parts = [plane.unfiltered(filtered) for plane in planes]
        yield _meant(parts, picture)


class _Rows:
    """The filtered rows, each after the byte that names its filter."""

    def __init__(self, header: Header) -> None:
        self._row_bytes = 1 + header.row_bytes
        self._input = _idat(header.pixels)
        self._inflate = zlib.decompressobj()

    def take(self, rows: int) -> NDArray[numpy.uint8]:
        """Return the next rows. Raises ValueError where the file ends before."""
        wanted = rows * self._row_bytes
        taken = bytearray()
        waiting: bytes | memoryview = self._inflate.unconsumed_tail
        while True:
            taken += self._inflate.decompress(waiting, wanted - len(taken))
            if len(taken) == wanted:
                return numpy.frombuffer(taken, numpy.uint8).reshape(rows, self._row_bytes)
            waiting = self._inflate.unconsumed_tail or next(self._input, b"")
            if not waiting:
                raise ValueError("it ends inside its pixels")


class _Plane:
    """One byte of each sample: `start` is 0 for the high ones of two bytes or the only ones, 1 for the low ones."""

    def __init__(self, header: Header, start: int, sample_bytes: int) -> None:
        self._start, self._sample_bytes = start, sample_bytes
        pixel_bytes = max(header.pixel_bits // 8 // sample_bytes, 1)
        self._mode = _BYTEWISE[pixel_bytes]
        self._row_bytes = header.row_bytes // sample_bytes
        self._width = self._row_bytes // pixel_bytes
        self._above = bytes(self._row_bytes)

    def unfiltered(self, filtered: NDArray[numpy.uint8]) -> Image.Image:
        rows = numpy.empty((1 + len(filtered), 1 + self._row_bytes), numpy.uint8)
        rows[0, 0], rows[0, 1:] = 0, numpy.frombuffer(self._above, numpy.uint8)
        rows[1:, 0], rows[1:, 1:] = filtered[:, 0], filtered[:, 1 + self._start :: self._sample_bytes]
        stored = zlib.compress(rows.tobytes(), 0)
        image = Image.frombytes(self._mode, (self._width, len(rows)), stored, "zip", self._mode, 0)
        self._above = image.crop((0, len(filtered), self._width, len(rows))).tobytes()
        return image.crop((0, 1, self._width, len(rows)))


def _meant(planes: list[Image.Image], picture: ImageFile.ImageFile) -> Image.Image:
    """Return the band in the picture's mode, with what belongs to its colours; of 16 bits a channel with the high 8."""
    kind, size = str(picture.tile[0].args), (picture.width, planes[0].height)
    if len(planes) == 2:
        both = numpy.dstack([numpy.asarray(plane) for plane in planes])
        band = Image.frombytes(picture.mode, size, both.tobytes(), "raw", kind)
    elif kind in _BYTEWISE.values() or kind.endswith(";16B"):
        band = planes[0]
    else:
        band = Image.frombytes(picture.mode, size, planes[0].tobytes(), "raw", kind)
    band.info = dict(picture.info)
    if picture.palette is not None:
        band.putpalette(picture.palette)
    return band


def _idat(file: bytes) -> Iterator[memoryview]:
    """Yield the content of the file's first run of IDAT chunks, in small pieces that are not empty."""
    view, at, name = memoryview(file), len(PNG_START), b""
    while at < len(file):
        before = name
        length, name = struct.unpack_from(">I4s", file, at)
        if name == b"IDAT":
            content = view[at + 8 : at + 8 + length]
            yield from (content[start : start + _INPUT_BYTES] for start in range(0, length, _INPUT_BYTES))
        elif before == b"IDAT":
            return
        at += 12 + length
