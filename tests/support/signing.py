"""Requests signed by botocore, the oracle for signatures, and keys to sign them with."""

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from openrek.domain.access_keys import AccessKey, new_access_key
from openrek.domain.permissions import EVERYTHING, Permissions
from openrek.wire.http import HttpRequest
from tests.support.clocks import FakeClock

HOST = "rekognition.example.com"
TARGET = "RekognitionService.ListCollections"


class KeysInMemory:
    """Keys that count the look-ups."""

    def __init__(self, *keys: AccessKey) -> None:
        self.keys = {key.key_id: key for key in keys}
        self.asked = 0
        self.listed = 0

    def find(self, key_id: str) -> AccessKey | None:
        self.asked += 1
        return self.keys.get(key_id)

    def ids(self) -> frozenset[str]:
        self.listed += 1
        return frozenset(self.keys)


def new_key(permissions: Permissions = EVERYTHING, *, expires_s: float | None = None) -> AccessKey:
    return new_access_key(permissions, now_s=0.0, expires_s=expires_s)


def signed(
    key: AccessKey,
    *,
    body: bytes = b"{}",
    path: str = "/",
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
    region: str = "eu-west-1",
    service: str = "rekognition",
    token: str | None = None,
) -> HttpRequest:
    """Return the request that arrives when botocore signs this now.

    `headers` None stands for those of ListCollections by target.
    """
    sent = {"x-amz-target": TARGET, "content-type": "application/x-amz-json-1.1"} if headers is None else dict(headers)
    request = AWSRequest(method, f"https://{HOST}{path}", headers=sent, data=body)
    SigV4Auth(Credentials(key.key_id, key.secret, token), service, region).add_auth(request)
    arrived = {name.lower(): value for name, value in request.headers.items()}
    url = urlsplit(request.url)
    target = url.path + (f"?{url.query}" if url.query else "")
    return HttpRequest(method, target, {"host": HOST, **arrived}, body)


def changed(request: HttpRequest, *, without: str = "", **headers: str) -> HttpRequest:
    """Return the same request with other headers (underscores stand for hyphens), and `without` one."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    kept = {name: value for name, value in {**request.headers, **named}.items() if name != without}
    return HttpRequest(request.method, request.path, kept, request.body)


def when(request: HttpRequest) -> float:
    """Return the time at which it was signed, in epoch seconds."""
    return datetime.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()


def clock(request: HttpRequest, later_s: float = 0.0) -> FakeClock:
    return FakeClock(when(request) + later_s)
