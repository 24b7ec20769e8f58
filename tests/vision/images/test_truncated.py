"""Files whose end is missing: the whole picture where all its pixels are there, a refusal where one is not."""

import io

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from openrek.domain.errors import InvalidImageFormat
from openrek.vision.images.decode import decode
from openrek.vision.images.headers import read_header
from openrek.vision.images.truncated import CONTINUATIONS
from tests.support.variants import png

SIZE = 96, 80
END = b"\xff\xd9"


def drawn(mode: str = "RGB") -> Image.Image:
    """Slopes, and noise in the middle: flat parts are where a wrong continuation would not be seen."""
    across, down = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
    picture = np.stack([across * 2, down * 3, across + down], axis=2).astype(np.uint8)
    picture[20:60, 20:60] = np.random.default_rng(1).integers(0, 256, (40, 40, 3))
    return Image.fromarray(picture).convert(mode)


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def flat(mode: str) -> Image.Image:
    """A picture of the grey that libjpeg puts where data are missing."""
    return Image.new(mode, SIZE, 128 if mode == "L" else (128, 128, 128))


JPEGS = {
    "baseline": saved(drawn(), "JPEG", quality=60),
    "baseline, full colour": saved(drawn(), "JPEG", quality=90, subsampling=0),
    "progressive": saved(drawn(), "JPEG", quality=60, progressive=True),
    "grey": saved(drawn("L"), "JPEG", quality=30),
    "for print": saved(drawn("CMYK"), "JPEG", quality=50),
    "a restart at each block": saved(drawn(), "JPEG", quality=40, restart_marker_blocks=1),
    "a restart at each third block": saved(drawn(), "JPEG", quality=40, restart_marker_blocks=3),
    "progressive, a restart at each row": saved(
        drawn(), "JPEG", quality=40, progressive=True, restart_marker_rows=1
    ),
    "flat": saved(flat("RGB"), "JPEG"),
    "flat, restarts": saved(flat("RGB"), "JPEG", restart_marker_blocks=1),
    "flat, grey, progressive": saved(flat("L"), "JPEG", progressive=True),
}  # fmt: skip
PNGS = {mode: saved(drawn(mode), "PNG") for mode in ("RGB", "RGBA", "L", "1")} | {
    "palette": saved(drawn().quantize(16), "PNG")
}
LAST_CHUNK_BYTES, CHECKSUMS_BYTES = 12, 8
"""IEND, and what comes after the last row: the sums of the chunk and of the rows."""


def pixels(image: bytes) -> np.ndarray:
    return np.asarray(decode(image).image)


@given(st.sampled_from(sorted(JPEGS)), st.floats(0, 1), st.sampled_from([b"", b"\0\0", b"\xff", b"\xff\xfe\x10\0ab"]))
@settings(max_examples=600, deadline=None)
def test_a_jpeg_cut_anywhere_is_the_whole_picture_or_is_refused(name: str, share: float, rubbish: bytes) -> None:
    whole = JPEGS[name]
    end = int(share * len(whole))
    assume(rubbish != b"\0\0" or end >= len(whole) - 2)  # within the data such bytes are data, too
    cut = whole[:end] + rubbish
    try:
        found = pixels(cut)
    except InvalidImageFormat:
        return
    assert np.array_equal(found, pixels(whole))


@pytest.mark.parametrize("name", sorted(JPEGS))
def test_a_jpeg_cut_near_its_end_or_between_its_parts(name: str) -> None:
    """The places where a wrong rule would take half a picture: around each marker and in the last bytes."""
    whole = JPEGS[name]
    expected = pixels(whole)
    markers = [at for at in range(len(whole) - 1) if whole[at] == 0xFF and whole[at + 1] not in {0, 0xFF}]
    for cut in sorted({at + by for at in markers for by in range(5)} | set(range(len(whole) - 40, len(whole)))):
        try:
            found = pixels(whole[:cut])
        except InvalidImageFormat:
            assert cut < len(whole) - 2
        else:
            assert np.array_equal(found, expected), cut


@pytest.mark.parametrize("name", sorted(JPEGS))
@pytest.mark.parametrize("after", [b"", b"\xff", b"\0\0", b"\xff\xfe\x10\0abc", b"\xff\xd8", b"\xff\xff\xff"])
def test_a_jpeg_that_lacks_only_its_end_marker_is_read(name: str, after: bytes) -> None:
    assert np.array_equal(pixels(JPEGS[name].removesuffix(END) + after), pixels(JPEGS[name]))


def test_a_jpeg_that_is_scaled_while_it_is_decoded_may_lack_its_end_too() -> None:
    large = saved(drawn().resize((4800, 4000)), "JPEG", quality=30)

    assert np.array_equal(pixels(large[:-2]), pixels(large))
    with pytest.raises(InvalidImageFormat) as refusal:
        pixels(large[: len(large) * 9 // 10])
    assert str(refusal.value) == "Request has invalid image format"
    assert refusal.value.reason == "The JPEG is damaged or of a rare kind: it ends inside its pixels."


def test_a_progressive_jpeg_without_its_last_scan_is_refused() -> None:
    """It has all its rows, only blurred."""
    image = JPEGS["progressive"]

    with pytest.raises(InvalidImageFormat) as refusal:
        pixels(image[: image.rindex(b"\xff\xda")])

    assert "it ends before its last scan" in (refusal.value.reason or "")


def test_files_without_end_count_as_often_as_they_are_decoded() -> None:
    """So their work has the same bound."""
    image = JPEGS["progressive"]

    assert read_header(image).scans == image.count(b"\xff\xda")
    assert read_header(image[:-2]).scans == CONTINUATIONS * image.count(b"\xff\xda")


@given(st.sampled_from(sorted(PNGS)), st.floats(0, 1))
@example("RGB", 1.0)
@settings(max_examples=300, deadline=None)
def test_a_png_cut_anywhere_is_the_whole_picture_or_is_refused(name: str, share: float) -> None:
    whole = PNGS[name]
    cut = int(share * len(whole))
    try:
        found = pixels(whole[:cut])
    except InvalidImageFormat:
        assert cut < len(whole) - LAST_CHUNK_BYTES - CHECKSUMS_BYTES
    else:
        assert np.array_equal(found, pixels(whole))


@pytest.mark.parametrize("name", sorted(PNGS))
def test_a_png_whose_rows_are_all_there_is_read(name: str) -> None:
    whole = PNGS[name]
    for missing in range(1, LAST_CHUNK_BYTES + CHECKSUMS_BYTES + 1):
        assert np.array_equal(pixels(whole[:-missing]), pixels(whole))


def test_an_interlaced_png_without_its_last_chunk_is_read() -> None:
    whole = adam7()

    assert np.array_equal(pixels(whole[:-LAST_CHUNK_BYTES]), pixels(whole))
    with pytest.raises(InvalidImageFormat):
        pixels(whole[: len(whole) // 2])


def adam7() -> bytes:
    """Return a grey interlaced PNG of 80 x 80 pixels."""
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    grey = np.random.default_rng(2).integers(0, 256, (80, 80), np.uint8)
    rows = [b"\0" + row.tobytes() for left, top, across, down in passes for row in grey[top::down, left::across]]
    return png((80, 80), 8, 0, [b"".join(rows)], interlaced=True)
