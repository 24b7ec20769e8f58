"""The door, step by step: path, target, content type, body, replies, refusals."""

import json
import logging
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from openrek.domain import errors
from openrek.domain.caller import Caller
from openrek.domain.remarks import remarked
from openrek.wire.door import Door
from openrek.wire.http import HttpReply, HttpRequest
from openrek.wire.limits import body_too_large, max_body_bytes
from openrek.wire.reply import FAULTS, refuse
from tests.wire.examples import MODEL

JSON_1_1 = "application/x-amz-json-1.1"


def describe(request: dict[str, Any], caller: Caller) -> dict[str, Any]:
    return {"CollectionARN": f"{caller.region}/{request['CollectionId']}"}


DOOR = Door({"DescribeCollection": describe})


def ask(
    body: bytes | str = b'{"CollectionId": "staff"}',
    *,
    door: Door = DOOR,
    method: str = "POST",
    path: str = "/",
    operation: str | None = "DescribeCollection",
    content_type: str | None = JSON_1_1,
    **more: str,
) -> HttpReply:
    headers = {name.replace("_", "-"): value for name, value in more.items()}
    if operation is not None:
        headers["x-amz-target"] = f"RekognitionService.{operation}"
    if content_type is not None:
        headers["content-type"] = content_type
    return door.respond(HttpRequest(method, path, headers, body.encode() if isinstance(body, str) else body))


def raising(error: BaseException) -> Door:
    def operation(request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        raise error

    return Door({"DescribeCollection": operation})


def replying(response: dict[str, Any]) -> Door:
    return Door({"DescribeCollection": lambda *_: response})


def kind(reply: HttpReply) -> str:
    body = json.loads(reply.body)
    assert isinstance(body["__type"], str)
    return str(body["__type"])


def test_a_request_by_target_and_one_by_path_get_the_same_answer() -> None:
    by_target = ask()
    by_path = ask(operation=None, path="/DescribeCollection")
    both = ask(path="/DescribeCollection")
    assert by_target.status == by_path.status == both.status == 200
    assert json.loads(by_target.body) == {"CollectionARN": "us-east-1/staff"}
    assert by_target.body == by_path.body == both.body
    assert by_target.headers["Content-Type"] == JSON_1_1
    assert "x-openrek-reason" not in by_target.headers


def test_each_answer_has_a_request_id_of_its_own() -> None:
    ids = {UUID(reply.headers["x-amzn-RequestId"]) for reply in (ask(), ask(), ask("["), ask(operation="Nope"))}
    assert len(ids) == 4


@pytest.mark.parametrize(
    ("authorization", "region"),
    [
        (
            "AWS4-HMAC-SHA256 Credential=AKID/20260102/eu-west-3/rekognition/aws4_request, SignedHeaders=host",
            "eu-west-3",
        ),
        ("AWS4-HMAC-SHA256 Credential=AKID/20260102/us-gov-west-1/rekognition/aws4_request", "us-gov-west-1"),
        ("", "us-east-1"),
        ("Bearer x", "us-east-1"),
        ("AWS4-HMAC-SHA256 Credential=AKID/20260102/eu:west\n/rekognition/aws4_request", "us-east-1"),
        ("Credential=" * 10_000, "us-east-1"),
        ("Credential=a/20260102/\u0661/x/aws4_request", "us-east-1"),
    ],
)
def test_the_region_is_the_one_that_was_signed_for(authorization: str, region: str) -> None:
    assert json.loads(ask(authorization=authorization).body) == {"CollectionARN": f"{region}/staff"}


def test_the_step_that_tells_the_caller_may_refuse_before_the_target_is_looked_at() -> None:
    def nobody(request: HttpRequest) -> Caller:
        raise errors.AccessDenied("no")

    reply = ask(door=Door({"DescribeCollection": describe}, authenticate=nobody), operation="Nope")
    assert kind(reply) == "AccessDeniedException"


@pytest.mark.parametrize(
    ("operation", "path", "method", "reason"),
    [
        (None, "/", "POST", "Ask with POST / and the header X-Amz-Target"),
        ("Nope", "/", "POST", "Rekognition has no operation 'Nope'."),
        (None, "/Nope", "POST", "Rekognition has no operation 'Nope'."),
        ("describecollection", "/", "POST", "Rekognition has no operation 'describecollection'."),
        ("DetectLabels", "/", "POST", "DetectLabels is an operation of Rekognition that openrek does not offer."),
        (None, "/DetectLabels", "POST", "DetectLabels is an operation of Rekognition that openrek does not offer."),
        ("DescribeCollection", "/DetectLabels", "POST", "Ask with POST / and the header"),
        ("DescribeCollection", "/", "GET", "Ask with POST / and the header"),
        ("DescribeCollection", "/", "OPTIONS", "Ask with POST / and the header"),
    ],
)
def test_what_is_not_offered_is_refused_with_the_reason(
    operation: str | None, path: str, method: str, reason: str
) -> None:
    reply = ask(operation=operation, path=path, method=method)
    assert reply.status == 400
    assert json.loads(reply.body) == {"__type": "UnknownOperationException", "message": "Unknown operation"}
    assert reply.headers["x-openrek-reason"].startswith(reason)


def test_the_target_of_another_service_is_not_ours() -> None:
    assert kind(ask(operation=None, x_amz_target="DynamoDB_20120810.DescribeCollection")) == "UnknownOperationException"


def test_the_target_is_known_before_there_is_a_body() -> None:
    head = HttpRequest("POST", "/", {"x-amz-target": "RekognitionService.DescribeCollection"}, b"")
    assert DOOR.target(head) == "DescribeCollection"


@pytest.mark.parametrize(
    "content_type", [JSON_1_1, "application/x-amz-json-1.0", "Application/X-Amz-JSON-1.1; charset=utf-8"]
)
def test_aws_json_is_taken(content_type: str) -> None:
    assert ask(content_type=content_type).status == 200


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "text/plain; application/x-amz-json-1.1",
        "application/x-amz-json-1.1x",
    ],
)
def test_any_other_content_type_is_refused(content_type: str | None) -> None:
    reply = ask(content_type=content_type)
    assert (reply.status, kind(reply)) == (400, "UnknownOperationException")
    assert reply.headers["x-openrek-reason"] == f"The Content-Type must be {JSON_1_1}."


def test_a_body_over_the_limit_is_refused_whatever_is_in_it() -> None:
    reply = ask(b" " * (2**20 + 1))
    assert (reply.status, kind(reply)) == (400, "SerializationException")
    assert reply.headers["x-openrek-reason"] == "The request body is larger than 1 MiB."
    assert ask(b'{"CollectionId": "staff"}'.ljust(2**20)).status == 200
    reply = ask(b" " * (15 * 2**19 + 1), operation="DetectFaces")
    assert (reply.status, kind(reply)) == (400, "ImageTooLargeException")
    assert "7.5 MiB; larger images can be given as an S3Object" in reply.headers["x-openrek-reason"]


def test_two_inline_images_of_the_largest_size_fit_a_comparison_and_one_fits_any_other() -> None:
    base64_characters = math.ceil(5242880 / 3) * 4
    for operation in ("IndexFaces", "DetectLabels", "SearchAllFacesByImage", "Nonsense", ""):
        assert max_body_bytes(MODEL, operation) == 7.5 * 2**20 > base64_characters + 500_000
    assert max_body_bytes(MODEL, "CompareFaces") == 14.5 * 2**20 > 2 * base64_characters + 500_000
    assert str(body_too_large(MODEL, "CompareFaces")) == "Image size is too large"


def test_the_most_tags_fit_however_json_spells_them() -> None:
    tags = {chr(0x10000 + number) * 128: chr(0x10000) * 256 for number in range(200)}
    request = {"CollectionId": "a" * 255, "Tags": tags}
    assert len(json.dumps(request)) < max_body_bytes(MODEL, "CreateCollection") == 2**20


def test_one_door_of_many_knows_what_others_answer() -> None:
    alone = Door({"DescribeCollection": describe}, elsewhere={"ListFaces"}.__contains__)
    reply = ask(door=alone, operation="ListFaces")
    assert kind(reply) == "UnknownOperationException"
    assert reply.headers["x-openrek-reason"] == "ListFaces is not answered at this address."
    reply = ask(door=alone, operation="DetectLabels")
    assert reply.headers["x-openrek-reason"].endswith("that openrek does not offer.")
    reply = ask(door=alone, path="/DescribeCollection", operation="ListFaces")
    assert reply.headers["x-openrek-reason"].endswith("; if both name one, the same.")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "The body is not JSON in UTF-8."),
        (b"{", "The body is not JSON in UTF-8."),
        (b'{"CollectionId": "staff",}', "The body is not JSON in UTF-8."),
        (b'{"CollectionId": NaN}', "The body is not JSON in UTF-8."),
        (b'{"CollectionId": -Infinity}', "The body is not JSON in UTF-8."),
        (b'{"CollectionId": "a"} x', "The body is not JSON in UTF-8."),
        (b"\xef\xbb\xbf{}", "The body is not JSON in UTF-8."),
        ('{"CollectionId": "staff"}'.encode("utf-16"), "The body is not JSON in UTF-8."),
        (b'{"CollectionId": "\xff"}', "The body is not JSON in UTF-8."),
        (b'{"CollectionId": ' + b"9" * 5000 + b"}", "The body is not JSON in UTF-8."),
        (b"[" * 500_000, "The body is nested too deeply."),
        (b'{"a":' * 100_000, "The body is nested too deeply."),
        (b"null", "The body must be a JSON object."),
        (b'"x"', "The body must be a JSON object."),
        (b"[]", "Start of list found where not expected"),
        (b'{"CollectionId": "\\ud800"}', "Request has invalid parameters"),
        (b'{"CollectionId": 1}', "NUMBER_VALUE can not be converted to a String"),
    ],
)
def test_what_is_not_the_right_json_is_a_serialization_exception(body: bytes, text: str) -> None:
    reply = ask(body)
    assert reply.status == 400
    assert json.loads(reply.body) == {"__type": "SerializationException", "Message": text}
    assert reply.headers["x-openrek-reason"]


def test_an_unknown_member_is_ignored_and_named() -> None:
    reply = ask('{"CollectionId": "staff", "Colour": {"a": [null]}, "MaxFace\u00e9": 1}')
    assert json.loads(reply.body) == {"CollectionARN": "us-east-1/staff"}
    assert reply.headers["x-openrek-reason"] == "Ignored, not in the service model: Colour, MaxFace?."


def test_remarks_on_an_answer_are_told_and_are_no_member_of_it() -> None:
    door = replying(remarked({"CollectionARN": "a"}, ["The face is blurred.", "It is small."]))

    reply = ask('{"CollectionId": "staff", "Colour": 1}', door=door)

    assert json.loads(reply.body) == {"CollectionARN": "a"}
    assert reply.headers["x-openrek-reason"] == (
        "The face is blurred. It is small. Ignored, not in the service model: Colour."
    )
    assert "x-openrek-reason" not in ask(door=replying(remarked({}, []))).headers


def test_modelled_errors_carry_code_logref_and_message() -> None:
    reply = ask(door=raising(errors.ResourceNotFound("The collection id: x does not exist", reason="Not here.")))
    request_id = reply.headers["x-amzn-RequestId"]
    assert reply.status == 400
    assert json.loads(reply.body) == {
        "__type": "ResourceNotFoundException",
        "Code": "ResourceNotFoundException",
        "Logref": request_id,
        "Message": "The collection id: x does not exist",
    }
    assert reply.headers["x-openrek-reason"] == "Not here."


def test_each_refusal_of_the_domain_has_its_fault() -> None:
    assert set(FAULTS) == set(errors.Refusal.__subclasses__())


@pytest.mark.parametrize("refusal", sorted(FAULTS, key=lambda each: each.__name__))
def test_codes_and_statuses_are_those_of_the_service_model(refusal: type[errors.Refusal]) -> None:
    import botocore.session

    shapes = botocore.session.get_session().get_service_model("rekognition").shape_names
    fault = FAULTS[refusal]
    assert (fault.code in shapes) is fault.modelled
    assert refuse(refusal()).status == (500 if refusal is errors.InternalServerError else 400)


def test_a_reason_is_one_printable_line_of_bounded_length() -> None:
    reply = refuse(errors.InvalidParameter(reason="a\r\nSet-Cookie: x\x00\u00e9" + "b" * 1000))
    reason = reply.headers["x-openrek-reason"]
    assert reason.startswith("a??Set-Cookie: x??b")
    assert len(reason) == 500
    assert re.fullmatch(r"[ -~]+", reason)


def test_a_refusal_without_a_reason_of_its_own_gives_its_text() -> None:
    reply = refuse(errors.ResourceNotFound("The collection id: x does not exist"))
    assert reply.headers["x-openrek-reason"] == "The collection id: x does not exist"


def test_an_unforeseen_error_says_nothing_of_itself(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        reply = ask(door=raising(ValueError("the secret vector [0.1, 0.2]")))
    body = json.loads(reply.body)
    assert reply.status == 500
    assert body["__type"] == "InternalServerError"
    assert body["Message"] == "Internal server error"
    assert "secret" not in reply.body.decode()
    assert "secret" not in caplog.text
    assert "ValueError" in caplog.text
    assert "in operation" in caplog.text
    assert reply.headers["x-amzn-RequestId"] in caplog.text


def test_a_response_is_compact_json_with_base64_and_epoch_seconds() -> None:
    when = datetime(2019, 9, 25, 20, 53, 48, 274000, tzinfo=UTC)
    reply = ask(
        door=replying({"Bytes": b"\xff\xfe", "CreationTimestamp": when, "Name": "\u00e9", "X": 0.5, "Empty": []})
    )
    assert (
        reply.body.decode() == '{"Bytes":"//4=","CreationTimestamp":1569444828.274,"Name":"\u00e9","X":0.5,"Empty":[]}'
    )


@pytest.mark.parametrize("value", [math.nan, math.inf, object(), "\ud800"])
def test_a_response_that_json_cannot_carry_is_our_fault(value: object) -> None:
    assert ask(door=replying({"X": value})).status == 500


def _deep(levels: int) -> Callable[[], HttpReply]:
    def call() -> HttpReply:
        return _deep(levels - 1)() if levels else ask(b'{"CollectionId": [[[[[[1]]]]]]}')

    return call


def test_the_door_answers_from_deep_in_a_stack_too() -> None:
    assert _deep(200)().status == 400
