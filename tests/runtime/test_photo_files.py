"""Photos as the API takes them: untouched where they fit, smaller where they do not."""

import io
import random
from pathlib import Path

import pytest
from PIL import Image

from openrek.runtime.photo_files import MAX_BYTES, UnreadablePhoto, find_photos, fit


def noise(width: int, height: int, kind: str, mode: str = "RGB") -> bytes:
    pixels = random.Random(1).randbytes(width * height * len(mode))
    out = io.BytesIO()
    Image.frombytes(mode, (width, height), pixels).save(out, kind, quality=97)
    return out.getvalue()


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
    out = io.BytesIO()
    Image.new("RGB", (12_000, 1200), "white").save(out, "PNG")
    with Image.open(io.BytesIO(fit(out.getvalue()).image)) as photo:
        assert max(photo.size) <= 10_000


def test_a_turned_photo_stays_upright() -> None:
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (12_000, 1200), "white").save(out, "JPEG", exif=exif)
    with Image.open(io.BytesIO(fit(out.getvalue()).image)) as photo:
        assert photo.height > photo.width


def test_what_is_no_photo_is_left_to_the_server_while_it_fits() -> None:
    assert not fit(b"hello").shrunk
    with pytest.raises(UnreadablePhoto, match="neither a JPEG nor a PNG"):
        fit(b"x" * (MAX_BYTES + 1))


def test_a_large_damaged_photo_is_refused() -> None:
    content = noise(2400, 1800, "PNG")
    with pytest.raises(UnreadablePhoto):
        fit(content[: MAX_BYTES + 1000])


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
