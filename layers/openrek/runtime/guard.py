"""Who may talk to a server without keys: programs of this machine, and never a web page.

A page in a browser can send requests to 127.0.0.1. It is told apart by three things: the name it used for us (a Host
that is not loopback: DNS rebinding), the Origin header that browsers add, and the content type, which a page cannot
set to AWS JSON without asking first. Host and Origin are checked here, the content type by the door; nothing ever
sends a CORS header.
"""

import ipaddress
import re

from starlette.types import ASGIApp, Receive, Scope, Send

from openrek.domain.errors import AccessDenied
from openrek.runtime.replies import early

LOOPBACK_HOST = re.compile(rb"(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE)


def is_loopback(address: str) -> bool:
    """Whether binding `address` keeps the server to this machine."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


class LoopbackOnly:
    """ASGI middleware that refuses what a web page or another machine could have sent."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = _refusal(scope["headers"])
        app = self._app if refusal is None else early(refusal)
        await app(scope, receive, send)


def _refusal(headers: list[tuple[bytes, bytes]]) -> AccessDenied | None:
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) != 1 or not LOOPBACK_HOST.fullmatch(hosts[0]):
        return AccessDenied(
            "Host not allowed", reason="Without keys openrek answers only to localhost, 127.0.0.1 and [::1]."
        )
    if any(name == b"origin" for name, _ in headers):
        return AccessDenied(
            "Origin not allowed", reason="Without keys openrek answers no web page: the request has an Origin header."
        )
    return None
