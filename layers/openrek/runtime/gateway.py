"""API Gateway's proxy event, format 1.0 -> the request for the door; the door's reply -> the proxy response.

The router hands on the event as the gateway gave it. An HTTP API makes base64 of bodies whose type it does not know for
text, and application/x-amz-json-1.1 is one.
"""

import base64
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from openrek.wire.http import HttpReply, HttpRequest, headers_of

Event: TypeAlias = Mapping[str, Any]
Handler: TypeAlias = Callable[[Event, Any], dict[str, Any]]


def request_of(event: Event) -> HttpRequest:
    """Raises ValueError (binascii.Error is one) when the body is marked as base64 and is not."""
    text = event.get("body") or ""
    body = base64.b64decode(text, validate=True) if event.get("isBase64Encoded") else text.encode()
    return HttpRequest(event["httpMethod"], event["path"], _headers(event), body)


def head_of(event: Event) -> HttpRequest:
    """The request without its body, for whoever only has to know where it goes."""
    return HttpRequest(event["httpMethod"], event["path"], _headers(event), b"")


def response_of(reply: HttpReply) -> dict[str, Any]:
    return {
        "statusCode": reply.status,
        "headers": dict(reply.headers),
        "body": reply.body.decode(),
        "isBase64Encoded": False,
    }


def _headers(event: Event) -> dict[str, str]:
    """The gateway gives them in the case in which the client sent them."""
    many = event.get("multiValueHeaders")
    if many:
        return headers_of((name, value) for name, values in many.items() for value in values)
    return headers_of((event.get("headers") or {}).items())
