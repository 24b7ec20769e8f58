"""The Authorization header: how it is read, and what is said of one that cannot be."""

import base64
import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openrek.domain import errors
from openrek.wire.door import Door
from openrek.wire.http import HttpRequest
from openrek.wire.sigv4 import SigV4
from tests.support.signing import TARGET, KeysInMemory, changed, new_key, signed
from tests.wire.signature_checks import KEY, claiming, refusal, refused, verifier


@pytest.mark.parametrize(
    ("path", "headers", "kind"),
    [
        ("/", {}, errors.MissingAuthenticationToken),
        ("/", {"authorization": "  "}, errors.MissingAuthenticationToken),
        ("/", {"authorization": "Bearer abc"}, errors.MissingAuthenticationToken),
        ("/", {"authorization": "Basic QVdTNC0="}, errors.MissingAuthenticationToken),
        ("/?X-Amz-Algorithm=AWS4-HMAC-SHA256", {}, errors.MissingAuthenticationToken),
        ("/?a=b&X-Amz-Signature=0", {}, errors.MissingAuthenticationToken),
        ("/?X-Amz-Algorithm=x", {"authorization": "AWS4-HMAC-SHA256 x"}, errors.InvalidSignature),
        ("/", {"authorization": "AWS4-HMAC-SHA256"}, errors.IncompleteSignature),
        ("/", {"authorization": "AWS4-HMAC-SHA256 Credential"}, errors.IncompleteSignature),
    ],
)
def test_what_is_not_signed_and_what_cannot_be_read(
    path: str, headers: dict[str, str], kind: type[errors.Refusal]
) -> None:
    keys = KeysInMemory()
    found = refusal(lambda: SigV4(keys)(HttpRequest("POST", path, headers, b"{}")))
    assert type(found) is kind
    assert keys.asked == 0


def test_what_is_missing_is_listed_and_the_header_is_not_shown() -> None:
    header = "AWS4-HMAC-SHA256 a=b"
    found = refusal(lambda: SigV4(KeysInMemory())(HttpRequest("POST", "/", {"authorization": header}, b"")))
    digest = base64.b64encode(hashlib.sha256(header.encode()).digest()).decode()
    assert str(found).split(". ") == [
        "Authorization header requires 'Credential' parameter",
        "Authorization header requires 'Signature' parameter",
        "Authorization header requires 'SignedHeaders' parameter",
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header",
        f"(Hashed with SHA-256 and encoded with Base64) Authorization={digest}",
    ]


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256", "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'."),
        ("/aws4_request", "", "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/"),
        ("/aws4_request", "/aws4_request/", "Credential must have exactly 5 slash-delimited elements, e.g. keyid/"),
        ("Signature=", "Credential=a, Signature=", "Authorization header has more than one 'Credential' parameter."),
        ("Signature=", "Signature", "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with"),
        ("host;", "host;host;", "Authorization header has malformed 'SignedHeaders'"),
        ("host;", "Host;", "Authorization header has malformed 'SignedHeaders'"),
        ("host;x-amz-date", "x-amz-date;host", "Authorization header has malformed 'SignedHeaders'"),
        ("host;", "host;i\u00e9;", "Authorization header has malformed 'SignedHeaders'"),
        ("host;", "host;;", "Authorization header has malformed 'SignedHeaders'"),
        (
            "host;",
            "".join(f"a{number:03};" for number in range(64)) + "host;",
            "Authorization header has too many 'SignedHeaders'",
        ),
    ],
)
def test_a_malformed_header_is_incomplete(old: str, new: str, text: str) -> None:
    found = refused(claiming(signed(KEY), old, new))
    assert isinstance(found, errors.IncompleteSignature)
    assert str(found).startswith(text)


def test_a_header_is_read_up_to_a_bound() -> None:
    request = signed(KEY)
    spaces = 8192 - len(request.headers["authorization"])
    longest = claiming(request, "SignedHeaders=", " " * spaces + "SignedHeaders=")
    assert verifier(longest)(longest).key_id == KEY.key_id
    found = refused(claiming(longest, "SignedHeaders=", " SignedHeaders="))
    assert str(found) == "Authorization header is too long"


def test_spaces_and_order_in_the_header_do_not_matter() -> None:
    request = signed(KEY)
    algorithm, _, rest = request.headers["authorization"].partition(" ")
    tight = changed(request, authorization=f" {algorithm} " + ",".join(reversed(rest.split(", "))))
    assert verifier(tight)(tight).key_id == KEY.key_id


def test_the_head_alone_is_enough_to_refuse_a_stranger() -> None:
    request = signed(KEY)
    head = HttpRequest("POST", "/", request.headers, b"")
    claim, key = verifier(request).examine(head)
    assert (claim.key_id, key) == (KEY.key_id, KEY)
    assert isinstance(refusal(lambda: verifier(request, new_key()).examine(head)), errors.UnrecognizedClient)


CODES = {
    "MissingAuthenticationTokenException",
    "IncompleteSignatureException",
    "UnrecognizedClientException",
    "InvalidSignatureException",
}
arbitrary = st.binary(max_size=300).map(lambda raw: raw.decode("latin-1")) | st.text(max_size=200)
RIGHT = signed(KEY)
twisted = st.tuples(st.integers(0, len(RIGHT.headers["authorization"])), arbitrary).map(
    lambda cut: RIGHT.headers["authorization"][: cut[0]] + cut[1] + RIGHT.headers["authorization"][cut[0] + 3 :]
)


@given(
    authorization=arbitrary | arbitrary.map(lambda text: f"AWS4-HMAC-SHA256 {text}") | twisted,
    date=st.just(RIGHT.headers["x-amz-date"]) | arbitrary,
    target=st.just(TARGET) | arbitrary,
    path=st.just("/") | arbitrary.map(lambda text: "/" + text),
)
@settings(deadline=None, max_examples=500)
def test_no_header_however_made_is_a_server_error(authorization: str, date: str, target: str, path: str) -> None:
    headers = {**RIGHT.headers, "authorization": authorization, "x-amz-date": date, "x-amz-target": target}
    door = Door({"ListCollections": lambda *_: {}}, authenticate=verifier(RIGHT))
    reply = door.respond(HttpRequest("POST", path, headers, b"{}"))
    body = json.loads(reply.body)
    if (authorization, date, target, path) == (
        RIGHT.headers["authorization"],
        RIGHT.headers["x-amz-date"],
        TARGET,
        "/",
    ):
        assert reply.status == 200
    elif reply.status != 200:
        assert (reply.status, body["__type"] in CODES, body.keys()) == (400, True, {"__type", "message"})
