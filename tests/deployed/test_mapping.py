"""The mapping templates of the front door, rendered: a function gets what the client sent, and is the right one."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrek.runtime.gateway import request_of
from tests.support.front_door import OFFERED
from tests.support.vtl import Input, Map, Unknown, rendered

from infra.mapping import reply_template, request_template  # isort: skip - Node.js is chosen by the front door
from infra.settings import Deployment

TEMPLATE = request_template(Deployment(), OFFERED)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40)
NAMES = st.text(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-!#$%&'*+.^_`|~", min_size=1, max_size=20
)


def context() -> Map:
    return Map(
        stage="v1",
        path="/v1/",
        httpMethod="POST",
        requestId="1",
        domainName="a.b",
        identity=Map(sourceIp="192.0.2.1"),
        requestOverride=Map(path=Map(function=None)),
        responseOverride=Map(header=Map()),
    )


def mapped(body: str, headers: dict[str, str]) -> tuple[str, dict[str, Any]]:
    """The function that is chosen, and the event that it gets."""
    at = context()
    event = json.loads(rendered(TEMPLATE, Input(body, headers), at))
    return at["requestOverride"]["path"]["function"], event


@given(body=TEXTS)
def test_the_body_arrives_byte_by_byte(body: str) -> None:
    _, event = mapped(body, {"X-Amz-Target": "RekognitionService.ListFaces"})
    assert request_of(event).body == body.encode()


@pytest.mark.parametrize(
    "body", ["it's", "\\'", "\\\\'", '\\"', "'\\", "''", "</script>", "\u2028\u0000\x7f", "\U0001f642", "$util #set"]
)
def test_bodies_that_templates_get_wrong(body: str) -> None:
    _, event = mapped(body, {"X-Amz-Target": "RekognitionService.ListFaces"})
    assert event["body"] == body


@given(headers=st.dictionaries(NAMES, VALUES, max_size=6))
def test_headers_arrive_as_they_were_sent(headers: dict[str, str]) -> None:
    _, event = mapped("{}", headers)
    assert event["headers"] == headers


@pytest.mark.parametrize("name", OFFERED)
@pytest.mark.parametrize("header", ["X-Amz-Target", "x-amz-target", "X-AMZ-TARGET"])
def test_each_target_has_its_function(name: str, header: str) -> None:
    function, event = mapped("{}", {"Host": "a.b", header: f"RekognitionService.{name}"})
    assert function == f"openrek-{name}:live"
    assert request_of(event).headers["x-amz-target"] == f"RekognitionService.{name}"
    assert (event["path"], event["requestContext"]["stage"]) == ("/", "v1")


@given(target=VALUES)
def test_a_header_never_chooses_another_function(target: str) -> None:
    function, _ = mapped("{}", {"X-Amz-Target": target})
    known = {f"RekognitionService.{name}": f"openrek-{name}:live" for name in OFFERED}
    assert function == known.get(target, "openrek-ListCollections:live")


@given(body=TEXTS, reason=st.none() | VALUES)
def test_the_functions_answer_comes_out_as_it_is(body: str, reason: str | None) -> None:
    at = context()
    headers = {"Content-Type": "x", **({"x-openrek-reason": reason} if reason else {})}
    answer = json.dumps({"statusCode": 400, "headers": headers, "body": body})
    text = rendered(reply_template(), Input(answer), at)
    assert text.strip("\n") == body.strip("\n")
    override = at["responseOverride"]
    assert (override["status"], dict(override["header"])) == (400, {"x-openrek-reason": reason} if reason else {})


@pytest.mark.parametrize(
    "template",
    [
        "$util.escapeJavascript('a')",
        "$input.bdy",
        "$context.stge",
        "$nothing",
        "$input.body.strip()",
        "$input.json('$')",
    ],
)
def test_what_the_gateway_does_not_offer_fails(template: str) -> None:
    with pytest.raises(Unknown):
        rendered(template, Input("{}"), context())
