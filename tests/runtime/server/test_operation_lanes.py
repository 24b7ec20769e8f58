"""The real operations behind the local server: which of them wait for inferences, and how many those are."""

import http.client
import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from openrek.domain.faces import DetectedFace
from openrek.domain.models import FaceModel
from openrek.operations.registry import OPERATIONS
from openrek.runtime.parts.adapters import Adapters
from openrek.runtime.parts.face_packs import OFFER
from openrek.runtime.server.run import local_app
from openrek.runtime.settings import Settings
from openrek.vision.faces.reader import FaceReader
from tests.support.server import app_server, soon
from tests.wire.examples import MODEL, smallest


class SlowReader:
    """Finds no face, but not before it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.running = 0
        self._lock = threading.Lock()

    def read(self, image: bytes, model: FaceModel) -> "SlowReader":
        with self._lock:
            self.running += 1
        assert self.go.wait(30)
        return self

    @property
    def faces(self) -> Sequence[DetectedFace]:
        return ()


def call(server: tuple[str, int], operation: str, request: Any) -> tuple[str, str]:
    """The code of the error or "", and the reason."""
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"RekognitionService.{operation}"}
    with closing(http.client.HTTPConnection(*server, timeout=30)) as connection:
        connection.request("POST", "/", json.dumps(request), headers)
        answer = connection.getresponse()
        return json.loads(answer.read()).get("__type", ""), answer.getheader("x-openrek-reason", "")


def test_what_reads_photos_waits_for_an_inference_and_nothing_else_does(tmp_path: Path) -> None:
    settings = replace(Settings.of({}), data=tmp_path, workers=3, queue=1)
    full = ("ThrottlingException", "4 requests for inference are already running or waiting.")
    reads_photos = {name for name in OPERATIONS if "Image" in MODEL.shapes[MODEL.operations[name]].members.values()}
    reader = SlowReader()
    adapters = Adapters(settings, faces=replace(OFFER, reader=lambda _: cast("FaceReader", reader)))

    with (
        app_server(local_app(adapters, settings)) as server,
        ThreadPoolExecutor(5) as pool,
        ExitStack() as stack,
    ):
        stack.callback(reader.go.set)
        photo = {"Image": {"Bytes": "aGVsbG8="}}
        calls = [pool.submit(call, server, "DetectFaces", photo) for _ in range(5)]
        assert soon(lambda: any(each.done() for each in calls))
        answered = {
            name: call(server, name, smallest(MODEL, MODEL.operations[name]) | {"Image": photo["Image"]})
            for name in OPERATIONS
        }
        running = reader.running
        reader.go.set()
        answers = sorted(each.result() for each in calls)
    adapters.close()

    assert running == 3
    assert answers == [("", "")] * 4 + [full]
    assert reader.running == 4
    assert {name for name, answer in answered.items() if answer == full} == reads_photos
    assert len(reads_photos) >= 6
    assert not {code for name, (code, _) in answered.items() if name not in reads_photos} & {"ThrottlingException"}
