"""PNGs a band at a time: the pixels that Pillow gives for the whole, whatever the kind, in little memory and work."""

import itertools
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from openrek.domain.errors import ImageTooLarge, InvalidImageFormat
from openrek.vision.images import png_rows
from openrek.vision.images.decode import MOST_INTERLACED_PX, MOST_PNG_BYTES, decode
from openrek.vision.images.headers import read_header
from openrek.vision.images.pillow import opened
from tests.support.variants import png

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
KINDS = [(bits, 0) for bits in (1, 2, 4, 8, 16)] + [(bits, 3) for bits in (1, 2, 4, 8)] + [
    (bits, colour) for colour in (2, 4, 6) for bits in (8, 16)
]  # fmt: skip
"""Every depth and colour type that the format has."""

TRANSPARENT = {0: b"\0\1", 2: b"\0\1\0\2\0\3", 3: bytes(range(0, 240, 60))}


def row_bytes(width: int, bits: int, colour: int) -> int:
    return -(-width * bits * CHANNELS[colour] // 8)


@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize(("bits", "colour"), KINDS)
@given(
    size=st.tuples(st.integers(80, 100), st.integers(80, 100)),
    seed=st.integers(0, 1 << 32),
    filters=st.sampled_from([b"\0\1\2\3\4", b"\4", b"\3", b"\2"]),
    idat_bytes=st.sampled_from([100, 70_000, 1 << 30]),
    band_px=st.sampled_from([1, 1000, 1 << 19]),
)
@settings(max_examples=15, deadline=None)
def test_bands_are_the_picture_that_pillow_gives_whole(
    bits: int,
    colour: int,
    transparent: bool,
    size: tuple[int, int],
    seed: int,
    filters: bytes,
    idat_bytes: int,
    band_px: int,
) -> None:
    """Any bytes after any filters are a picture."""
    rng = random.Random(seed)
    width, height = size
    rows = [bytes([rng.choice(filters)]) + rng.randbytes(row_bytes(width, bits, colour)) for _ in range(height)]
    file = png(
        size,
        bits,
        colour,
        rows,
        palette=rng.randbytes(3 << bits) if colour == 3 else b"",
        transparent=TRANSPARENT.get(colour, b"") if transparent else b"",
        idat_bytes=idat_bytes,
    )
    header = read_header(file)
    picture = opened(header)

    bands = list(png_rows.bands(header, picture, band_px))

    whole = opened(header)
    whole.load()
    assert [band.height % 4 for band in bands[:-1]] == [0] * (len(bands) - 1)
    found = Image.new(whole.mode, whole.size)
    top = 0
    for band in bands:
        found.paste(band.convert(whole.mode) if band.mode == "LA" != whole.mode else band, (0, top))
        top += band.height
        assert band.info.get("transparency") == whole.info.get("transparency")
        assert band.getpalette() == whole.getpalette()
    assert top == height
    assert found.tobytes() == whole.tobytes()


def test_pixels_end_with_the_first_run_of_their_chunks() -> None:
    row = b"\0" + bytes(80)
    whole = png((80, 80), 8, 0, [row] * 80, idat_bytes=10)
    second = whole.index(b"IDAT", whole.index(b"IDAT") + 4) - 4
    between = whole[:second] + png((80, 80), 8, 0, [], transparent=b"\0\0")[33:47] + whole[second:]

    assert decode(whole).image.size == (80, 80)
    for damaged in (between, png((80, 80), 8, 0, [row] * 79), png((80, 80), 8, 0, [b"\5" + row[1:], *[row] * 79])):
        with pytest.raises(InvalidImageFormat):
            decode(damaged)


@pytest.mark.parametrize(("bits", "colour", "megapixels"), [
    (8, 2, 50), (16, 2, 25), (8, 6, 37), (16, 6, 18), (8, 4, 75), (16, 4, 37), (16, 0, 75),
])  # fmt: skip
def test_what_unpacks_to_too_much_is_refused_before_any_pixel(bits: int, colour: int, megapixels: int) -> None:
    """The work is counted in bytes that are inflated: each costs the same."""
    height = 10_000
    fits = MOST_PNG_BYTES // height * 8 // (bits * CHANNELS[colour])
    assert fits * height // 1_000_000 == megapixels

    with pytest.raises(ImageTooLarge) as refusal:
        decode(png((fits + 1, height), bits, colour, []))
    assert refusal.value.reason == "The PNG is 151 MB unpacked; 150 are allowed."
    with pytest.raises(InvalidImageFormat):
        decode(png((fits, height), bits, colour, []))


@pytest.mark.parametrize(("bits", "colour"), KINDS)
def test_interlaced_ones_are_held_whole_and_so_may_have_fewer_pixels(bits: int, colour: int) -> None:
    side = 4000
    assert side * side == MOST_INTERLACED_PX

    with pytest.raises(ImageTooLarge) as refusal:
        decode(png((side, side + 1), bits, colour, [], palette=b"123", interlaced=True))
    assert refusal.value.reason == "The PNG has 4000 x 4001 pixels; 16 megapixels are allowed in an interlaced one."
    with pytest.raises(InvalidImageFormat):
        decode(png((side, side), bits, colour, [], palette=b"123", interlaced=True))


DECODED = """
import pathlib, sys
from openrek.vision.images.decode import decode
def mb(what):
    return int(pathlib.Path("/proc/self/status").read_text().split(what + ":")[1].split()[0]) * 1024 / 1e6
image = pathlib.Path(sys.argv[1]).read_bytes()
before = mb("VmRSS")
upright = decode(image)
print(mb("VmHWM") - before, *upright.image.size)
"""


@pytest.mark.parametrize(("bits", "colour", "size", "left", "interlaced"), [
    (8, 2, (7070, 7070), 3535, False), (8, 6, (9990, 3700), 2498, False), (16, 6, (4300, 4300), 2150, False),
    (16, 2, (9990, 2500), 4995, False), (8, 0, (10_000, 10_000), 2500, False), (1, 0, (10_000, 10_000), 2500, False),
    (16, 0, (8600, 8600), 2150, False), (8, 3, (10_000, 10_000), 2500, False), (8, 4, (7999, 7999), 4000, False),
    (8, 6, (3999, 3999), 3999, False), (16, 6, (3999, 3999), 3999, False), (16, 6, (3999, 3999), 3999, True),
    (8, 2, (3999, 3999), 3999, True), (16, 0, (4000, 4000), 2000, True),
])  # fmt: skip
def test_no_more_memory_than_the_decoded_picture_takes(
    tmp_path: Path, bits: int, colour: int, size: tuple[int, int], left: int, interlaced: bool
) -> None:
    """The largest of each kind: whole they would take up to 400 MB, of a file of a few hundred kilobytes."""
    width, height = size
    rows = itertools.repeat(b"\4" + bytes(row_bytes(width, bits, colour)), height)
    if interlaced:  # seven pictures of one seventh of the pixels or so; their rows are as many bytes together
        rows = [bytes(sum(len(row) for row in rows) + 8 * 2 * height)]
    (tmp_path / "large.png").write_bytes(
        png(size, bits, colour, rows, palette=bytes(768) if colour == 3 else b"", interlaced=interlaced)
    )
    command = [sys.executable, "-c", DECODED, str(tmp_path / "large.png")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    grown_mb, found_width, found_height = map(float, done.stdout.split())
    assert found_width == left
    bands_mb = 30
    held_mb = width * height * 4 / 1e6 if interlaced and (bits, colour) != (8, 2) else 0
    assert grown_mb < found_width * found_height * 4 / 1e6 + bands_mb + held_mb
    assert grown_mb < (128 if interlaced else 64) + bands_mb
