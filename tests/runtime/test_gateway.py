"""Events of API Gateway, as requests."""

from typing import Any

import pytest

from openrek.runtime.gateway import head_of, request_of, response_of
from openrek.wire.http import HttpReply
from openrek.wire.sigv4 import SigV4
from tests.support.signing import TARGET, KeysInMemory, new_key, signed


def event(**more: Any) -> dict[str, Any]:
    return {"httpMethod": "POST", "path": "/", "headers": {}, "body": "{}", **more}


@pytest.mark.parametrize(
    ("place", "path"),
    [
        ({"resource": "/", "path": "/", "requestContext": {"stage": "v1", "path": "/v1/"}}, "/"),
        ({"resource": "/ListFaces", "path": "/ListFaces", "requestContext": {"stage": "v1"}}, "/ListFaces"),
        ({"resource": "/ListFaces", "path": "/faces/ListFaces", "requestContext": {"stage": "v1"}}, "/ListFaces"),
        ({"resource": "/{proxy+}", "path": "/ListFaces", "requestContext": {"stage": "v1"}}, "/ListFaces"),
        ({"resource": "/{proxy+}", "path": "/v1/ListFaces", "requestContext": {"stage": "v1"}}, "/ListFaces"),
        ({"resource": "/{proxy+}", "path": "/v1", "requestContext": {"stage": "v1"}}, "/v1"),
        ({"resource": "/{proxy+}", "path": "/v1x/ListFaces", "requestContext": {"stage": "v1"}}, "/v1x/ListFaces"),
        ({"path": "/ListFaces", "requestContext": None}, "/ListFaces"),
        ({"path": "/ListFaces"}, "/ListFaces"),
    ],
)
def test_the_path_is_the_one_below_the_stage_or_base_path(place: dict[str, Any], path: str) -> None:
    assert request_of(event(**place)).path == path
    assert head_of(event(**place)).path == path


def test_the_head_needs_no_body() -> None:
    assert head_of(event(body="!", isBase64Encoded=True)).body == b""


def test_headers_are_joined_in_lower_case() -> None:
    many = event(multiValueHeaders={"X-One": ["a ", "b"], "HOST": ["h"]}, headers={"X-One": "b"})
    assert request_of(many).headers == {"x-one": "a,b", "host": "h"}


def test_headers_that_were_sent_twice_are_signed_as_they_arrive() -> None:
    key = new_key()
    request = signed(key, headers={"x-amz-target": TARGET, "x-twice": "1,2"})
    many = {**{name: [value] for name, value in request.headers.items()}, "X-Twice": ["1", "2"]}
    del many["x-twice"]
    arrived = request_of(event(multiValueHeaders=many))
    assert SigV4(KeysInMemory(key))(arrived).key_id == key.key_id


def test_a_reply_is_a_proxy_response() -> None:
    said = response_of(HttpReply(400, {"x-openrek-reason": "no"}, "é".encode()))
    assert said == {"statusCode": 400, "headers": {"x-openrek-reason": "no"}, "body": "é", "isBase64Encoded": False}
