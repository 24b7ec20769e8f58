"""The router with a stub for Lambda: whom it calls, how often, and what it makes of the answer.

Real connections, and a real function behind: tests/deployed.
"""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from infra.functions import OPERATION_TIMEOUT_S, ROUTER_TIMEOUT_S
from openrek.operations.registry import OPERATIONS
from openrek.runtime.functions.gateway_event import Event, request_of, response_of
from openrek.runtime.functions.router import IDLE_S, READ_TIMEOUT_S, Call, route
from openrek.runtime.parts.lambda_calls import lambda_client
from openrek.runtime.settings import SettingsError
from openrek.wire.door import Door
from openrek.wire.http import HttpRequest
from openrek.wire.sigv4 import SigV4
from tests.support.clocks import FakeClock
from tests.support.gateway_events import event_1, event_2
from tests.support.signing import KeysInMemory, clock, new_key, signed

FUNCTIONS = "openrek-{operation}:live"
NOW_S = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
SCOPE = "20260101/eu-west-1/rekognition/aws4_request"
KEY_ID = "OREKAAAAAAAAAAAAAAAA"
CREDENTIAL = f"Credential={KEY_ID}/{SCOPE}"
SIGNED = "SignedHeaders=host;x-amz-date;x-amz-target"
SAID = {"statusCode": 400, "headers": {"x": "y"}, "body": "it's \u00e9", "isBase64Encoded": False}


class Lambda:
    """Answers every call with `said`, or raises it."""

    def __init__(self, said: object = SAID, error: str | None = None) -> None:
        self._said = said
        self._error = error
        self.calls: list[dict[str, Any]] = []
        self.closed = 0

    def invoke(self, **asked: Any) -> dict[str, Any]:
        self.calls.append(asked)
        if isinstance(self._said, Exception):
            raise self._said
        said = self._said if isinstance(self._said, bytes) else json.dumps(self._said).encode()
        return {"Payload": io.BytesIO(said), **({"FunctionError": self._error} if self._error else {})}

    def close(self) -> None:
        self.closed += 1


def event(target: str, path: str = "/", **more: Any) -> Event:
    headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1", "X-Amz-Date": "20260101T000000Z"}
    headers |= {"Host": "api.example.com", "Authorization": f"AWS4-HMAC-SHA256 {CREDENTIAL}, {SIGNED}, Signature=d"}
    return {"httpMethod": "POST", "path": path, "resource": path, "headers": headers, "body": "{}", **more}


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}}, "Invoke")


def routed(client: Lambda, sent: Event) -> dict[str, Any]:
    return route(OPERATIONS, FUNCTIONS, client, clock=FakeClock(NOW_S))(sent, None)


def code(answer: dict[str, Any]) -> tuple[int, str]:
    return answer["statusCode"], json.loads(answer["body"])["__type"]


def test_the_event_goes_to_the_function_as_it_is_and_its_answer_comes_back() -> None:
    client = Lambda()
    sent = event(
        "RekognitionService.SearchFacesByImage",
        body="{'\"\\ \u00e9 \U0001f642 \ud800}",
        requestContext={"stage": "$default"},
    )
    assert routed(client, sent) == SAID
    (call,) = client.calls
    assert (call["FunctionName"], call["InvocationType"]) == ("openrek-SearchFacesByImage:live", "RequestResponse")
    assert json.loads(call["Payload"]) == sent


@pytest.mark.parametrize("event_of", [event_1, event_2])
def test_both_formats_are_handed_on_as_they_are(event_of: Callable[[HttpRequest], dict[str, Any]]) -> None:
    client = Lambda()
    request = signed(new_key(), path="/?a=b")
    sent = event_of(request)
    assert route(OPERATIONS, FUNCTIONS, client, clock=clock(request))(sent, None) == SAID
    (call,) = client.calls
    assert call["FunctionName"] == "openrek-ListCollections:live"
    assert json.loads(call["Payload"]) == sent
    presigned = HttpRequest("POST", "/?X-Amz-Signature=ab", request.headers, b"{}")
    assert code(route(OPERATIONS, FUNCTIONS, client, clock=clock(request))(event_of(presigned), None)) == (
        400,
        "InvalidSignatureException",
    )
    assert len(client.calls) == 1


@given(target=st.text() | st.sampled_from([f"RekognitionService.{name}" for name in (*OPERATIONS, "Router", "Upkeep")]))
def test_a_header_never_chooses_another_function(target: str) -> None:
    client = Lambda()
    answer = routed(client, event(target))
    name = target.removeprefix("RekognitionService.")
    if target.startswith("RekognitionService.") and name in OPERATIONS:
        assert [call["FunctionName"] for call in client.calls] == [f"openrek-{name}:live"]
    else:
        assert client.calls == []
        assert code(answer) == (400, "UnknownOperationException")


def test_an_operation_that_is_not_offered_is_unknown_as_everywhere() -> None:
    answer = routed(Lambda(), event("RekognitionService.StartFaceDetection"))
    assert code(answer) == (400, "UnknownOperationException")
    assert "openrek does not offer" in answer["headers"]["x-openrek-reason"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": None},
        {"Authorization": "  "},
        {"Authorization": "Bearer x"},
        {"Authorization": "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=b"},
        {"Authorization": "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=b, Signature=c"},
        {"X-Amz-Date": None},
        {"X-Amz-Date": "20251231T235459Z"},
        {"X-Amz-Date": "20260101T000501Z"},
        {"X-Amz-Security-Token": "token"},
        {"Authorization": f"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/{SCOPE}, {SIGNED}, Signature=d"},
        {"Authorization": f"AWS4-HMAC-SHA256 {CREDENTIAL.replace('rekognition', 's3')}, {SIGNED}, Signature=d"},
        {"Authorization": f"AWS4-HMAC-SHA256 {CREDENTIAL}, SignedHeaders=host, Signature=d"},
    ],
)
def test_what_nobody_can_have_signed_now_is_refused_as_its_function_would(headers: dict[str, str | None]) -> None:
    sent = event("RekognitionService.ListCollections")
    together = {**sent["headers"], **headers}
    sent = {**sent, "headers": {name: value for name, value in together.items() if value is not None}}
    door = Door({"ListCollections": lambda *_: {}}, authenticate=SigV4(KeysInMemory(), clock=FakeClock(NOW_S)))
    theirs = response_of(door.respond(request_of(sent)))
    client = Lambda()
    ours = routed(client, sent)
    assert client.calls == []
    assert (ours["statusCode"], ours["body"]) == (theirs["statusCode"], theirs["body"])
    assert ours["headers"]["x-openrek-reason"] == theirs["headers"]["x-openrek-reason"]


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        (Lambda({"errorMessage": "secret"}, "Unhandled"), (500, "InternalServerError")),
        (Lambda(b"not json"), (500, "InternalServerError")),
        (Lambda(["statusCode"]), (500, "InternalServerError")),
        (Lambda(None), (500, "InternalServerError")),
        (Lambda(ReadTimeoutError(endpoint_url="x")), (500, "InternalServerError")),
        (Lambda(ConnectTimeoutError(endpoint_url="x")), (500, "InternalServerError")),
        (Lambda(ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke")), (400, "ThrottlingException")),
        (Lambda(ClientError({"Error": {"Code": "AccessDeniedException"}}, "Invoke")), (500, "InternalServerError")),
        (
            Lambda(ClientError({"Error": {"Code": "RequestTooLargeException"}}, "Invoke")),
            (400, "ImageTooLargeException"),
        ),
    ],
)
def test_what_goes_wrong_is_told_in_the_words_of_aws_and_not_tried_again(
    client: Lambda, expected: tuple[int, str]
) -> None:
    answer = routed(client, event("RekognitionService.IndexFaces"))
    assert code(answer) == expected
    assert "secret" not in answer["body"]
    assert len(client.calls) == 1


def test_a_connection_that_may_be_dead_is_not_used() -> None:
    """There is no second attempt to find out."""
    client, clock = Lambda(), FakeClock(1000.0)
    call = Call(client, clock=clock)
    call("f", {})
    closed = client.closed
    clock.at_s += IDLE_S
    call("f", {})
    assert client.closed == closed
    clock.at_s += IDLE_S + 0.1
    call("f", {})
    assert client.closed == closed + 1


def test_the_client_sends_each_call_once_and_waits_longer_than_the_function_runs() -> None:
    client = lambda_client(botocore.session.get_session(), read_timeout_s=READ_TIMEOUT_S, region="eu-west-1")
    assert client.meta.config.retries == {"total_max_attempts": 1, "mode": "standard"}
    assert OPERATION_TIMEOUT_S < client.meta.config.read_timeout < ROUTER_TIMEOUT_S


@pytest.mark.parametrize("pattern", [None, "openrek", "{operation}/x", "a b{operation}", "arn:aws:{operation}"])
def test_functions_without_a_pattern_are_one_clear_sentence(
    pattern: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENREK_FUNCTIONS", raising=False)
    if pattern:
        monkeypatch.setenv("OPENREK_FUNCTIONS", pattern)
    with pytest.raises(SettingsError, match=r"^OPENREK_FUNCTIONS .*openrek-\{operation\}:live"):
        route(OPERATIONS, client=Lambda())
