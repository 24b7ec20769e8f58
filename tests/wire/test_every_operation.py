"""All operations, the 75 of the model and ours: the requests of boto3 are accepted, each broken constraint is found."""

import base64
import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openrek.domain.caller import Caller
from openrek.wire.door import Door
from openrek.wire.http import HttpReply, HttpRequest
from openrek.wire.model import Shape
from tests.support.extended import SERVICE
from tests.wire.examples import MODEL, smallest, valid

OPERATIONS = sorted(MODEL.operations)
SERIALIZER = create_serializer("json")

Path = tuple[str | int, ...]


def echo(request: dict[str, Any], caller: Caller) -> dict[str, Any]:
    return request


DOOR = Door(dict.fromkeys(OPERATIONS, echo))


def ask(operation: str, body: bytes, path: str = "/") -> HttpReply:
    target = f"RekognitionService.{operation}"
    headers = {"x-amz-target": target, "content-type": "application/x-amz-json-1.1"}
    return DOOR.respond(HttpRequest("POST", path, headers, body))


def as_json(value: Any) -> Any:
    """Return the request as the echoing door returns it: blobs as base64."""
    return json.loads(json.dumps(value, default=lambda blob: base64.b64encode(blob).decode()))


@pytest.mark.parametrize("operation", OPERATIONS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_what_botocore_accepts_and_serialises_is_taken(operation: str, data: st.DataObject) -> None:
    request = data.draw(valid(MODEL.operations[operation]))
    described = SERVICE.operation_model(operation)
    if described.input_shape is None:
        assert request == {}
    else:
        assert not ParamValidator().validate(request, described.input_shape).has_errors()
    sent = SERIALIZER.serialize_to_request(request, described)
    headers = {name.lower(): value for name, value in sent["headers"].items()}
    reply = DOOR.respond(HttpRequest(sent["method"], sent["url_path"], headers, sent["body"]))
    assert reply.status == 200, reply.body
    assert json.loads(reply.body) == as_json(request)


def test_every_constraint_of_every_operation_is_enforced() -> None:
    tried = 0
    for operation in OPERATIONS:
        for request, path, ending in mutants(operation):
            reply = ask(operation, json.dumps(request).encode())
            body = json.loads(reply.body)
            assert body.get("__type") == "ValidationException", (operation, path, ending)
            assert f"at '{aws_path(path)}' failed to satisfy constraint: " in body["message"], (operation, path)
            assert ending in body["message"], (operation, path, ending)
            tried += 1
    assert tried > 600


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_member_of_a_wrong_type_is_refused(operation: str) -> None:
    for path, shape in places(MODEL.operations[operation], ()):
        wrong = {"string": 1, "blob": 1, "list": "x", "map": "x", "structure": "x"}.get(shape.kind, "x")
        body = json.loads(ask(operation, json.dumps(holding(operation, path, wrong)).encode()).body)
        assert body["__type"] == "SerializationException", (path, body)


def places(name: str, path: Path) -> Iterator[tuple[Path, Shape]]:
    """Yield every place in a request below the top, with its shape; 0 stands for the first element of a list."""
    shape = MODEL.shapes[name]
    parts: list[tuple[str | int, str]] = list(shape.members.items())
    if shape.kind == "list":
        parts = [(0, shape.member)]
    for step, part in parts:
        yield (*path, step), MODEL.shapes[part]
        yield from places(part, (*path, step))


def holding(operation: str, path: Path, value: Any) -> dict[str, Any]:
    """Return the smallest valid request that has `value` at the place."""
    name = MODEL.operations[operation]
    request = smallest(MODEL, name)
    here: Any = request
    for depth, step in enumerate(path):
        shape = MODEL.shapes[name]
        name = shape.member if shape.kind == "list" else shape.members[str(step)]
        inner = value if depth == len(path) - 1 else smallest(MODEL, name)
        if shape.kind == "list":
            if not here:
                here.append(inner)
            here[0] = inner
        elif depth == len(path) - 1 or step not in here:
            here[step] = inner
        here = here[step]
    return deepcopy(request)


def mutants(operation: str) -> Iterator[tuple[dict[str, Any], Path, str]]:
    """Yield requests with one thing wrong, its place, and the end of the text."""
    name = MODEL.operations[operation]
    for member in MODEL.shapes[name].required:
        lacking = {key: value for key, value in smallest(MODEL, name).items() if key != member}
        yield lacking, (member,), "Member must not be null"
    for path, shape in places(name, ()):
        for value, ending in wrongs(shape):
            yield holding(operation, path, value), path, ending
        if shape.kind == "structure":
            for member in shape.required:
                yield holding(operation, path, {}), (*path, member), "Member must not be null"


def wrongs(shape: Shape) -> Iterator[tuple[Any, str]]:
    """Yield values that break one constraint of the shape, and the end of the text."""
    if shape.kind == "string":
        yield from wrong_strings(shape)
    elif shape.kind == "blob":
        if shape.minimum:
            yield "", f"Member must have length greater than or equal to {shape.minimum}"
    elif shape.kind == "list":
        yield from wrong_lists(shape)
    elif shape.kind not in ("structure", "map", "boolean"):
        yield from wrong_numbers(shape)


def wrong_strings(shape: Shape) -> Iterator[tuple[str, str]]:
    low, high = shape.minimum, shape.maximum
    if high is not None:
        yield "a" * (int(high) + 1), f"Member must have length less than or equal to {high}"
    if low:
        yield "a" * (int(low) - 1), f"Member must have length greater than or equal to {low}"
    if shape.enum:
        yield shape.enum[0].lower() + "_", f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
    # The euro sign is in no class of the model, and no `.` of Java's takes a line separator.
    if shape.pattern is not None:
        bad = ("\u20ac\u2028" * 32)[: max(2, int(low or 0))]
        value = {r"\S*": "  ", r".*\S.*": " "}.get(shape.pattern, bad)
        yield value, f"Member must satisfy regular expression pattern: {shape.pattern}"


def wrong_lists(shape: Shape) -> Iterator[tuple[list[Any], str]]:
    low, high = shape.minimum, shape.maximum
    if low:
        yield [], f"Member must have length greater than or equal to {low}"
    if high is not None:
        item = smallest(MODEL, shape.member)
        yield [item] * (int(high) + 1), f"Member must have length less than or equal to {high}"


def wrong_numbers(shape: Shape) -> Iterator[tuple[float, str]]:
    if shape.maximum is not None:
        yield shape.maximum + 1, f"Member must have value less than or equal to {shape.maximum}"
    if shape.minimum is not None:
        yield shape.minimum - 1, f"Member must have value greater than or equal to {shape.minimum}"


def aws_path(path: Path) -> str:
    """Return AWS's name of the place: elements of lists of plain values go by the list's name."""
    steps = [str(step + 1) + ".member" if isinstance(step, int) else step[:1].lower() + step[1:] for step in path]
    return ".".join(steps if not isinstance(path[-1], int) else steps[:-1])
