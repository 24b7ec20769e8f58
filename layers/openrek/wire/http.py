"""An HTTP request and its reply as plain values: the wire room reads and makes bytes, it never opens a socket."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """`path` is as on the request line, percent-encoded and with its query, if there is one.

    `headers` are as `headers_of` gives them. `body` is as it came, at most `max_body_bytes` long.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


def headers_of(sent: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers by their lower-case names; values of a repeated name are joined by a comma, as they are signed
    (canonical.py).
    """
    headers: dict[str, str] = {}
    for each, value in sent:
        name = each.lower()
        headers[name] = f"{headers[name]},{value.strip()}" if name in headers else value.strip()
    return headers


@dataclass(frozen=True, slots=True)
class HttpReply:
    status: int
    headers: Mapping[str, str]
    body: bytes
