"""Arbitrary requests to the real operations over HTTP: each response has AWS's form, with no server error and nothing
in the log.
"""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from openrek.operations.registry import OPERATIONS
from tests.support.server import ServerProcess
from tests.support.variants import jpeg, opened
from tests.wire.examples import MODEL, valid

Ask = Callable[[str, Any], None]

offered = st.sampled_from(sorted(OPERATIONS))
collections = st.sampled_from(["people", "empty", "missing"])
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@pytest.fixture(scope="module")
def portrait(photos: dict[str, bytes]) -> bytes:
    return jpeg(opened(photos["obama.jpg"]).resize((240, 300)))


@pytest.fixture(scope="module")
def ask(weights_folder: Path, tmp_path_factory: pytest.TempPathFactory, portrait: bytes) -> Iterator[Ask]:
    """Yield a function that sends requests to a server of its own, with a collection of one face and an empty one."""
    server = ServerProcess(tmp_path_factory.mktemp("data"), weights_folder)
    session = requests.Session()

    def ask(operation: str, request: Any) -> None:
        response = session.post(
            server.url,
            json.dumps(request, default=lambda blob: base64.b64encode(blob).decode()),
            headers={
                "Content-Type": "application/x-amz-json-1.1",
                "X-Amz-Target": f"RekognitionService.{operation}",
            },
            timeout=60,
        )
        assert response.status_code in {200, 400}, (operation, response.text)
        assert response.headers["Content-Type"] == "application/x-amz-json-1.1"
        body = response.json()
        if response.status_code == 400:
            assert body["__type"].endswith("Exception")
            assert body.keys() - {"__type"} <= {"message", "Message", "Code", "Logref"}
        assert "Traceback" not in response.text

    for name in ("people", "empty"):
        ask("CreateCollection", {"CollectionId": name})
    ask("IndexFaces", {"CollectionId": "people", "Image": {"Bytes": portrait}, "ExternalImageId": "one"})
    yield ask
    assert server.stop() == (0, "")


@given(operation=offered, data=st.data())
@settings(deadline=None, max_examples=250)
def test_valid_requests(ask: Ask, portrait: bytes, operation: str, data: st.DataObject) -> None:
    request = data.draw(valid(MODEL.operations[operation]))
    if "CollectionId" in request and operation != "DeleteCollection":
        request["CollectionId"] = data.draw(collections)
    for member in ("Image", "SourceImage", "TargetImage"):
        if member in request and data.draw(st.booleans()):
            request[member] = {"Bytes": portrait}
    ask(operation, request)


@given(operation=offered, data=st.data())
@settings(deadline=None, max_examples=250)
def test_any_json_under_the_names_of_the_model(ask: Ask, operation: str, data: st.DataObject) -> None:
    members = sorted(MODEL.shapes[MODEL.operations[operation]].members) or ["None"]
    request = data.draw(st.dictionaries(st.sampled_from([*members, "Bytes"]), documents))
    if data.draw(st.booleans()):
        request["CollectionId"] = data.draw(collections)
    ask(operation, request)
