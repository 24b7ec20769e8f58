"""The call that asks for upkeep after a write: its target, its rate, and a function that does not answer."""

import json
import logging
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from openrek.runtime.parts.lambda_calls import AGAIN_AFTER_S, UpkeepCall
from tests.support.clocks import FakeClock


class Lambda:
    def __init__(self, *errors: Exception) -> None:
        self._errors = list(errors)
        self.calls: list[dict[str, Any]] = []

    def invoke(self, **asked: Any) -> None:
        self.calls.append(asked)
        if self._errors:
            raise self._errors.pop(0)

    @property
    def collections(self) -> list[str]:
        return [json.loads(call["Payload"])["collection"] for call in self.calls]


def test_the_function_is_started_and_not_waited_for() -> None:
    client = Lambda()
    UpkeepCall("openrek-Upkeep:live", lambda: client)("people")
    assert client.calls == [
        {
            "FunctionName": "openrek-Upkeep:live",
            "InvocationType": "Event",
            "Payload": b'{"collection": "people"}',
        }
    ]


def test_upkeep_of_each_collection_is_asked_for_once_in_a_while() -> None:
    client, clock = Lambda(), FakeClock(0.0)
    call = UpkeepCall("f", lambda: client, clock=clock)
    for name in ("a", "b", "a", "a"):
        call(name)
    assert client.collections == ["a", "b"]
    clock.at_s = AGAIN_AFTER_S - 0.1
    call("a")
    assert client.collections == ["a", "b"]
    clock.at_s = AGAIN_AFTER_S
    call("a")
    assert client.collections == ["a", "b", "a"]


def test_no_client_is_made_for_nothing() -> None:
    made: list[Lambda] = []

    def make() -> Lambda:
        made.append(Lambda())
        return made[0]

    call = UpkeepCall("f", make)
    assert made == []
    call("a")
    call("b")
    assert len(made) == 1


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "AccessDeniedException", "Message": "arn of the role"}}, "Invoke"),
        EndpointConnectionError(endpoint_url="https://lambda"),
    ],
)
def test_a_call_that_fails_is_logged_and_fails_no_write(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    call = UpkeepCall("f", lambda: Lambda(error))
    with caplog.at_level(logging.WARNING):
        call("people")
    assert caplog.messages == [f"upkeep of people could not be asked for: {type(error).__name__}"]


def test_a_client_that_cannot_be_made_fails_no_write() -> None:
    def make() -> Lambda:
        raise EndpointConnectionError(endpoint_url="https://lambda")

    UpkeepCall("f", make)("people")
