"""Arbitrary requests through the door: each reply has AWS's form, never a server error, never a stack trace."""

import json
import re
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from openrek.domain.caller import Caller
from openrek.wire.door import Door
from openrek.wire.http import HttpReply, HttpRequest
from tests.wire.examples import MODEL

CODES = {"ValidationException", "SerializationException", "UnknownOperationException"}


def accept(request: dict[str, Any], caller: Caller) -> dict[str, Any]:
    return {"Region": caller.region}


DOOR = Door(dict.fromkeys(MODEL.operations, accept))

operations = st.sampled_from(sorted(MODEL.operations))
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)


def assert_well_formed(reply: HttpReply) -> None:
    assert reply.headers["Content-Type"] == "application/x-amz-json-1.1"
    UUID(reply.headers["x-amzn-RequestId"])
    for value in reply.headers.values():
        assert re.fullmatch(r"[ -~]{1,600}", value)
    body = json.loads(reply.body)
    if reply.status == 200:
        assert re.fullmatch(r"[a-z]{2}[a-z0-9-]+", body["Region"])
        return
    assert reply.status == 400
    assert body["__type"] in CODES
    assert body.keys() - {"__type"} <= {"message", "Message"}
    assert "Traceback" not in reply.body.decode()
    assert len(reply.body) < 40_000


def ask(operation: str, body: bytes) -> HttpReply:
    headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": f"RekognitionService.{operation}"}
    return DOOR.respond(HttpRequest("POST", "/", headers, body))


@given(body=st.binary(), operation=operations)
@settings(deadline=None, max_examples=200)
def test_any_bytes(body: bytes, operation: str) -> None:
    assert_well_formed(ask(operation, body))


@given(document=documents, operation=operations)
@settings(deadline=None, max_examples=200)
def test_any_json(document: Any, operation: str) -> None:
    assert_well_formed(ask(operation, json.dumps(document).encode()))


@given(data=st.data(), operation=operations)
@settings(deadline=None, max_examples=400)
def test_any_json_under_the_names_of_the_model(data: st.DataObject, operation: str) -> None:
    shape = MODEL.shapes[MODEL.operations[operation]]
    names = sorted(shape.members) or ["None"]
    inner = st.dictionaries(st.sampled_from([*names, "Bytes", "S3Object", "Name", "X"]), documents, max_size=4)
    document = data.draw(st.dictionaries(st.sampled_from(names), documents | inner | st.lists(inner, max_size=3)))
    assert_well_formed(ask(operation, json.dumps(document).encode()))


@given(
    method=st.sampled_from(["POST", "GET", "PUT", "OPTIONS", "", "post"]),
    path=st.text(max_size=40).map(lambda rest: "/" + rest) | operations.map(lambda name: f"/{name}"),
    headers=st.dictionaries(
        st.sampled_from(["x-amz-target", "content-type", "authorization", "host", "x-amz-date"]),
        st.text(max_size=200)
        | operations.map(lambda name: f"RekognitionService.{name}")
        | st.just("application/x-amz-json-1.1"),
    ),
    body=st.binary(max_size=200),
)
@settings(deadline=None, max_examples=300)
def test_any_request(method: str, path: str, headers: dict[str, str], body: bytes) -> None:
    assert_well_formed(DOOR.respond(HttpRequest(method, path, headers, body)))
