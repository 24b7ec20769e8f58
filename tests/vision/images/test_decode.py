"""Decoding: every kind of JPEG and PNG, every limit, and nothing but refusals for anything else."""

import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

from openrek.domain.errors import ImageTooLarge, InvalidImageFormat, InvalidParameter, Refusal
from openrek.vision.images.decode import decode
from tests.support import variants
from tests.vision.images.drawn import RGB, pixels, saved, scene


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


GREY = np.asarray(scene("L").convert("RGB")).astype(int)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "LA", "1", "I;16"])
def test_png_of_every_mode_gives_its_colours(mode: str) -> None:
    if mode == "I;16":
        image = saved(Image.fromarray(np.asarray(scene("L")).astype(np.uint16) * 257))
    else:
        drawn = {"P": scene().quantize(8), "RGB": scene(), "RGBA": scene("RGBA")}
        image = saved(drawn.get(mode) or scene("L").convert(mode))

    expected = {"1": np.asarray(scene("L").convert("1").convert("RGB")).astype(int)}.get(
        mode, RGB if mode in {"RGB", "RGBA", "P"} else GREY
    )
    assert np.abs(pixels(image) - expected).max() <= 1


@pytest.mark.parametrize(("bits", "colour_type", "row"), [
    (16, 2, b"\xff\xff\x00\x00\x80\x00" * 80), (16, 6, b"\xff\xff\x00\x00\x80\x00\xff\xff" * 80),
    (16, 0, b"\x80\xff" * 80), (2, 0, b"\xaa" * 20), (4, 0, b"\xaa" * 40),
])  # fmt: skip
def test_png_of_rare_depths(bits: int, colour_type: int, row: bytes) -> None:
    header = struct.pack(">IIBBBBB", 80, 80, bits, colour_type, 0, 0, 0)
    rows = zlib.compress((b"\0" + row) * 80)
    image = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")

    found = pixels(image)[40, 40].tolist()

    expected = {2: [255, 0, 128], 6: [255, 0, 128], 0: [0x80 if bits == 16 else 0xAA] * 3}[colour_type]
    assert found == expected


@pytest.mark.parametrize("kind", ["alpha", "palette", "colour key"])
def test_transparent_pixels_are_laid_on_white(kind: str) -> None:
    picture = scene("RGBA" if kind == "alpha" else "RGB")
    options: dict[str, object] = {}
    if kind == "alpha":
        picture.putalpha(Image.new("L", picture.size, 0))
    elif kind == "palette":
        picture = picture.quantize(8)
        options["transparency"] = bytes(8)
    else:
        options["transparency"] = (255, 0, 0)

    found = pixels(saved(picture, **options))

    assert found[5, 5].tolist() == [255, 255, 255]
    assert (found[5, 155].tolist() == [255, 255, 255]) == (kind != "colour key")


@pytest.mark.parametrize(("bits", "colour_type", "key", "row", "left", "right"), [
    (1, 0, b"\0\0", b"\0" * 5 + b"\xff" * 5, 255, 255), (1, 0, b"\0\1", b"\0" * 5 + b"\xff" * 5, 0, 255),
    (2, 0, b"\0\1", b"\x55" * 10 + b"\xaa" * 10, 255, 170), (4, 0, b"\0\5", b"\x55" * 20 + b"\xaa" * 20, 255, 170),
    (8, 0, b"\0\x12", b"\x12" * 40 + b"\x80" * 40, 255, 128),
    (16, 0, b"\x12\x34", b"\x12\x34" * 40 + b"\x12\x35" * 40, 255, 0x12),
    (8, 2, b"\0\x12" * 3, b"\x12" * 120 + b"\x80" * 120, 255, 128),
    (16, 2, b"\0\x12" * 3, b"\0\x12" * 120 + b"\x12\0" * 120, 0, 0x12),
])  # fmt: skip
def test_the_transparent_colour_of_every_depth_but_one_is_laid_on_white(
    bits: int, colour_type: int, key: bytes, row: bytes, left: int, right: int
) -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 80, 80, bits, colour_type, 0, 0, 0)) + chunk(b"tRNS", key)
    image = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress((b"\0" + row) * 80)) + chunk(b"IEND", b"")

    found = pixels(image)[40]

    assert (found[10].tolist(), found[70].tolist()) == ([left] * 3, [right] * 3)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"optimize": True}])
def test_jpeg_of_every_kind(options: dict[str, object]) -> None:
    assert np.abs(pixels(saved(scene(), "JPEG", quality=98, **options)) - RGB)[20:40, 20:60].max() <= 6


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_jpeg_in_grey_and_for_print(mode: str) -> None:
    image = saved(scene("L" if mode == "L" else "CMYK"), "JPEG", quality=98)

    found = pixels(image)

    assert found.shape == (120, 160, 3)
    assert np.abs(found - (GREY if mode == "L" else RGB))[20:40, 20:60].max() <= 6


def test_icc_profiles_and_comments_change_nothing() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    plain, tagged = saved(scene(), "JPEG"), saved(scene(), "JPEG", icc_profile=profile, comment=b"x" * 60_000)

    assert np.array_equal(pixels(plain), pixels(tagged))


def test_animated_png_gives_its_first_picture() -> None:
    image = saved(scene(), save_all=True, append_images=[Image.new("RGB", (160, 120))])
    assert b"acTL" in image

    assert np.array_equal(pixels(image), RGB)


def test_compressed_text_is_never_unpacked() -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("bomb", "0" * 80_000_000, zip=True)

    assert np.array_equal(pixels(saved(scene(), pnginfo=text)), RGB)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "BMP", "TIFF", "ICO", "PPM"])
def test_other_kinds_are_refused(kind: str) -> None:
    with pytest.raises(InvalidImageFormat) as refusal:
        decode(saved(scene(), kind))

    assert str(refusal.value) == "Request has invalid image format"


@pytest.mark.parametrize(
    "image", [b"", b"\xff\xd8", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"ftypheic" * 40, b"<svg/>"]
)
def test_what_is_no_image_is_refused(image: bytes) -> None:
    with pytest.raises(InvalidImageFormat):
        decode(image)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 0.8, 0.97])
def test_truncated_files_are_refused(photos: dict[str, bytes], kind: str, share: float) -> None:
    image = photos["astronaut.png" if kind == "PNG" else "obama.jpg"]

    with pytest.raises(InvalidImageFormat):
        decode(image[: int(len(image) * share)])


@pytest.mark.parametrize("size", [(79, 200), (200, 79), (1, 1)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_too_small_is_refused(size: tuple[int, int], kind: str) -> None:
    with pytest.raises(InvalidParameter) as refusal:
        decode(saved(Image.new("RGB", size), kind))

    assert str(refusal.value) == "Request has invalid parameters"
    assert refusal.value.reason == f"The image is {size[0]} x {size[1]} pixels; each side needs at least 80."


@pytest.mark.parametrize(("size", "megapixels"), [((30_000, 30_000), 900), ((10_001, 10_000), 101),
    ((80, 2**31 - 1), 171_799)])  # fmt: skip
def test_too_large_is_refused_before_any_pixel(size: tuple[int, int], megapixels: int) -> None:
    bomb = variants.png_header(*size)
    started = time.process_time()

    with pytest.raises(ImageTooLarge) as refusal:
        decode(bomb)

    assert time.process_time() - started < 0.1
    assert str(refusal.value) == "Image size is too large"
    assert refusal.value.reason == f"The image has {megapixels} megapixels; 100 are allowed."


@pytest.mark.parametrize("size", [(10_001, 80), (80, 10_001)])
def test_an_operation_may_limit_the_sides(size: tuple[int, int]) -> None:
    image = saved(Image.new("1", size))
    assert decode(image).image.size == size

    with pytest.raises(ImageTooLarge) as refusal:
        decode(image, most_side_px=10_000)

    expected = f"Input image dimensions {size[0]} x {size[1]} exceed maximum dimension size of 10000 pixels"
    assert str(refusal.value) == expected


SCAN, COMMENT, END = b"\xff\xda", b"\xff\xfe", b"\xff\xd9"


def scans_again(scans: int, between: bytes = b"") -> bytes:
    """A progressive JPEG with its last scan put there `scans` times."""
    image = saved(scene(), "JPEG", progressive=True)
    last = image.rindex(SCAN)
    return image[:last] + (image[last:-2] + between) * scans + END


def refusal(image: bytes) -> str:
    with pytest.raises(InvalidImageFormat) as refused:
        decode(image)
    return refused.value.reason or ""


def test_scans_without_end_are_refused() -> None:
    """Each is a pass over the whole picture, however few its bytes."""
    few = saved(scene(), "JPEG", progressive=True).count(SCAN)
    assert decode(scans_again(100 - few + 1)).image.size == (160, 120)
    assert "it has 101 scans, and one of its size at most 100" in refusal(scans_again(100 - few + 2))
    hidden = COMMENT + b"\0\4" + END
    assert "it has 201 scans" in refusal(scans_again(200 - few + 2, hidden))


def test_large_pictures_may_have_fewer_scans() -> None:
    size_at = saved(scene(), "JPEG", progressive=True).index(b"\xff\xc2") + 5
    few = saved(scene(), "JPEG", progressive=True).count(SCAN)
    image = bytearray(scans_again(21 - few + 1))
    image[size_at : size_at + 4] = struct.pack(">HH", 10_000, 10_000)
    assert "it has 21 scans, and one of its size at most 20" in refusal(bytes(image))


def test_what_follows_a_picture_is_not_looked_at() -> None:
    image = saved(scene(), "JPEG", progressive=True)
    assert np.array_equal(pixels(image + SCAN * 5000), pixels(image))


@pytest.mark.parametrize("before", [True, False])
def test_segments_without_end_are_refused(before: bool) -> None:
    image = saved(scene(), "JPEG")
    at = 2 if before else len(image) - 2
    assert "more than 10000 segments" in refusal(image[:at] + (COMMENT + b"\0\2") * 10_000 + image[at:])


@pytest.mark.parametrize("filling", [b"\xff", b"\xff\0", b"\xff\xff\0"])
def test_filling_before_a_segment_is_passed_over(filling: bytes) -> None:
    image = saved(scene(), "JPEG")
    assert np.array_equal(pixels(image[:2] + filling * 100_000 + image[2:]), pixels(image))


def test_png_chunks_without_end_are_refused() -> None:
    image = saved(scene())
    few = image.count(b"IDAT") + 2
    whole = image[:33] + chunk(b"abCd", b"") * (10_000 - few) + image[33:]
    assert np.array_equal(pixels(whole), pixels(image))
    assert "more than 10000 chunks" in refusal(image[:33] + chunk(b"abCd", b"") * (10_001 - few) + image[33:])


@pytest.mark.parametrize("frame", [b"\xff\xc3", b"\xff\xc9", b"\xff\xca"])
def test_jpeg_that_is_not_coded_as_usual_is_refused(frame: bytes) -> None:
    assert "neither baseline nor progressive" in refusal(saved(scene(), "JPEG").replace(b"\xff\xc0", frame, 1))


def test_a_png_that_promises_more_than_it_holds_is_refused() -> None:
    with pytest.raises(InvalidImageFormat):
        decode(variants.png_header(3000, 3000))


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize(("size", "left"), [((3999, 400), 3999), ((4000, 2000), 2000), ((8001, 4000), 2001),
    ((8000, 3999), 4000), ((9900, 720), 9900), ((20_000, 800), 10_000)])  # fmt: skip
def test_large_pictures_are_scaled_while_decoding(kind: str, size: tuple[int, int], left: int) -> None:
    """By 2 or 4, if 2000 pixels of the longest side and 2 megapixels are left."""
    upright = decode(saved(scene(size=size), kind))

    assert (upright.width_px, upright.height_px) == size
    assert upright.image.width == left
    found = np.asarray(upright.image).astype(int)
    height, width = found.shape[:2]
    assert np.abs(found[height // 4, width // 4] - (255, 0, 0)).max() <= 6
    assert np.abs(found[height * 3 // 4, width // 4] - (0, 0, 255)).max() <= 6
    assert np.abs(found[height * 3 // 4, width * 3 // 4] - (255, 255, 255)).max() <= 6


@pytest.mark.parametrize(("size", "most_mb"), [((9000, 4000), 25), ((4000, 9000), 25), ((4000, 3900), 35)])
def test_a_large_jpeg_is_never_held_in_full(tmp_path: Path, size: tuple[int, int], most_mb: int) -> None:
    """In full it would take 144 or 62 MB: 4 bytes a pixel. Scaled while it is decoded, a 16th or a quarter of that."""
    (tmp_path / "large.jpg").write_bytes(saved(scene(size=size), "JPEG"))
    code = f"""
import io, pathlib
from openrek.vision.images.decode import decode
def peak_mb():
    return int(pathlib.Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
def used_mb():
    return int(pathlib.Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]) / 1024
image = pathlib.Path({str(tmp_path / "large.jpg")!r}).read_bytes()
before = used_mb()
upright = decode(image)
print(peak_mb() - before, *upright.image.size)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    grown_mb, width, height = map(float, done.stdout.split())
    by = 4 if max(size) >= 8000 else 2
    assert (width, height) == (size[0] / by, size[1] / by)
    assert size[0] * size[1] * 4 / by**2 / 1e6 / 2 < grown_mb < most_mb


@pytest.mark.parametrize("mode", ["RGBA", "P", "L"])
def test_large_png_of_other_modes(mode: str) -> None:
    found = pixels(saved(scene(mode, size=(4100, 2000))))

    assert found.shape == (1000, 2050, 3)
    assert found[970, 2000].tolist() == [255, 255, 255]


SAMPLES = [
    saved(scene(), "JPEG"), saved(scene(), "JPEG", progressive=True), saved(scene("CMYK"), "JPEG"), saved(scene()),
    saved(scene("RGBA")), saved(scene("P")), saved(scene("1")), variants.oriented(saved(scene()), 6),
]  # fmt: skip


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_whatever_the_bytes_only_refusals_are_raised(data: st.DataObject) -> None:
    image = bytearray(data.draw(st.sampled_from(SAMPLES)))
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(image) - 1))
        change = data.draw(st.sampled_from(["byte", "cut", "repeat", "insert"]))
        if change == "byte":
            image[place] = data.draw(st.integers(0, 255))
        elif change == "cut":
            del image[place : place + data.draw(st.integers(1, 40))]
        elif change == "repeat":
            image[place:place] = image[place : place + data.draw(st.integers(1, 400))]
        else:
            image[place:place] = data.draw(st.binary(max_size=20))
        if not image:
            return
    try:
        upright = decode(bytes(image))
    except Refusal:
        return
    assert upright.image.mode == "RGB"


@given(st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"]), st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_arbitrary_bytes_are_refused(start: bytes, rest: bytes) -> None:
    with pytest.raises(Refusal):
        decode(start + rest)


def test_a_png_of_colours_without_a_palette_is_refused() -> None:
    content = saved(Image.effect_noise((300, 100), 80).convert("P"), "PNG", transparency=0)
    at = content.index(b"PLTE") - 4
    end = at + int.from_bytes(content[at : at + 4], "big") + 12
    with pytest.raises(InvalidImageFormat) as told:
        decode(content[:at] + content[end:])
    assert "no palette" in (told.value.reason or "")
