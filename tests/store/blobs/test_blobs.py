"""What every adapter of the Blobs port does. A further adapter is one more row of ADAPTERS."""

import multiprocessing
import os
import signal
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from openrek.store.blobs.folder import LARGE_BYTES, FolderBlobs
from openrek.store.blobs.port import BlobExists, BlobMissing, Blobs
from tests.store.workers import put_blobs, put_the_same_blob

ADAPTERS: dict[str, Callable[[pytest.FixtureRequest], Blobs]] = {
    "folder": lambda request: FolderBlobs(request.getfixturevalue("tmp_path") / "blobs"),
    "s3": lambda request: request.getfixturevalue("aws").blobs(part_bytes=100_000),
}


@pytest.fixture(params=sorted(ADAPTERS))
def blobs(request: pytest.FixtureRequest) -> Blobs:
    return ADAPTERS[request.param](request)


@pytest.mark.parametrize("content", [b"", b"x", bytes(range(256)) * 5000])
def test_what_was_put_comes_back(blobs: Blobs, content: bytes) -> None:
    blobs.put("a/b-1.seg", content)

    assert blobs.get("a/b-1.seg") == content
    assert bytes(blobs.open("a/b-1.seg")) == content


def test_ranges(blobs: Blobs) -> None:
    blobs.put("blob", b"0123456789")

    assert blobs.get("blob", start=3) == b"3456789"
    assert blobs.get("blob", start=3, length=4) == b"3456"
    assert blobs.get("blob", length=2) == b"01"
    assert blobs.get("blob", start=8, length=100) == b"89"
    assert blobs.get("blob", start=2, length=0) == b""
    assert blobs.get("blob", start=10) == b""
    assert blobs.get("blob", start=11, length=5) == b""
    assert blobs.get("blob", length=0) == b""


def test_a_blob_is_never_overwritten(blobs: Blobs) -> None:
    blobs.put("blob", b"first")

    with pytest.raises(BlobExists):
        blobs.put("blob", b"second")
    assert blobs.get("blob") == b"first"


def test_of_several_writers_of_one_name_one_wins(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path / "blobs")
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        won = pool.starmap(put_the_same_blob, [(tmp_path / "blobs", n) for n in range(4)], chunksize=1)

    assert sum(won) == 1
    assert blobs.get("same") == b"%d" % won.index(True) * 100_000


def test_an_opened_blob_is_one_read_only_buffer(blobs: Blobs) -> None:
    blobs.put("blob", b"0123456789")

    view = memoryview(blobs.open("blob"))

    assert view.readonly
    assert bytes(view[3:5]) == b"34"


def test_missing_and_deleted(blobs: Blobs) -> None:
    blobs.put("a/b", b"x")
    for name in ("nothing", "a", "a/c", "a/b/c"):
        for missing in (blobs.get, blobs.open, lambda name: blobs.get(name, start=1, length=0)):
            with pytest.raises(BlobMissing):
                missing(name)
        blobs.delete(name)

    blobs.delete("a/b")
    blobs.delete("a/b")

    with pytest.raises(BlobMissing):
        blobs.get("a/b")
    assert list(blobs.names()) == []
    blobs.put("a/b", b"again")
    assert blobs.get("a/b") == b"again"


def test_names_are_sorted_and_filtered_by_prefix(blobs: Blobs) -> None:
    names = ["b", "a/2", "a/10", "ab/1", "a/1/x", "a-1"]
    for name in names:
        blobs.put(name, b"")

    assert list(blobs.names()) == sorted(names)
    assert list(blobs.names("a/1")) == ["a/1/x", "a/10"]
    assert list(blobs.names("a")) == ["a-1", "a/1/x", "a/10", "a/2", "ab/1"]
    assert list(blobs.names("a/")) == ["a/1/x", "a/10", "a/2"]
    assert list(blobs.names("a/1/")) == ["a/1/x"]
    for nothing in ("c", "c/", "a/2/", "a/1/x/y", "../", "/", "a//"):
        assert list(blobs.names(nothing)) == []


FLAT_TRICKS = ["", ".", "..", ".hidden", "A", "a b", "a\n", "a\0b", "a\\b", "ä", "~", "c:x", "%2e%2e"]
PATH_TRICKS = ["../x", "a/../b", "a/..", "/etc/passwd", "a//b", "a/", "/a", "a/.b", ".aside/x"]


@pytest.mark.parametrize("name", [*FLAT_TRICKS, *PATH_TRICKS])
def test_path_tricks_are_refused(blobs: Blobs, tmp_path: Path, name: str) -> None:
    (tmp_path / "x").write_bytes(b"outside")
    for use in (lambda: blobs.put(name, b""), lambda: blobs.get(name), lambda: blobs.delete(name)):
        with pytest.raises(ValueError, match="not a blob name"):
            use()
    assert (tmp_path / "x").read_bytes() == b"outside"


def test_a_folder_keeps_what_is_not_a_blob_to_itself(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)
    blobs.put("a", b"")
    (tmp_path / ".DS_Store").write_bytes(b"")
    (tmp_path / "README.txt").write_bytes(b"")

    assert list(blobs.names()) == ["a"]


@pytest.mark.parametrize("size", [1000, LARGE_BYTES])
def test_what_was_opened_stays_whatever_becomes_of_its_file(tmp_path: Path, size: int) -> None:
    """A process may search any number of collections; none of them keeps a file open."""
    blobs = FolderBlobs(tmp_path)
    content = os.urandom(size)
    blobs.put("blob", content)
    before = len(os.listdir("/dev/fd"))

    opened = [blobs.open("blob") for _ in range(5)]
    assert len(os.listdir("/dev/fd")) == before
    for change in (lambda: os.truncate(tmp_path / "blob", 100), lambda: blobs.delete("blob")):
        change()
        assert all(bytes(buffer) == content for buffer in opened)


def test_a_large_blob_that_became_shorter_is_shorter(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)
    blobs.put("blob", bytes(LARGE_BYTES) + b"x" * 5000)
    os.truncate(tmp_path / "blob", LARGE_BYTES + 1)
    assert bytes(blobs.open("blob")) == bytes(LARGE_BYTES) + b"x"


def test_only_the_owner_may_look(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path / "blobs")
    blobs.put("a/b", b"x")

    for path in (tmp_path / "blobs" / "a", tmp_path / "blobs" / "a" / "b"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_a_killed_writer_leaves_whole_blobs_only(tmp_path: Path) -> None:
    """Each blob is one letter, 200,000 times; half of one would show."""
    blobs = FolderBlobs(tmp_path)
    for round_number in range(6):
        writer = multiprocessing.get_context("spawn").Process(target=put_blobs, args=(tmp_path, round_number))
        writer.start()
        while writer.is_alive() and not any(True for _ in blobs.names(f"{round_number}/")):
            time.sleep(0.005)
        time.sleep(0.007 * round_number)
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        for name in blobs.names():
            content = blobs.get(name)
            assert len(content) == 200_000
            assert len(set(content)) == 1
