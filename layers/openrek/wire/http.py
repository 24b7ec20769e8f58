"""An HTTP request and its reply as plain values: the wire room reads and makes bytes, it never opens a socket."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """`path` is as on the request line, percent-encoded and with its query, if there is one.

    `headers` has lower-case names; what was sent twice is joined by a comma. `body` is as it came, at most
    `max_body_bytes` long.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class HttpReply:
    status: int
    headers: Mapping[str, str]
    body: bytes
