"""Local buckets: objects are found, and nothing else can be reached."""

import os
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrek.domain.errors import ImageTooLarge, InvalidS3Object, Refusal
from openrek.runtime.buckets.folder import MAX_OBJECT_BYTES, FolderBuckets


@pytest.fixture
def home(tmp_path: Path) -> Path:
    bucket = tmp_path / "buckets" / "photos"
    (bucket / "2024").mkdir(parents=True)
    (bucket / "me.jpg").write_bytes(b"me")
    (bucket / "2024" / "you é.jpg").write_bytes(b"you")
    (tmp_path / "secret.txt").write_bytes(b"secret")
    return tmp_path / "buckets"


@pytest.mark.parametrize(("key", "content"), [("me.jpg", b"me"), ("2024/you é.jpg", b"you")])
@pytest.mark.parametrize("version", [None, "null"])
def test_reads_an_object(home: Path, key: str, content: bytes, version: str | None) -> None:
    assert FolderBuckets(home).read("photos", key, version) == content


@pytest.mark.parametrize(
    ("bucket", "key"),
    [
        ("photos", "missing.jpg"),
        ("nobucket", "me.jpg"),
        ("photos", "2024"),
        ("photos", "../../secret.txt"),
        ("photos", "2024/../me.jpg"),
        ("..", "secret.txt"),
        (".", "photos/me.jpg"),
        ("photos/2024", "you.jpg"),
        ("photos", "/etc/passwd"),
        ("photos", "./me.jpg"),
        ("photos", "2024//you.jpg"),
        ("photos", "me.jpg/"),
        ("photos", "me.jpg\0"),
        ("photos", "..\\secret.txt"),
        ("photos", "x" * 1024),
        ("x" * 255, "me.jpg"),
        ("photos", "\ud800"),
        ("photos", ""),
        ("", "me.jpg"),
    ],
)
def test_refuses_what_is_not_an_object(home: Path, bucket: str, key: str) -> None:
    with pytest.raises(InvalidS3Object) as refusal:
        FolderBuckets(home).read(bucket, key, None)
    assert refusal.value.reason


def test_refuses_a_version(home: Path) -> None:
    with pytest.raises(InvalidS3Object):
        FolderBuckets(home).read("photos", "me.jpg", "3/L4kqtJlcpXroDTDmJ")


def test_a_link_inside_is_followed_and_one_that_leaves_is_not(home: Path) -> None:
    (home / "photos" / "alias.jpg").symlink_to(home / "photos" / "me.jpg")
    (home / "photos" / "leak.txt").symlink_to(home.parent / "secret.txt")
    (home / "outside").symlink_to(home.parent)
    (home / "photos" / "loop").symlink_to(home / "photos" / "loop")
    buckets = FolderBuckets(home)
    assert buckets.read("photos", "alias.jpg", None) == b"me"
    for bucket, key in [("photos", "leak.txt"), ("outside", "secret.txt"), ("photos", "loop")]:
        with pytest.raises(InvalidS3Object):
            buckets.read(bucket, key, None)


@pytest.mark.parametrize("absolute", [True, False])
def test_a_link_to_another_bucket_is_not_followed(home: Path, absolute: bool) -> None:
    """A key may be allowed one bucket, and not the other."""
    (home / "secret" / "2024").mkdir(parents=True)
    (home / "secret" / "other.jpg").write_bytes(b"other")
    top = home if absolute else Path("..")
    (home / "photos" / "other.jpg").symlink_to(top / "secret" / "other.jpg")
    (home / "photos" / "folder").symlink_to(top / "secret")
    (home / "photos" / "around.jpg").symlink_to("../secret/back/me.jpg")
    (home / "secret" / "back").symlink_to(home / "photos")
    (home / "twin").symlink_to(home / "secret" if absolute else "secret")
    (home / "photos" / "year").symlink_to("2024")
    (home / "photos" / "year" / "up.jpg").symlink_to("../me.jpg")
    buckets = FolderBuckets(home)

    for bucket, key in [("photos", "other.jpg"), ("photos", "folder/other.jpg"), ("twin", "other.jpg")]:
        with pytest.raises(InvalidS3Object) as refusal:
            buckets.read(bucket, key, None)
        assert refusal.value.reason == "The key is a link that leaves the bucket, or the bucket is a link itself."
    assert buckets.read("photos", "year/you é.jpg", None) == b"you"
    assert buckets.read("photos", "year/up.jpg", None) == b"me"
    assert buckets.read("photos", "around.jpg", None) == b"me"


def test_a_link_that_comes_while_a_key_is_looked_up_is_not_followed(home: Path) -> None:
    """A folder and a link take turns in one place, as fast as they can."""
    (home / "secret").mkdir()
    (home / "secret" / "you é.jpg").write_bytes(b"secret")
    (home / "photos" / "link").symlink_to(home / "secret")
    turning, read = Event(), set()

    def turn() -> None:
        year, link, aside = (home / "photos" / name for name in ("2024", "link", "aside"))
        while not turning.is_set():
            for old, new in ((year, aside), (link, year), (year, link), (aside, year)):
                old.rename(new)

    thread = Thread(target=turn)
    thread.start()
    for _ in range(4000):
        with suppress(InvalidS3Object):
            read.add(FolderBuckets(home).read("photos", "2024/you é.jpg", None))
    turning.set()
    thread.join()
    assert read == {b"you"}


def test_no_handle_stays_open(home: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    for key in ("me.jpg", "2024/you é.jpg", "missing", "2024/missing", "me.jpg/below"):
        with suppress(InvalidS3Object):
            FolderBuckets(home).read("photos", key, None)
    assert len(os.listdir("/dev/fd")) == before


def test_a_fifo_holds_nobody(home: Path) -> None:
    os.mkfifo(home / "photos" / "pipe.jpg")
    with pytest.raises(InvalidS3Object):
        FolderBuckets(home).read("photos", "pipe.jpg", None)


def test_size_is_checked_before_the_bytes_are_read(home: Path) -> None:
    for name, size in [("fits", MAX_OBJECT_BYTES), ("over", MAX_OBJECT_BYTES + 1)]:
        with (home / "photos" / name).open("wb") as file:
            file.truncate(size)
    buckets = FolderBuckets(home)
    assert len(buckets.read("photos", "fits", None)) == MAX_OBJECT_BYTES
    with pytest.raises(ImageTooLarge):
        buckets.read("photos", "over", None)


@given(bucket=st.text(max_size=20), key=st.text(max_size=60))
def test_no_name_reads_anything_outside(tmp_path_factory: pytest.TempPathFactory, bucket: str, key: str) -> None:
    home = tmp_path_factory.getbasetemp() / "empty-buckets"
    home.mkdir(exist_ok=True)
    with pytest.raises(Refusal):
        FolderBuckets(home).read(bucket, key, None)
