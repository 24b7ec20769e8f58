"""The operations of our own: described like the service's, beside them, and reached like them."""

import json
from typing import Any

import pytest
from botocore.model import ServiceModel

from openrek.domain.caller import Caller
from openrek.wire.door import Door
from openrek.wire.extensions import extended, extensions, sdk_extras
from openrek.wire.http import HttpReply, HttpRequest
from openrek.wire.model import compile_model
from tests.support.extended import SERVICE
from tests.wire.test_service_model import SERVICE as AWS

OURS = sorted(extensions()["operations"])


def echo(request: dict[str, Any], caller: Caller) -> dict[str, Any]:
    return request


DOOR = Door(dict.fromkeys(OURS, echo))


def ask(operation: str, request: dict[str, Any], path: str = "/", **headers: str) -> HttpReply:
    sent = {"content-type": "application/x-amz-json-1.1", **headers}
    return DOOR.respond(HttpRequest("POST", path, sent, json.dumps(request).encode()))


def test_the_services_own_operations_and_shapes_stay_as_they_are() -> None:
    together = extended(AWS)
    for part in ("operations", "shapes"):
        assert not extensions()[part].keys() & AWS[part].keys()
        assert together[part] == {**AWS[part], **extensions()[part]}
    assert {key: value for key, value in together.items() if key not in extensions()} == {
        key: value for key, value in AWS.items() if key not in extensions()
    }
    compiled, alone = compile_model(together), compile_model(AWS)
    assert {name: compiled.operations[name] for name in alone.operations} == alone.operations
    assert {name: compiled.shapes[name] for name in alone.shapes} == alone.shapes


def test_a_name_that_the_service_takes_is_the_services() -> None:
    theirs = {"name": "ErasePerson", "input": {"shape": "DeleteUserRequest"}}
    later = {**AWS, "operations": {**AWS["operations"], "ErasePerson": theirs}}
    assert extended(later)["operations"]["ErasePerson"] == theirs


def test_every_shape_is_used_and_there() -> None:
    model = ServiceModel(extended(AWS))
    seen: set[str] = set()

    def walk(shape: Any) -> None:
        if shape.name in seen:
            return
        seen.add(shape.name)
        for part in ("members", "member", "key", "value"):
            inner = getattr(shape, part, None)
            for each in inner.values() if isinstance(inner, dict) else [inner] if inner else []:
                walk(each)

    for name in OURS:
        operation = model.operation_model(name)
        assert operation.name == name
        walk(operation.input_shape)
        walk(operation.output_shape)
        assert {error.name for error in operation.error_shapes} >= {"ResourceNotFoundException"}
    assert extensions()["shapes"].keys() <= seen


@pytest.mark.parametrize("operation", OURS)
def test_both_ways_lead_to_it_and_it_is_validated(operation: str) -> None:
    request = {"CollectionId": "staff", "Image": {"Bytes": "eA=="}, "Id": "3Ir0du6", "Name": "Ada"}
    for way in ({"path": f"/{operation}"}, {"x-amz-target": f"RekognitionService.{operation}"}):
        assert json.loads(ask(operation, request, **way).body)["CollectionId"] == "staff"
        broken = json.loads(ask(operation, {"CollectionId": "no spaces"}, **way).body)
        assert broken["__type"] == "ValidationException"
        assert "at 'collectionId' failed to satisfy constraint: Member must satisfy regular" in broken["message"]


def test_what_a_stock_sdk_learns_is_what_the_door_knows() -> None:
    assert json.loads(sdk_extras()) == {"version": 1.0, "merge": extensions()}
    for name in OURS:
        described = SERVICE.operation_model(name)
        assert set(described.input_shape.members) == set(extensions()["shapes"][f"{name}Request"]["members"])
        assert SERVICE.operation_model("SearchFaces").input_shape.name == "SearchFacesRequest"
