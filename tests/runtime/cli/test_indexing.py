"""`openrek index` over hostile folders, and over stand-in servers that wait: only an interrupt stops it."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.support.server import stub_server
from tests.support.variants import DAMAGED_EXIF, TURNED, jpeg, with_exif

Indexing = Callable[[Mapping[str, Any]], dict[str, Any]]


@contextmanager
def collection_server(index_faces: Indexing) -> Iterator[str]:
    """Yield the URL of a server with one collection, whose IndexFaces is the given one."""
    described = {
        "FaceCount": 0,
        "FaceModelVersion": "7.0",
        "CollectionARN": "aws:rekognition:us-east-1:000000000000:collection/people",
        "CreationTimestamp": 1.0,
    }
    operations = {"DescribeCollection": lambda *_: described, "IndexFaces": lambda *asked: index_faces(asked[0])}
    with stub_server(operations, queue=64) as (host, port):
        yield f"http://{host}:{port}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of four photos."""
    (tmp_path / "photos").mkdir()
    for number in range(4):
        Image.new("RGB", (90, 90), (number, 0, 0)).save(tmp_path / "photos" / f"{number}.png")
    return tmp_path / "photos"


def response(faces: int = 0) -> dict[str, Any]:
    return {"FaceRecords": [{}] * faces, "UnindexedFaces": [], "FaceModelVersion": "7.0"}


def test_whatever_a_folder_holds_every_good_photo_is_indexed(run, folder: Path, tmp_path: Path) -> None:
    long = jpeg(Image.new("RGB", (12_000, 1200)))
    for name, entry in DAMAGED_EXIF.items():
        (folder / f"exif {name}.jpg").write_bytes(with_exif(long, TURNED, entry))
    os.mkfifo(folder / "a pipe.jpg")
    (folder / "endless.jpg").symlink_to("/dev/zero")
    (folder / "nowhere.jpg").symlink_to("nothing")
    with (folder / "sparse.jpg").open("wb") as sparse:
        sparse.truncate(300 * 1000**3)
    with (folder / "one byte more.png").open("wb") as sparse:
        sparse.truncate(256 * 1024**2 + 1)
    (folder / "empty.jpg").write_bytes(b"")

    with collection_server(lambda _: response(1)) as url:
        result = run("index", folder, "-c", "people", "--endpoint-url", url)

    good = 4 + len(DAMAGED_EXIF)
    assert f"{good} photos indexed, {good} faces." in result.output
    assert result.exit_code == 1
    assert result.output[result.output.index("Failed") :] == (
        "Failed (6):\n"
        "  a pipe.jpg: not a regular file\n"
        "  empty.jpg: the file is empty\n"
        "  endless.jpg: not a regular file\n"
        "  nowhere.jpg: No such file or directory\n"
        "  one byte more.png: larger than 256 MiB\n"
        "  sparse.jpg: larger than 256 MiB\n"
    )


def test_photos_are_sent_at_the_same_time_and_the_bar_reaches_the_end(run, folder: Path) -> None:
    both = threading.Barrier(2)

    def wait_for_another(request: Mapping[str, Any]) -> dict[str, Any]:
        both.wait(30)
        return response(1)

    with collection_server(wait_for_another) as url:
        result = run("index", folder, "-c", "people", "--endpoint-url", url, "--jobs", "2")

    assert result.exit_code == 0
    assert "4 photos indexed, 4 faces." in result.output
    assert " 4/4 " in result.output


def test_no_more_photos_are_sent_at_once_than_was_asked_for(run, folder: Path) -> None:
    lock, running, most = threading.Lock(), 0, 0

    def count(request: Mapping[str, Any]) -> dict[str, Any]:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.05)
        with lock:
            running -= 1
        return response()

    with collection_server(count) as url:
        assert run("index", folder, "-c", "people", "--endpoint-url", url, "--jobs", "1").exit_code == 0
    assert most == 1


WITH_INTERRUPTS = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from openrek.runtime.cli.main import main
main()
"""
"""Tests that run as a job in the background have no interrupts, nor have the processes that they start."""


def test_an_interrupt_ends_it_though_the_server_never_answers(folder: Path, tmp_path: Path) -> None:
    asked, go = threading.Event(), threading.Event()

    def hang(request: Mapping[str, Any]) -> dict[str, Any]:
        asked.set()
        go.wait(60)
        return response()

    environment = {
        **os.environ,
        "XDG_CONFIG_HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
    }
    with collection_server(hang) as url:
        program = [sys.executable, "-c", WITH_INTERRUPTS]
        command = [*program, "index", folder, "-c", "people", "--endpoint-url", url]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            assert asked.wait(60)
            process.send_signal(signal.SIGINT)
            out, errors = process.communicate(timeout=20)
        finally:
            go.set()
            process.kill()
    assert process.returncode == 1
    assert "Interrupted; the same command continues from here." in out
    assert errors.strip() == "Aborted!"
