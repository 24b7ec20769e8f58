"""Events of API Gateway, as requests."""

import json
from typing import Any

import pytest

from openrek.runtime.gateway import head_of, request_of, response_of
from openrek.wire.http import HttpReply
from openrek.wire.sigv4 import SigV4
from tests.support.signing import TARGET, KeysInMemory, new_key, signed


def event(**more: Any) -> dict[str, Any]:
    return {"httpMethod": "POST", "path": "/", "headers": {}, "body": "{}", **more}


@pytest.mark.parametrize(
    ("body", "is_base64"), [('{"a": "\u00e9"}', False), ("eyJhIjogIsOpIn0=", True), ("eyJhIjogIlx1MDBlOSJ9", True)]
)
def test_the_body_is_what_was_sent_however_it_arrives(body: str, is_base64: bool) -> None:
    request = request_of(event(body=body, isBase64Encoded=is_base64, path="/ListFaces"))
    assert (request.method, request.path, json.loads(request.body)) == ("POST", "/ListFaces", {"a": "\u00e9"})


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
