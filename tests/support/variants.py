"""Photographs made from photographs: cases that a wrong pipeline would fail."""

import io
import struct
import zlib
from collections.abc import Iterable, Mapping

from PIL import Image, ImageEnhance, ImageFilter, ImageOps

ORIENTATION = 0x0112
UNDO = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
"""EXIF orientation -> PIL.Image.Transpose that stores an upright picture so that the tag makes it upright again."""


def opened(image: bytes) -> Image.Image:
    with Image.open(io.BytesIO(image)) as picture:
        return ImageOps.exif_transpose(picture).convert("RGB")


def jpeg(picture: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", **{"quality": 95, **options})
    return buffer.getvalue()


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def mirrored(image: bytes) -> bytes:
    return jpeg(ImageOps.mirror(opened(image)))


def darkened(image: bytes, gain: float = 0.45) -> bytes:
    return jpeg(ImageEnhance.Brightness(opened(image)).enhance(gain))


def blurred(image: bytes, radius_px: float) -> bytes:
    return jpeg(opened(image).filter(ImageFilter.GaussianBlur(radius_px)))


def cropped(image: bytes, box: tuple[float, float, float, float]) -> bytes:
    """Return the part in `box`: left, top, right, bottom as ratios."""
    picture = opened(image)
    left, top, right, bottom = box
    edges = (left * picture.width, top * picture.height, right * picture.width, bottom * picture.height)
    return jpeg(picture.crop(tuple(round(edge) for edge in edges)))


def oriented(image: bytes, orientation: int) -> bytes:
    """Return the photo as a camera held otherwise would store it: turned pixels and the EXIF tag that undoes it."""
    picture = opened(image)
    if orientation in UNDO:
        picture = picture.transpose(Image.Transpose(UNDO[orientation]))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return jpeg(picture, exif=exif)


def collage(
    size: tuple[int, int], pasted: Mapping[str, tuple[bytes, tuple[int, int], int]]
) -> tuple[bytes, dict[str, tuple[float, float, float, float]]]:
    """Paste photos into one picture; `pasted`: name -> (photo, left-top in px, width in px).

    Return the picture and, for each name, the place of the photo in it: left, top, width, height as ratios.
    """
    canvas = Image.new("RGB", size, (96, 110, 120))
    places = {}
    for name, (image, (left, top), width) in pasted.items():
        picture = opened(image)
        height = round(picture.height * width / picture.width)
        canvas.paste(picture.resize((width, height), Image.Resampling.LANCZOS), (left, top))
        places[name] = (left / size[0], top / size[1], width / size[0], height / size[1])
    return jpeg(canvas), places


def png(
    size: tuple[int, int],
    bits: int,
    colour_type: int,
    rows: Iterable[bytes],
    *,
    palette: bytes = b"",
    transparent: bytes = b"",
    interlaced: bool = False,
    idat_bytes: int = 1 << 30,
) -> bytes:
    """A PNG written byte by byte, its pixels in chunks of so many bytes. `rows` begin with the byte of their filter."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    deflate = zlib.compressobj()
    packed = b"".join([*map(deflate.compress, rows), deflate.flush()])
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", *size, bits, colour_type, 0, 0, interlaced)),
            chunk(b"PLTE", palette) if palette else b"",
            chunk(b"tRNS", transparent) if transparent else b"",
            *(chunk(b"IDAT", packed[at : at + idat_bytes]) for at in range(0, len(packed), idat_bytes)),
            chunk(b"IEND", b""),
        ]
    )


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises `width` x `height` pixels and holds almost none: a decompression bomb if believed."""
    return png((width, height), 8, 2, [b"\0" * 1_000_000])


def tiff_entry(tag: int, kind: int, count: int, value: bytes, order: str = "<") -> bytes:
    """Return one entry of a TIFF directory, as EXIF has them; `value` are its last four bytes."""
    return struct.pack(f"{order}HHI", tag, kind, count) + value


def with_exif(image: bytes, *entries: bytes, order: str = "<") -> bytes:
    """Return the JPEG with an EXIF block of these entries, written byte by byte: no library makes damaged ones."""
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}IH", 8, len(entries))
    block = b"Exif\0\0" + start + b"".join(entries) + b"\0\0\0\0"
    return image[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + image[2:]


TURNED = tiff_entry(0x0112, 3, 1, b"\6\0\0\0")
DAMAGED_EXIF = {
    "struct.error": tiff_entry(0x0123, 2, 4, b"abc\0"),
    "TypeError": tiff_entry(0x011A, 2, 4, b"abc\0"),
    "AttributeError": tiff_entry(0x0132, 11, 1, b"abc\0"),
}
"""Entries of EXIF, by the error that Pillow raises when it is asked to turn a photo that has one."""
