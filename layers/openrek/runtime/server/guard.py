"""The guard of the server: it refuses every web page, and without keys all other machines.

A page in a browser can send requests to 127.0.0.1. Three things show it: the name it used for us (a Host that is not
loopback: DNS rebinding), the Origin header that browsers add, and the content type, which a page cannot set to AWS JSON
without asking first. Host and Origin are checked here, the content type by the door; nothing ever sends a CORS header.

With keys every request is signed, its Host header too. A page has no secret to sign with, so it may use any name for
us, and so may everybody else: machines are known by names that we do not know. The Origin header is refused all the
same: a page that can sign holds a secret that every visitor can read.
"""

import ipaddress
import re

from starlette.types import ASGIApp, Receive, Scope, Send

from openrek.domain.errors import AccessDenied
from openrek.runtime.server.responses import early

LOOPBACK_HOST = re.compile(rb"(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE)
LOOPBACK_HOSTS = "Without keys openrek answers only to localhost, 127.0.0.1 and [::1]."
ONE_HOST = "A request has exactly one Host header."


def is_loopback(address: str) -> bool:
    """Return True if binding `address` keeps the server to this machine."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


class Guard:
    """ASGI middleware that refuses requests that a web page could have sent, and those that another machine could have.

    Other machines are welcome when requests are `signed`.
    """

    def __init__(self, app: ASGIApp, *, signed: bool) -> None:
        self._app = app
        self._signed = signed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = _refusal(scope["headers"], self._signed)
        app = self._app if refusal is None else early(refusal)
        await app(scope, receive, send)


def _refusal(headers: list[tuple[bytes, bytes]], signed: bool) -> AccessDenied | None:
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) != 1 or not (signed or LOOPBACK_HOST.fullmatch(hosts[0])):
        return AccessDenied("Host not allowed", reason=ONE_HOST if signed else LOOPBACK_HOSTS)
    if any(name == b"origin" for name, _ in headers):
        return AccessDenied(
            "Origin not allowed", reason="openrek answers no web page: the request has an Origin header."
        )
    return None
