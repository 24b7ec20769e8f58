"""The caller proved by an AWS Signature Version 4 over the whole request.

The checks, in AWS's order; each refuses with AWS's code and text:

    the Authorization header      MissingAuthenticationToken, IncompleteSignature
    x-amz-date, within 5 minutes  IncompleteSignature, InvalidSignature
    the signed headers            InvalidSignature: host, x-amz-date, and x-amz-target where it is sent
    the credential scope          InvalidSignature: date, region, service `rekognition`, `aws4_request`
    no session token              UnrecognizedClient: openrek's keys have none, so any token is of somewhere else
    the access key                UnrecognizedClient
    the body's hash, if sent      InvalidSignature
    the signature                 InvalidSignature
    the key's last day            ExpiredToken

All but the last three need no body, so `examine` can refuse before one is read. A request that somebody has seen can be
sent again for five minutes, as with AWS: TLS is the protection against that.
"""

import hmac
import re
from datetime import UTC, datetime

from openrek.domain.access_keys import KEY_ID, AccessKey
from openrek.domain.caller import NO_ACCOUNT, Caller
from openrek.domain.clock import SYSTEM_CLOCK, Clock
from openrek.domain.errors import (
    ExpiredToken,
    IncompleteSignature,
    InvalidSignature,
    MissingAuthenticationToken,
    UnrecognizedClient,
)
from openrek.domain.ports import Keys
from openrek.wire.authorization import QUOTED_CHARACTERS, REGION, Authorization, parse_authorization
from openrek.wire.canonical import TERMINATOR, canonical_request, sha256, signature, string_to_sign
from openrek.wire.http import HttpRequest

SERVICE = "rekognition"
WINDOW_S = 300
UNKNOWN_KEY = "openrek has not issued this access key, or it was revoked."
TIME = re.compile(r"[0-9]{8}T[0-9]{6}Z")
TIME_FORMAT = "%Y%m%dT%H%M%SZ"
QUERY_SIGNATURE = re.compile(r"(?:^|&)x-amz-(?:algorithm|credential|signature)(?:=|&|$)", re.IGNORECASE)


class SigV4:
    """An `authenticate` step for the door, over the keys that were issued.

    Any region may be signed for.
    """

    def __init__(
        self,
        keys: Keys,
        *,
        account: str = NO_ACCOUNT,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._keys = keys
        self._account = account
        self._clock = clock

    def __call__(self, request: HttpRequest) -> Caller:
        """Verify the request and return its caller. Raises a Refusal."""
        claim, key = self.examine(request)
        payload = sha256(request.body)
        declared = request.headers.get("x-amz-content-sha256", payload)
        if not hmac.compare_digest(declared.encode(errors="replace"), payload.encode()):
            raise InvalidSignature(reason="x-amz-content-sha256 is not the SHA-256 of the body, in lower-case hex.")
        if not _signed(request, claim, key.secret, payload):
            raise InvalidSignature
        if key.expired(self._clock.now_s()):
            raise ExpiredToken(reason=f"The access key {key.key_id} has expired.")
        return Caller(claim.region, self._account, key.key_id, key.permissions)

    def examine(self, request: HttpRequest) -> tuple[Authorization, AccessKey]:
        """Check the head alone; return the client's claim and the key that it names. Raises a Refusal."""
        claim = plausible(request, self._clock.now_s())
        key = self._keys.find(claim.key_id)
        if key is None:
            raise UnrecognizedClient(reason=UNKNOWN_KEY)
        return claim, key


def plausible(request: HttpRequest, now_s: float) -> Authorization:
    """Return the request's claim if it passes every check that needs no key. Raises a Refusal."""
    claim = claimed(request)
    _require_time(request.headers["x-amz-date"], now_s)
    _require_signed(claim, request)
    _require_scope(claim, request.headers["x-amz-date"])
    if "x-amz-security-token" in request.headers:
        raise UnrecognizedClient(reason="openrek's access keys have no session token; unset AWS_SESSION_TOKEN.")
    if not KEY_ID.fullmatch(claim.key_id):
        raise UnrecognizedClient(reason=UNKNOWN_KEY)
    return claim


def claimed(request: HttpRequest) -> Authorization:
    """Return the request's claim without any proof.

    Raises MissingAuthenticationToken, IncompleteSignature or InvalidSignature.
    """
    header = request.headers.get("authorization", "").strip()
    if QUERY_SIGNATURE.search(request.path.partition("?")[2]):
        if header:
            raise InvalidSignature(
                "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
            )
        raise MissingAuthenticationToken(
            reason="A signature in the query string is not taken; send an Authorization header."
        )
    if not header:
        raise MissingAuthenticationToken(reason="The request has no Authorization header; sign it with an access key.")
    return parse_authorization(header, dated="x-amz-date" in request.headers)


def _require_time(sent: str, now_s: float) -> None:
    sent_s = _epoch_s(sent)
    now = _shown(now_s)
    if sent_s < now_s - WINDOW_S:
        raise InvalidSignature(
            f"Signature expired: {sent} is now earlier than {_shown(now_s - WINDOW_S)} ({now} - 5 min.)"
        )
    if sent_s > now_s + WINDOW_S:
        raise InvalidSignature(
            f"Signature not yet current: {sent} is still later than {_shown(now_s + WINDOW_S)} ({now} + 5 min.)"
        )


def _require_scope(claim: Authorization, sent: str) -> None:
    wrong = []
    if not re.fullmatch(REGION, claim.region):
        wrong.append(f"Credential should be scoped to a valid region, not '{claim.region[:QUOTED_CHARACTERS]}'.")
    if claim.service != SERVICE:
        wrong.append(f"Credential should be scoped to correct service: '{SERVICE}'.")
    if claim.terminator != TERMINATOR:
        quoted = claim.terminator[:QUOTED_CHARACTERS]
        wrong.append(f"Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{quoted}'.")
    if claim.date != sent[:8]:
        wrong.append(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{claim.date[:QUOTED_CHARACTERS]}' != '{sent[:8]}', from '{sent}'."
        )
    if wrong:
        raise InvalidSignature(" ".join(wrong))


def _require_signed(claim: Authorization, request: HttpRequest) -> None:
    needed = ["host", "x-amz-date", *(["x-amz-target"] if "x-amz-target" in request.headers else [])]
    for name in needed:
        if name not in claim.signed_headers:
            shown = "'Host' or ':authority'" if name == "host" else f"'{name.title()}'"
            raise InvalidSignature(f"{shown} must be a 'SignedHeader' in the AWS Authorization.")
    for name in claim.signed_headers:
        if name not in request.headers and name != "content-length":
            raise InvalidSignature(reason=f"The header {name} was signed, but did not arrive.")
        if not request.headers.get(name, "").isascii():
            raise InvalidSignature(reason=f"The signed header {name} is not ASCII.")


def _signed(request: HttpRequest, claim: Authorization, secret: str, payload: str) -> bool:
    """Return True if the secret and the request give the signature that was sent."""
    path, _, query = request.path.partition("?")
    headers = [(name, _value(request, name)) for name in claim.signed_headers]
    canonical = canonical_request(request.method, path, query, headers, payload)
    text = string_to_sign(request.headers["x-amz-date"], claim.scope, canonical)
    expected = signature(secret, claim.date, claim.region, claim.service, text)
    return hmac.compare_digest(expected.encode(), claim.signature.encode(errors="replace"))


def _value(request: HttpRequest, name: str) -> str:
    """Return a header as it was signed. Gateways drop the content's length, so that is taken from the body."""
    return request.headers.get(name, str(len(request.body)) if name == "content-length" else "")


def _epoch_s(sent: str) -> float:
    try:
        if not TIME.fullmatch(sent):
            raise ValueError
        return datetime.strptime(sent, TIME_FORMAT).replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise IncompleteSignature(
            f"Date must be in ISO-8601 'basic format'. Got '{sent[:QUOTED_CHARACTERS]}'. "
            "See http://en.wikipedia.org/wiki/ISO_8601"
        ) from None


def _shown(epoch_s: float) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).strftime(TIME_FORMAT)
