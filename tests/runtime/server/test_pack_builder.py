"""Packs that are built while the server serves: a real one, from a registry that breaks."""

import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

import openrek
from openrek.operations.detect_faces import detect_faces
from openrek.runtime.parts.adapters import Adapters, bind
from openrek.runtime.parts.packs import PackState
from openrek.runtime.server.app import LocalApp
from openrek.runtime.server.health import examine
from openrek.runtime.server.pack_builder import PackBuilder
from openrek.runtime.settings import Settings
from openrek.vision.models import pip_download, zoo
from openrek.vision.models.sessions import open_session
from tests.support.registry import Registry, registry_server
from tests.support.server import ServerProcess, app_server, client

SHARE = Path(sys.prefix) / "share/openrek"
HALF = 10_000_000
"""Bytes, of 27 million."""


@pytest.fixture(scope="session")
def archive() -> Path:
    """The archive of the pack `text`, which needs no tools to build; downloaded on first use."""
    folder = SHARE / "archives"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".downloading"):
        if not list(folder.glob("rapidocr-*.whl")):
            pip_download.download(zoo.manifest().archives["rapidocr"], folder, Event())
    (path,) = folder.glob("rapidocr-*.whl")
    return path


@pytest.fixture
def registry(archive: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """The only registry that pip's settings know of."""
    with registry_server() as server:
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
        monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
        monkeypatch.setenv("PIP_RETRIES", "0")
        server.offer_wheel(archive, "rapidocr")
        yield server


@pytest.fixture
def weights(weights_folder: Path, tmp_path: Path) -> Path:
    """A folder with the models of faces and nothing else."""
    folder = tmp_path / "weights"
    folder.mkdir()
    for row in zoo.manifest().rows(["faces"]).values():
        shutil.copy(weights_folder / row.file, folder)
    return folder


class Shown:
    """A display that remembers."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.changes: list[str] = []

    def step(self, text: str) -> None:
        self.steps.append(text)

    def progress(self, text: str) -> None:
        self.changes.append(text)


def turned(weights: Path) -> Callable[..., dict[str, Any]]:
    """An operation for the time of a test, by a network of the pack `text`."""

    def detect_text(request: dict[str, Any]) -> dict[str, Any]:
        session = open_session(zoo.load(weights, "text-direction"), 1)
        (found,) = session.run(None, {session.get_inputs()[0].name: np.zeros((1, 3, 48, 192), np.float32)})
        return {"TextDetections": [{"DetectedText": str(found.shape)}]}

    return detect_text


@dataclass
class Running:
    """A server in this process, its builder, and a client."""

    adapters: Adapters
    builder: PackBuilder
    shown: Shown
    rekognition: Any
    address: tuple[str, int]

    def text(self) -> str:
        """What DetectText answers."""
        answer = self.rekognition.detect_text(Image={"Bytes": b"\0"})
        return str(answer["TextDetections"][0]["DetectedText"])

    def refusal(self) -> str:
        """The reason why DetectText answers ThrottlingException."""
        with pytest.raises(self.rekognition.exceptions.ThrottlingException) as refused:
            self.text()
        return str(refused.value.response["ResponseMetadata"]["HTTPHeaders"]["x-openrek-reason"])

    def becomes(self, state: PackState) -> bool:
        deadline_s = time.monotonic() + 60
        while self.adapters.packs.state("text") is not state and time.monotonic() < deadline_s:
            time.sleep(0.05)
        return self.adapters.packs.state("text") is state

    @property
    def process(self) -> "subprocess.Popen[str]":
        """The process that builds."""
        assert self.builder._process is not None
        return self.builder._process

    def health(self) -> dict[str, Any]:
        return health_at(*self.address)


def health_at(host: str, port: int) -> dict[str, Any]:
    connection = http.client.HTTPConnection(host, port, timeout=30)
    connection.request("GET", "/health")
    health: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return health


@pytest.fixture
def running(weights: Path, tmp_path: Path) -> Iterator[Running]:
    """The server as `serve` starts it, with DetectFaces and an operation that needs the pack `text`."""
    adapters = Adapters(Settings.of({"OPENREK_DATA": str(tmp_path / "data"), "OPENREK_WEIGHTS": str(weights)}))
    adapters.reader()
    adapters.load_models(["faces"])
    operations = {
        "DetectFaces": bind(detect_faces, adapters),
        "DetectText": bind(turned(weights), adapters, ["text"]),
    }
    app = LocalApp(operations, list(operations), examine=lambda: examine(adapters), workers=1, queue=8)
    shown = Shown()
    builder = PackBuilder(adapters.packs, weights, ["faces", "text"], shown)
    with ExitStack() as stack:
        stack.callback(adapters.close)
        host, port = stack.enter_context(app_server(app))
        stack.callback(builder.stop)
        yield Running(adapters, builder, shown, client(f"http://{host}:{port}"), (host, port))


def test_faces_are_served_while_another_pack_is_built(
    running: Running, registry: Registry, archive: Path, photos: Mapping[str, bytes]
) -> None:
    """Its line breaks in the middle; what needs it is refused until it is there, and then works at once."""
    registry.held.clear()
    registry.plans[f"/files/{archive.name}"] = [HALF]

    running.builder.start()

    assert running.refusal() == "The models of the pack text are being built; try again in a few minutes."
    assert len(running.rekognition.detect_faces(Image={"Bytes": photos["obama.jpg"]})["FaceDetails"]) == 1
    assert running.health()["ok"]
    assert running.health()["models"].endswith("; text being built")
    while not registry.ranges_of(f"/files/{archive.name}"):
        time.sleep(0.02)
    assert os.getpriority(os.PRIO_PROCESS, running.process.pid) == 19

    registry.held.set()

    assert running.becomes(PackState.READY)
    assert running.text() == "(1, 2)"
    assert registry.ranges_of(f"/files/{archive.name}") == [None, f"bytes={HALF}-"]
    assert "text" not in running.health()["models"]
    while len(running.shown.steps) < 2:
        time.sleep(0.02)
    assert running.shown.steps == [
        "The models of text are being built in the background.",
        "The models of text are built.",
    ]
    assert "Models: Building text-detector, where text is (Apache-2.0)" in running.shown.changes


def test_a_build_that_fails_is_told_and_mended_without_a_new_start(
    running: Running, registry: Registry, archive: Path, weights: Path, caplog: pytest.LogCaptureFixture
) -> None:
    registry.plans[f"/files/{archive.name}"] = [404, 404]

    running.builder.start()

    assert running.becomes(PackState.FAILED)
    assert running.refusal() == (
        "The models of the pack text are not there because their build failed: "
        "run `openrek weights --pack text` on the server."
    )
    assert running.health()["ok"]
    assert running.health()["models"].endswith("; text could not be built")
    assert "the models of text could not be built: Downloading the package rapidocr 3.10.0 failed" in caplog.text

    command = [sys.executable, "-m", "openrek.runtime.cli.main", "weights", "--pack", "text"]
    subprocess.run(command, env={**os.environ, "OPENREK_WEIGHTS": str(weights)}, check=True, capture_output=True)

    assert running.text() == "(1, 2)"


def test_a_build_that_is_stopped_leaves_no_process_and_goes_on_at_the_next_start(
    running: Running, registry: Registry, archive: Path, weights: Path
) -> None:
    registry.plans[f"/files/{archive.name}"] = [HALF, *[503] * 99]
    running.builder.start()
    while len(registry.ranges_of(f"/files/{archive.name}")) < 2:
        time.sleep(0.02)

    running.builder.stop()

    assert running.process.returncode == -9
    assert running.adapters.packs.state("text") is PackState.BEING_BUILT  # nobody is told of a failure
    registry.plans.clear()
    registry.asked.clear()
    again = PackBuilder(running.adapters.packs, weights, ["text"], running.shown)
    again.start()
    assert running.becomes(PackState.READY)
    assert registry.ranges_of(f"/files/{archive.name}") == [f"bytes={HALF}-"]
    again.stop()


def test_a_process_that_breaks_off_is_a_failure(
    running: Running, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    registry.held.clear()
    running.builder.start()
    running.process.kill()

    assert running.becomes(PackState.FAILED)
    assert "the models of text could not be built: their process ended with -9" in caplog.text


def test_nothing_is_begun_where_all_is_there(running: Running) -> None:
    builder = PackBuilder(running.adapters.packs, running.adapters._settings.weights, ["faces"], running.shown)
    builder.start()
    builder.stop()
    assert running.shown.steps == []
    assert builder._process is None


def test_one_word_in_the_manifest_makes_a_server_build_a_pack(
    registry: Registry, weights: Path, tmp_path: Path
) -> None:
    """The real server, of a copy of openrek whose manifest has `faces` and `text` as its only default packs."""
    layers = tmp_path / "layers"
    shutil.copytree(Path(openrek.__path__[0]), layers / "openrek", ignore=shutil.ignore_patterns("__pycache__"))
    manifest = layers / "openrek/vision/models/manifest.toml"
    rows = 'weights = ["text-detector", "text-recognizer", "text-direction"]\n'
    told = manifest.read_text("utf-8")
    assert rows in told
    first, default, others = told.partition("default = true\n")
    told = first + default + others.replace(default, "").replace(rows, f"{rows}{default}")
    manifest.write_text(told, "utf-8")

    server = ServerProcess(tmp_path / "data", weights, PYTHONPATH=str(layers))
    host, _, port = server.url.removeprefix("http://").partition(":")
    while "text" in health_at(host, int(port))["models"]:
        time.sleep(0.05)

    zoo.check(weights, ["text"])
    code, errors = server.stop()
    assert code == 0
    assert errors.splitlines()[0] == "The models of text are being built in the background."
