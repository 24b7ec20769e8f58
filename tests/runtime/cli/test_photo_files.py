"""Photos as the API takes them: untouched where they fit, smaller where they do not."""

import io
import os
import random
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageStat

from openrek.domain.errors import ImageTooLarge
from openrek.runtime.cli.photo_files import MAX_BYTES, UnreadablePhoto, find_photos, fit, pixels, read_named
from openrek.vision.images.decode import decode
from tests.support.variants import DAMAGED_EXIF, ORIENTATION, TURNED, jpeg, png, png_header, saved, with_exif


def noise(width: int, height: int, kind: str, mode: str = "RGB") -> bytes:
    pixels = random.Random(1).randbytes(width * height * len(mode))
    return saved(Image.frombytes(mode, (width, height), pixels), kind, quality=97)


def test_a_photo_that_fits_is_sent_as_it_is() -> None:
    content = noise(100, 100, "JPEG")
    sent = fit(content)
    assert (sent.image, sent.shrunk) == (content, False)


@pytest.mark.parametrize(("kind", "mode"), [("JPEG", "RGB"), ("PNG", "RGB"), ("PNG", "RGBA")])
def test_a_large_photo_is_sent_smaller(kind: str, mode: str) -> None:
    content = noise(2400, 1800, kind, mode)
    assert len(content) > MAX_BYTES
    sent = fit(content)
    assert sent.shrunk
    assert len(sent.image) <= MAX_BYTES
    with Image.open(io.BytesIO(sent.image)) as photo:
        assert photo.format == "JPEG"
        assert photo.width / photo.height == pytest.approx(4 / 3, rel=0.01)


def test_a_long_photo_is_sent_smaller_whatever_its_bytes() -> None:
    content = saved(Image.new("RGB", (12_000, 1200), "white"), "PNG")
    assert not fit(content).shrunk
    with Image.open(io.BytesIO(fit(content, 10_000).image)) as photo:
        assert max(photo.size) <= 10_000
    assert not fit(content, 12_000).shrunk


def test_a_png_that_the_server_would_not_unpack_is_sent_smaller() -> None:
    content = png((7100, 7100), 8, 2, [b"\0" + bytes(3 * 7100)] * 7100)
    assert len(content) < MAX_BYTES
    with pytest.raises(ImageTooLarge):
        decode(content)
    assert decode(fit(content).image).width_px == 4096


@pytest.mark.parametrize(("kind", "turned"), [("JPEG", True), ("PNG", False)])
def test_a_turned_jpeg_stays_upright_and_a_png_is_never_turned_just_as_on_the_server(kind: str, turned: bool) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    content = saved(Image.new("RGB", (12_000, 1200), "white"), kind, exif=exif)
    with Image.open(io.BytesIO(fit(content, 10_000).image)) as photo:
        assert (photo.height > photo.width) is turned


@pytest.mark.parametrize("error", DAMAGED_EXIF)
def test_a_photo_with_damaged_exif_is_sent_smaller_and_upright(error: str) -> None:
    content = with_exif(jpeg(Image.new("RGB", (12_000, 1200))), TURNED, DAMAGED_EXIF[error])
    with Image.open(io.BytesIO(fit(content, 10_000).image)) as photo:
        assert photo.height > photo.width
    assert pixels(content).size == (1200, 12_000)


def test_what_is_no_photo_is_left_to_the_server_while_it_fits() -> None:
    assert not fit(b"hello").shrunk
    with pytest.raises(UnreadablePhoto, match="neither a JPEG nor a PNG"):
        fit(b"x" * (MAX_BYTES + 1))


def test_a_large_damaged_photo_is_refused() -> None:
    for kind in ("PNG", "JPEG"):
        content = noise(2400, 1800, kind)
        assert len(content) > MAX_BYTES + 1000
        with pytest.raises(UnreadablePhoto, match=r"larger than (5 MiB|the API takes), and .*damaged"):
            fit(content[: MAX_BYTES + 1000])


def test_a_large_png_without_its_palette_is_refused() -> None:
    """Check a PNG for which Pillow fails with an AssertionError."""
    content = saved(Image.effect_noise((12_000, 100), 80).convert("P"), "PNG", transparency=0)
    at = content.index(b"PLTE") - 4
    length = int.from_bytes(content[at : at + 4], "big") + 12
    with pytest.raises(UnreadablePhoto, match="damaged"):
        fit(content[:at] + content[at + length :], 10_000)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_small_damaged_photo_is_left_to_the_server(kind: str) -> None:
    content = noise(100, 100, kind)
    for length in (12, 100, 160, 165, 620, 5000):
        assert fit(content[:length]).image == content[:length]


def test_too_many_pixels_are_refused_before_any_is_read() -> None:
    with pytest.raises(UnreadablePhoto, match="too many pixels"):
        fit(png_header(20_000, 20_000))


SAMPLES = [
    jpeg(Image.effect_noise((120, 90), 80).convert("RGB")),
    jpeg(Image.effect_noise((120, 90), 80).convert("CMYK")),
    saved(Image.effect_noise((120, 90), 80).convert("RGBA"), "PNG"),
    saved(Image.effect_noise((120, 90), 80).convert("P"), "PNG", transparency=0),
]


@given(st.data())
@settings(max_examples=200)
def test_whatever_the_bytes_only_one_error_is_raised(data: st.DataObject) -> None:
    """Make the photo's sides larger than the API takes, so that it has to be made smaller."""
    image = bytearray(data.draw(st.sampled_from(SAMPLES)))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(image) - 1))
        image[place : place + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
        if not image:
            return
    for door in (lambda content: fit(content + b"\0" * MAX_BYTES), pixels):
        with suppress(UnreadablePhoto):
            door(bytes(image))


def test_what_a_person_names_may_be_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = Thread(target=(tmp_path / "pipe").write_bytes, args=(b"photo",))
    writer.start()
    assert read_named(tmp_path / "pipe") == b"photo"
    writer.join()
    with pytest.raises(UnreadablePhoto, match="larger than 256 MiB"):
        read_named(Path("/dev/zero"))


def test_photos_are_found_by_their_suffix_in_all_folders(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "c/d.jpeg", "c/e.gif", "notes.txt", "c/f/g.jpe"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    (tmp_path / "around").symlink_to(tmp_path)
    unreadable: list[OSError] = []
    found = [path.relative_to(tmp_path).as_posix() for path in find_photos(tmp_path, unreadable.append)]
    assert found == ["a.png", "b.JPG", "c/d.jpeg", "c/f/g.jpe"]
    assert unreadable == []


def test_pixels_are_those_that_the_server_sees(photos: dict[str, bytes]) -> None:
    """A JPEG without its end, and a PNG of 16 bits in grey, which Pillow alone makes all white."""
    cut = photos["obama.jpg"][:-2]
    assert pixels(cut).tobytes() == decode(photos["obama.jpg"]).image.tobytes()
    grey = png((100, 100), 16, 0, [b"\0" + bytes([40, 0] * 100)] * 100)
    assert set(pixels(grey).tobytes()) == {40}


def test_a_large_grey_photo_of_16_bits_keeps_its_greys() -> None:
    content = png((2600, 1200), 16, 0, [b"\0" + random.Random(row).randbytes(2 * 2600) for row in range(1200)])
    assert len(content) > MAX_BYTES
    with Image.open(io.BytesIO(fit(content).image)) as photo:
        assert ImageStat.Stat(photo).mean == pytest.approx([127.5] * 3, abs=3)
