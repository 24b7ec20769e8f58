"""Local buckets: objects are found, and nothing else can be reached."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrek.domain.errors import ImageTooLarge, InvalidS3Object, Refusal
from openrek.runtime.folder_buckets import MAX_OBJECT_BYTES, FolderBuckets


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
