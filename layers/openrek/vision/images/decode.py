"""Bytes of a JPEG or PNG -> upright RGB pixels, with every limit checked before memory is spent.

* JPEG of 4000 px and more is decoded at 1/2, of 8000 px and more at 1/4 (libjpeg's scaled decoding); a PNG of that size
  is averaged down by the same factor, band by band. The longest side that is left, at least 2000 px, is 1.6 times what
  the detector sees: a face that it finds at 30 px still has 47 px, from where on more pixels hardly change a match.
  2 megapixels are left too, so that a screenshot of 720 x 9900 keeps all its pixels: it is searched in tiles.
* A JPEG whose end is missing is read if all its pixels are there (see `truncated`), and so is a PNG.
* EXIF orientation is applied to JPEG only, as Rekognition does. ICC profiles and gamma are ignored.
* Transparent pixels are laid on white, but the transparent colour of a 16-bit RGB picture is ignored. 16-bit
  samples keep their high byte. CMYK is converted without a profile.
* An animated PNG gives its default image.

A progressive JPEG has about 10 scans. Each is a pass over the whole picture, however few its bytes, so their number is
bounded: to 100, or as many as look at 2,000 megapixels together (up to 1.8 s).

A PNG of a few kilobytes can unpack to gigabytes, and each byte that it unpacks to costs the same, up to 10 ns: so they
are bounded too, to 150 MB (up to 1.8 s): 50 megapixels of 8-bit RGB, 37 with transparency, half as many of 16 bits a
sample, and 100 of grey or of a palette.

A picture may have 100 megapixels, however they lie: up to 65,535 px a side in a JPEG. Rekognition's 10,000 px are a
limit of labels and moderation only.

Peak memory is 4 bytes a pixel of what is left, at most 64 MB, plus a few bands. Two kinds cannot be scaled while they
are decoded: a progressive JPEG needs 2 bytes a sample on top; an interlaced PNG is held as it is, up to 64 MB more, and
has at most 16 megapixels.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageFile

from openrek.domain.errors import ImageTooLarge, InvalidImageFormat, InvalidParameter
from openrek.vision.images import png_rows
from openrek.vision.images.headers import Header, read_header
from openrek.vision.images.pillow import DECODER_ERRORS, opened, upright
from openrek.vision.images.truncated import continuations

SMALLEST_SIDE_PX = 80
MOST_PX = 100_000_000
MOST_SCANS = 100
MOST_SCANNED_PX = 2_000_000_000
MOST_PNG_BYTES = 150_000_000
MOST_INTERLACED_PX = 16_000_000
LEAST_LONGEST_SIDE_PX = 2000
LEAST_LEFT_PX = 2_000_000
_BAND_ROWS = 512


@dataclass(frozen=True, slots=True)
class Upright:
    """`image` is mode RGB, upright, possibly scaled down; `width_px` x `height_px` is the upright photo's own size."""

    image: Image.Image
    width_px: int
    height_px: int


def decode(image: bytes, most_side_px: int | None = None, least_side_px: int = SMALLEST_SIDE_PX) -> Upright:
    """Return the upright picture, whose sides may have `most_side_px` pixels where an operation has such a limit.

    Raises InvalidImageFormat, ImageTooLarge or InvalidParameter (a side below `least_side_px`).
    """
    header = read_header(image)
    _check_size(header, most_side_px, least_side_px)
    scale = _scale(header)
    try:
        rgb = _decoded(header, scale) if header.ended else _decoded_without_end(header, scale)
    except DECODER_ERRORS as error:
        raise InvalidImageFormat(reason=f"The {header.kind} is damaged or of a rare kind: {error}.") from error
    width_px, height_px = header.width_px, header.height_px
    if header.orientation >= 5:
        width_px, height_px = height_px, width_px
    return Upright(upright(rgb, header.orientation), width_px, height_px)


def _check_size(header: Header, most_side_px: int | None, least_side_px: int) -> None:
    width_px, height_px = header.width_px, header.height_px
    if most_side_px is not None and max(width_px, height_px) > most_side_px:
        raise ImageTooLarge(
            f"Input image dimensions {width_px} x {height_px} exceed maximum dimension size of {most_side_px} pixels"
        )
    if min(width_px, height_px) < least_side_px:
        raise InvalidParameter(
            reason=f"The image is {width_px} x {height_px} pixels; each side needs at least {least_side_px}."
        )
    require_bounded_work(header)


def require_bounded_work(header: Header) -> None:
    """Raise InvalidImageFormat or ImageTooLarge for a picture that takes too long, or too much memory."""
    width_px, height_px = header.width_px, header.height_px
    if width_px * height_px > MOST_PX:
        megapixels, most = -(-width_px * height_px // 1_000_000), MOST_PX // 1_000_000
        raise ImageTooLarge(reason=f"The image has {megapixels} megapixels; {most} are allowed.")
    most_scans = min(MOST_SCANS, MOST_SCANNED_PX // (width_px * height_px))
    if header.scans > most_scans:
        raise InvalidImageFormat(
            reason=f"The {header.kind} is of a rare kind: it has {header.scans} scans, and one of its size at most "
            f"{most_scans}."
        )
    unpacked_bytes = header.row_bytes * height_px
    if unpacked_bytes > MOST_PNG_BYTES:
        unpacked_mb, most_mb = -(-unpacked_bytes // 1_000_000), MOST_PNG_BYTES // 1_000_000
        raise ImageTooLarge(reason=f"The PNG is {unpacked_mb} MB unpacked; {most_mb} are allowed.")
    if header.interlaced and width_px * height_px > MOST_INTERLACED_PX:
        raise ImageTooLarge(
            reason=f"The PNG has {width_px} x {height_px} pixels; {MOST_INTERLACED_PX // 1_000_000} megapixels are "
            f"allowed in an interlaced one."
        )


def _decoded(header: Header, scale: int) -> Image.Image:
    """Return the picture as it lies in the file, RGB, `scale` times smaller. Raises DECODER_ERRORS."""
    picture = opened(header)
    if header.kind == "JPEG" and scale > 1:
        picture.draft(None, (header.width_px // scale, header.height_px // scale))
        scale = 1
    return _to_rgb(picture, header, scale)


def _decoded_without_end(header: Header, scale: int) -> Image.Image:
    """Return the picture of a JPEG without an end if all its pixels are there. Raises DECODER_ERRORS."""
    first: bytes | None = None
    for file in continuations(header.pixels):
        rgb = _decoded(replace(header, pixels=file), scale)
        digest = _digest(rgb)
        if first not in {None, digest}:
            raise ValueError("it ends inside its pixels")
        first = digest
    return rgb


def _digest(rgb: Image.Image) -> bytes:
    digest = hashlib.blake2b()
    for band in _bands(rgb):
        digest.update(band.tobytes())
    return digest.digest()


def _scale(header: Header) -> int:
    """Return 1, 2 or 4: the largest that leaves LEAST_LONGEST_SIDE_PX of the longest side and LEAST_LEFT_PX in all."""
    longest_px, all_px = max(header.width_px, header.height_px), header.width_px * header.height_px
    return next(
        (by for by in (4, 2) if longest_px >= by * LEAST_LONGEST_SIDE_PX and all_px >= by**2 * LEAST_LEFT_PX), 1
    )


def _to_rgb(picture: ImageFile.ImageFile, header: Header, scale: int) -> Image.Image:
    """Return RGB on white, averaged down by `scale`; in bands, so that a large picture is never held twice, or even
    once.
    """
    at_once = header.kind == "JPEG" or header.interlaced
    if at_once and picture.mode == "RGB" and "transparency" not in picture.info and scale == 1:
        picture.load()
        return picture
    width, height = (-(-side // scale) for side in picture.size)
    whole = Image.new("RGB", (width, height))
    top = 0
    for band in _bands(picture) if at_once else png_rows.bands(header, picture):
        whole.paste(in_rgb(band).reduce(scale), (0, top // scale))
        top += band.height
    return whole


def _bands(picture: Image.Image) -> Iterator[Image.Image]:
    picture.load()
    for top in range(0, picture.height, _BAND_ROWS):
        yield picture.crop((0, top, picture.width, min(top + _BAND_ROWS, picture.height)))


def in_rgb(band: Image.Image) -> Image.Image:
    """Return a picture, or rows of one, in RGB: on white where it is transparent, of 16 bits the higher eight."""
    if band.mode.startswith("I"):
        greys = np.asarray(band)
        high = (greys >> 8).astype(np.uint8)
        high[greys == band.info.get("transparency", -1)] = 255
        return Image.fromarray(high).convert("RGB")
    if band.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in band.info:
        colours = band.convert("RGBA")
        white = Image.new("RGB", band.size, "white")
        white.paste(colours, mask=colours.getchannel("A"))
        return white
    return band.convert("RGB")
