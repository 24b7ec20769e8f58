"""Signatures: those of botocore are accepted, and no others; every refusal is in AWS's words."""

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openrek.domain import errors
from openrek.domain.access_keys import AccessKey
from openrek.domain.caller import Caller
from openrek.domain.permissions import EVERYTHING, Permissions
from openrek.wire.http import HttpRequest
from openrek.wire.sigv4 import SigV4, claimed
from tests.support.signing import HOST, TARGET, KeysInMemory, changed, clock, new_key, signed, when
from tests.wire.signature_checks import KEY, MISMATCH, claiming, refusal, refused, verifier


def test_the_caller_is_the_key_in_the_region_it_signed_for() -> None:
    permissions = Permissions(("Search*",), ("staff-*",))
    key = new_key(permissions)
    request = signed(key, region="ap-southeast-2")
    caller = verifier(request, key, account="123456789012")(request)
    assert caller == Caller("ap-southeast-2", "123456789012", key.key_id, permissions)
    assert caller.arn == f"arn:aws:iam::123456789012:user/{key.key_id}"


tokens = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=12).map(lambda name: f"x-{name}")
printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
paths = st.text(max_size=12).map(lambda text: "/" + quote(text, safe="/~", errors="replace"))
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=6).map(lambda text: quote(text, safe="~"))
queries = st.lists(st.tuples(words.filter(bool), words), max_size=3).map(
    lambda pairs: "?" + "&".join(f"{name}={value}" for name, value in pairs) if pairs else ""
)
requests = st.builds(
    dict,
    body=st.binary(max_size=300),
    path=st.builds(str.__add__, paths, queries),
    headers=st.dictionaries(tokens, printable, max_size=4),
    region=st.sampled_from(["us-east-1", "eu-west-1", "us-gov-west-1", "ap-southeast-2"]),
    method=st.sampled_from(["POST", "GET", "PUT"]),
)


@given(parts=requests)
@settings(deadline=None, max_examples=300)
def test_whatever_botocore_signs_is_accepted(parts: dict[str, Any]) -> None:
    request = signed(KEY, **parts)
    assert verifier(request)(request).region == parts["region"]


@given(parts=requests, data=st.data())
@settings(deadline=None, max_examples=300)
def test_whatever_is_changed_after_signing_is_refused(parts: dict[str, Any], data: st.DataObject) -> None:
    request = signed(KEY, **parts)
    signed_names = request.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    name = data.draw(st.sampled_from(sorted(signed_names)))
    changes: dict[str, HttpRequest] = {
        "body": HttpRequest(request.method, request.path, request.headers, request.body + b"x"),
        "method": HttpRequest("DELETE", request.path, request.headers, request.body),
        "path": HttpRequest(request.method, "/x" + request.path, request.headers, request.body),
        "query": HttpRequest(
            request.method, request.path + ("&" if "?" in request.path else "?") + "x=y", request.headers, request.body
        ),
        "header": HttpRequest(
            request.method, request.path, {**request.headers, name: request.headers[name] + "x"}, request.body
        ),
        "no header": changed(request, without=name),
    }
    what = data.draw(st.sampled_from(sorted(changes)))
    refusal = refused(changes[what], at=request)
    assert isinstance(refusal, errors.InvalidSignature | errors.IncompleteSignature), what


@given(place=st.integers(0, 63), digit=st.sampled_from("0123456789abcdef"))
@settings(deadline=None)
def test_no_other_signature_is_accepted(place: int, digit: str) -> None:
    request = signed(KEY)
    right = request.headers["authorization"].rpartition("=")[2]
    other = right[:place] + digit + right[place + 1 :]
    if other == right:
        assert verifier(request)(request).key_id == KEY.key_id
    else:
        assert str(refused(claiming(request, right, other))) == MISMATCH


@pytest.mark.parametrize("signature", ["", "0", "0" * 64, "\u00e9" * 64, "\ud800" * 64, "A" * 4000])
def test_what_is_no_signature_is_refused(signature: str) -> None:
    request = signed(KEY)
    right = request.headers["authorization"].rpartition("=")[2]
    kinds = (errors.InvalidSignature, errors.IncompleteSignature)
    assert isinstance(refused(claiming(request, right, signature)), kinds)


def test_the_secret_of_another_key_is_refused() -> None:
    other = new_key()
    forged = AccessKey(KEY.key_id, other.secret, EVERYTHING, 0.0)
    assert str(refused(signed(forged))) == MISMATCH


@pytest.mark.parametrize("key_id", ["AKIAIOSFODNN7EXAMPLE", "any", "", "../OREKAAAAAAAAAAAAAAAA", "OREK" + "a" * 16])
def test_an_id_of_another_form_is_unknown_without_a_look(key_id: str) -> None:
    request = claiming(signed(KEY), KEY.key_id, key_id)
    if "/" in key_id:
        assert isinstance(refused(request), errors.IncompleteSignature)
        return
    keys = KeysInMemory(KEY)
    found = refusal(lambda: SigV4(keys, clock=clock(request))(request))
    assert isinstance(found, errors.UnrecognizedClient)
    assert str(found) == "The security token included in the request is invalid."
    assert keys.asked == 0


def test_an_unknown_key_is_refused() -> None:
    assert isinstance(refused(signed(new_key())), errors.UnrecognizedClient)


def test_a_session_token_is_of_somewhere_else() -> None:
    found = refused(signed(KEY, token="FwoGZXIvYXdzEXAMPLE"))
    assert isinstance(found, errors.UnrecognizedClient)
    assert "AWS_SESSION_TOKEN" in (found.reason or "")


def test_a_key_past_its_last_day_is_refused_to_whoever_has_its_secret() -> None:
    request = signed(KEY)
    expired = AccessKey(KEY.key_id, KEY.secret, EVERYTHING, 0.0, expires_s=when(request))
    found = refused(request, expired)
    assert isinstance(found, errors.ExpiredToken)
    stranger = AccessKey(KEY.key_id, new_key().secret, EVERYTHING, 0.0, expires_s=1.0)
    assert isinstance(refused(request, stranger), errors.InvalidSignature)
    lasting = AccessKey(KEY.key_id, KEY.secret, EVERYTHING, 0.0, expires_s=when(request) + 1)
    assert verifier(request, lasting)(request).key_id == KEY.key_id


@pytest.mark.parametrize("later_s", [-300, 0, 300])
def test_the_clock_may_be_five_minutes_off(later_s: float) -> None:
    request = signed(KEY)
    assert verifier(request, later_s=later_s)(request).key_id == KEY.key_id


def test_an_old_signature_and_one_of_the_future_are_refused() -> None:
    request = changed(signed(KEY), x_amz_date="20261120T100000Z")
    late = HttpRequest("POST", "/", {**request.headers, "x-amz-date": "20261120T100501Z"}, b"")
    early = HttpRequest("POST", "/", {**request.headers, "x-amz-date": "20261120T095459Z"}, b"")
    assert str(refused(request, at=late)) == (
        "Signature expired: 20261120T100000Z is now earlier than 20261120T100001Z (20261120T100501Z - 5 min.)"
    )
    assert str(refused(request, at=early)) == (
        "Signature not yet current: 20261120T100000Z is still later than 20261120T095959Z (20261120T095459Z + 5 min.)"
    )


@pytest.mark.parametrize(
    "date",
    [
        "",
        "x",
        "20261120",
        "2026-11-20T10:00:00Z",
        "20261320T100000Z",
        "20261120T100000Z,20261120T100000Z",
        "\u0662" * 8,
    ],
)
def test_a_date_of_another_form_is_incomplete(date: str) -> None:
    request = signed(KEY)
    found = refused(changed(request, x_amz_date=date), at=request)
    assert isinstance(found, errors.IncompleteSignature)
    assert str(found).startswith(f"Date must be in ISO-8601 'basic format'. Got '{date}'.")


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("/rekognition/", "/dynamodb/", "Credential should be scoped to correct service: 'rekognition'."),
        ("/eu-west-1/", "/nowhere/", "Credential should be scoped to a valid region, not 'nowhere'."),
        (
            "aws4_request",
            "aws5_request",
            "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'.",
        ),
    ],
)
def test_another_scope_is_refused(old: str, new: str, text: str) -> None:
    found = refused(claiming(signed(KEY), old, new))
    assert isinstance(found, errors.InvalidSignature)
    assert str(found) == text


def test_a_signature_for_another_service_region_or_day_is_refused_even_when_it_is_right() -> None:
    assert "correct service" in str(refused(signed(KEY, service="s3")))
    assert "valid region, not 'eu_west_1'" in str(refused(signed(KEY, region="eu_west_1")))
    request = signed(KEY, region="us-east-1")
    assert verifier(request)(request).region == "us-east-1"
    date = request.headers["x-amz-date"]
    assert str(refused(claiming(request, f"/{date[:8]}/", "/20150830/"))) == (
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
        f"'20150830' != '{date[:8]}', from '{date}'."
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("host", "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."),
        ("x-amz-date", "'X-Amz-Date' must be a 'SignedHeader' in the AWS Authorization."),
        ("x-amz-target", "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization."),
    ],
)
def test_what_decides_must_be_signed(name: str, text: str) -> None:
    request = signed(KEY)
    names = request.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
    fewer = ";".join(each for each in names.split(";") if each != name)
    assert str(refused(claiming(request, names, fewer))) == text


def test_a_target_cannot_be_added_to_a_request_by_path() -> None:
    request = signed(KEY, path="/ListCollections", headers={})
    assert verifier(request)(request).key_id == KEY.key_id
    assert "'X-Amz-Target'" in str(refused(changed(request, x_amz_target=TARGET)))


def test_a_signed_header_that_did_not_arrive_is_named_and_the_length_is_told_by_the_body() -> None:
    headers = {"x-amz-target": TARGET, "content-length": "2", "x-more": "1"}
    request = signed(KEY, headers=headers)
    assert "content-length" in request.headers["authorization"]
    dropped = changed(request, without="content-length")
    assert verifier(dropped)(dropped).key_id == KEY.key_id
    longer = HttpRequest("POST", "/", dropped.headers, b"{ }")
    assert str(refused(longer)) == MISMATCH
    found = refused(changed(request, without="x-more"))
    assert (str(found), found.reason) == (MISMATCH, "The header x-more was signed, but did not arrive.")


@pytest.mark.parametrize("body", [b"", b"{}", b'{"MaxResults": 3}', b"{" + b" " * 5_000_000 + b"}"])
def test_a_signed_length_that_a_gateway_took_out_is_that_of_the_body(body: bytes) -> None:
    request = signed(KEY, body=body, headers={"x-amz-target": TARGET, "content-length": str(len(body))})
    arrived = changed(request, without="content-length")
    assert verifier(arrived)(arrived).key_id == KEY.key_id


@pytest.mark.parametrize(
    ("path", "header", "reason"),
    [
        ("/?X-Amz-Signature=0", "", "A signature in the query string is not taken; send an Authorization header."),
        ("/", "", "The request has no Authorization header; sign it with an access key."),
    ],
)
def test_a_request_without_a_signature_is_told_how_to_sign(path: str, header: str, reason: str) -> None:
    found = refusal(lambda: claimed(HttpRequest("POST", path, {"authorization": header}, b"{}")))
    assert isinstance(found, errors.MissingAuthenticationToken)
    assert found.reason == reason


def test_a_signed_header_that_is_not_ascii_is_refused() -> None:
    found = refused(changed(signed(KEY), x_amz_target="\ud800"))
    assert (str(found), found.reason) == (MISMATCH, "The signed header x-amz-target is not ASCII.")


@pytest.mark.parametrize("declared", ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "0" * 64, "\ud800", ""])
def test_a_declared_hash_must_be_that_of_the_body(declared: str) -> None:
    found = refused(changed(signed(KEY), x_amz_content_sha256=declared))
    assert isinstance(found, errors.InvalidSignature)
    assert found.reason == "x-amz-content-sha256 is not the SHA-256 of the body, in lower-case hex."


def test_a_right_declared_hash_is_accepted() -> None:
    digest = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    request = signed(KEY, headers={"x-amz-target": TARGET, "x-amz-content-sha256": digest})
    assert verifier(request)(request).key_id == KEY.key_id


def test_the_host_is_part_of_what_is_signed() -> None:
    request = signed(KEY)
    assert request.headers["host"] == HOST
    assert str(refused(changed(request, host="evil.example.com"))) == MISMATCH
