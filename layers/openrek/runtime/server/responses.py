"""Conversion of the wire's HttpReply to responses of the server library."""

from starlette.responses import Response

from openrek.domain.errors import Refusal
from openrek.runtime.server.bodies import EarlyResponse
from openrek.wire.http import HttpReply
from openrek.wire.reply import refuse

SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "content-security-policy": "default-src 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


def response(reply: HttpReply) -> Response:
    """Return the reply with the security headers."""
    return Response(reply.body, reply.status, {**SECURITY_HEADERS, **reply.headers})


def early(refusal: Refusal) -> EarlyResponse:
    """Return the response to a request that is refused before its body is read."""
    reply = refuse(refusal)
    return EarlyResponse(reply.body, reply.status, {**SECURITY_HEADERS, **reply.headers})
