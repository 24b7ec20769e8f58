"""Events of API Gateway, as requests."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from openrek.domain.errors import InvalidSignature
from openrek.runtime.functions.gateway_event import Event, head_of, request_of, response_of
from openrek.wire.http import HttpReply, HttpRequest
from openrek.wire.sigv4 import SigV4
from tests.support.gateway_events import event_1, event_2
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


FORMATS = pytest.mark.parametrize("event_of", [event_1, event_2])
QUERIES = [
    "",
    "?a=b",
    "?b=2&a=1&a=0",
    "?a",
    "?a=&a=b%20c&%C3%A9=%2B%26%3D%25",
    "?a=%2F~-_.%21%27%28%29%2A",
    "?a=b%3Dc",
    "?X=1&x=2",
]


@FORMATS
@pytest.mark.parametrize("query", QUERIES)
def test_a_query_is_verified_as_it_was_signed(event_of: Callable[[HttpRequest], Event], query: str) -> None:
    key = new_key()
    verify = SigV4(KeysInMemory(key))
    request = signed(key, path=f"/ListCollections{query}")
    assert verify(request).key_id == key.key_id
    assert verify(request_of(event_of(request))).key_id == key.key_id
    for wrong in ("?c=d", query.replace("1", "3"), f"{query}&more=1" if query else "?more", ""):
        if wrong != query:
            forged = HttpRequest("POST", f"/ListCollections{wrong}", request.headers, request.body)
            with pytest.raises(InvalidSignature):
                verify(request_of(event_of(forged)))


@FORMATS
def test_a_signature_in_the_query_is_refused(event_of: Callable[[HttpRequest], Event]) -> None:
    request = HttpRequest("POST", "/?X-Amz-Signature=ab", signed(new_key()).headers, b"{}")
    with pytest.raises(InvalidSignature, match="query-string"):
        SigV4(KeysInMemory())(request_of(event_of(request)))


def test_both_formats_give_the_same_request() -> None:
    headers = {
        "x-amz-target": TARGET,
        "content-type": "application/x-amz-json-1.1",
        "cookie": "a=1; b=2",
        "x-two": "1,2",
    }
    key = new_key()
    request = signed(key, path="/?a=b", headers=headers)
    first, second = request_of(event_1(request)), request_of(event_2(request))
    assert first == second == request
    assert SigV4(KeysInMemory(key))(second).key_id == key.key_id
    assert head_of(event_2(request)) == HttpRequest("POST", "/?a=b", request.headers, b"")


def test_parameters_of_which_only_one_value_is_told_are_read() -> None:
    assert head_of(event(queryStringParameters={"a b": "c&d"})).path == "/?a%20b=c%26d"


def test_a_reply_is_a_proxy_response() -> None:
    said = response_of(HttpReply(400, {"x-openrek-reason": "no"}, "é".encode()))
    assert said == {"statusCode": 400, "headers": {"x-openrek-reason": "no"}, "body": "é", "isBase64Encoded": False}
