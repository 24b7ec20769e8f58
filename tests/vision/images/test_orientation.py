"""Orientation: what EXIF says of it, in every form that cameras and editors write."""

import struct

import numpy as np
import pytest
from PIL import Image

from openrek.vision.images.decode import decode
from tests.support import variants
from tests.vision.images.drawn import RGB, pixels, saved, scene


@pytest.mark.parametrize("orientation", range(1, 9))
def test_jpeg_is_turned_upright_and_png_is_not(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation

    upright = decode(variants.oriented(saved(scene()), orientation))
    png = decode(saved(scene(), exif=exif))

    assert (upright.width_px, upright.height_px) == upright.image.size == (160, 120)
    assert np.abs(np.asarray(upright.image).astype(int) - RGB)[20:40, 20:60].max() <= 6
    assert np.array_equal(np.asarray(png.image).astype(int), RGB)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_read_in_both_byte_orders(orientation: int, order: str) -> None:
    """EXIF written byte by byte: II*\\0 is what most phones write, and Pillow never does."""
    stored = scene()
    if orientation in variants.UNDO:
        stored = stored.transpose(Image.Transpose(variants.UNDO[orientation]))
    make = variants.tiff_entry(0x010F, 2, 4, b"abc\0", order)
    turned = variants.tiff_entry(0x0112, 3, 1, struct.pack(f"{order}HH", orientation, 0), order)
    after = variants.tiff_entry(0x0128, 3, 1, struct.pack(f"{order}HH", 2, 0), order)
    image = variants.with_exif(saved(stored, "JPEG", quality=98), make, turned, after, order=order)
    assert ({"<": b"Exif\0\0II*\0\x08\0\0\0\x03\0", ">": b"Exif\0\0MM\0*\0\0\0\x08\0\x03"}[order]) in image

    upright = decode(image)

    assert (upright.width_px, upright.height_px) == upright.image.size == (160, 120)
    assert np.abs(np.asarray(upright.image).astype(int) - RGB)[20:40, 20:60].max() <= 6


@pytest.mark.parametrize("exif", [b"", b"II*\0", b"MM\0*\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff", b"garbage" * 9,
    b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x09\0\0\0",
    b"II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x01\0\0\0\x06\0\0\0",
])  # fmt: skip
def test_odd_exif_is_no_orientation(exif: bytes) -> None:
    plain = saved(scene(), "JPEG")
    segment = b"\xff\xe1" + (len(exif) + 8).to_bytes(2, "big") + b"Exif\0\0" + exif

    assert decode(plain[:2] + segment + plain[2:]).image.size == (160, 120)


LYING = np.rot90(np.asarray(scene()))
"""The scene as a camera stores it that was held upright: orientation 6 turns it back."""


def exif_segment(*entries: bytes, order: str = ">", filling: int = 0) -> bytes:
    """Return an EXIF segment of these entries, written byte by byte."""
    block = variants.with_exif(b"\xff\xd8", *entries, order=order)[2:]
    return b"\xff\xe1" + struct.pack(">H", len(block) - 2 + filling) + block[4:] + bytes(filling)


def orientation(kind: int, value: int, order: str) -> bytes:
    """Return the entry Orientation as a tag of a TIFF type: 1 BYTE, 3 SHORT, 4 LONG, 6 SBYTE, 8 SSHORT, 9 SLONG."""
    stored = struct.pack(order + {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}[kind], value)
    return variants.tiff_entry(0x0112, kind, 1, stored.ljust(4, b"\0"), order)


def is_turned(*segments: bytes) -> bool:
    """Return True if the lying scene with these segments is read upright."""
    image = saved(Image.fromarray(LYING), "JPEG", quality=98)
    found = pixels(image[:2] + b"".join(segments) + image[2:])
    return found.shape == RGB.shape and bool(np.abs(found - RGB)[20:40, 20:60].max() <= 6)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [1, 3, 4, 6, 8, 9])
def test_orientation_may_be_any_integer(kind: int, order: str) -> None:
    assert is_turned(exif_segment(orientation(kind, 6, order), order=order))
    assert not is_turned(exif_segment(orientation(kind, 9, order), order=order))
    assert not is_turned(exif_segment(orientation(kind, -1, order), order=order) if kind > 4 else b"")


def test_the_first_orientation_that_is_there_counts() -> None:
    first, other = (exif_segment(orientation(3, value, ">")) for value in (6, 1))
    without = exif_segment(variants.tiff_entry(0x0128, 3, 1, b"\0\2\0\0", ">"))
    continued = b"\xff\xe1" + struct.pack(">H", 30_008) + b"Exif\0\0" + b"x" * 30_000
    large = exif_segment(orientation(3, 6, ">"), filling=60_000)

    assert is_turned(first, other)
    assert not is_turned(other, first)
    assert is_turned(first, without)
    assert is_turned(without, first)
    assert is_turned(large, continued)
    assert is_turned(exif_segment(orientation(3, 0, ">")), first)


def test_a_phones_second_picture_is_ignored() -> None:
    other = Image.new("RGB", (160, 120), "black")
    image = saved(scene(), "MPO", save_all=True, append_images=[other])
    assert b"MPF\0" in image

    assert np.array_equal(pixels(image), pixels(saved(scene(), "JPEG")))
