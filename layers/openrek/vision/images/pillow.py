"""Pillow, asked for the pixels of a JPEG or PNG only: everything else was left out of the file by `headers`."""

import io
import struct
import zlib

from PIL import Image, ImageFile, JpegImagePlugin, PngImagePlugin

from openrek.domain.errors import InvalidImageFormat
from openrek.vision.images.headers import Header

DECODER_ERRORS = (
    OSError, SyntaxError, ValueError, IndexError, KeyError, TypeError, AttributeError, AssertionError, EOFError,
    OverflowError, struct.error, zlib.error,
)  # fmt: skip
"""What Pillow raises for damaged files."""

_GREY_STEPS = {"L;2": 85, "L;4": 17}
"""Pillow spreads greys of few bits over 0 to 255."""

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def opened(header: Header) -> ImageFile.ImageFile:
    """Open the picture with the one decoder for its kind; `Image.open` would let other plug-ins look and would warn
    above 89 megapixels.

    Raises InvalidImageFormat or DECODER_ERRORS, as does loading the picture.
    """
    plugin = JpegImagePlugin.JpegImageFile if header.kind == "JPEG" else PngImagePlugin.PngImageFile
    picture = plugin(io.BytesIO(header.pixels))
    if picture.mode == "P" and picture.palette is None:
        raise ValueError("it has no palette")
    if isinstance(picture, PngImagePlugin.PngImageFile):
        _scale_colour_key(picture)
    if picture.size != (header.width_px, header.height_px):
        raise InvalidImageFormat(reason=f"The {header.kind} is damaged: it gives two sizes.")
    return picture


def _scale_colour_key(picture: PngImagePlugin.PngImageFile) -> None:
    """Scale the transparent colour to the pixels' depth, or drop it: of 16 bits a channel Pillow keeps 8, which are not
    enough.
    """
    samples = [tile.args for tile in picture.tile]
    if "RGB;16B" in samples:
        picture.info.pop("transparency", None)
    for kind, step in _GREY_STEPS.items():
        if kind in samples and "transparency" in picture.info:
            picture.info["transparency"] *= step


def upright(picture: Image.Image, orientation: int) -> Image.Image:
    """Turn the picture as an EXIF orientation (1..8) says."""
    return picture.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else picture
