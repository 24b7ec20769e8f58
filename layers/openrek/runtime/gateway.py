"""API Gateway's REST proxy event -> the request for the door; the door's reply -> the proxy response.

Both front doors send the same event: the router hands on what the gateway gave it, and a mapping template writes the
members that are read here.
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
    return HttpRequest(event["httpMethod"], _path(event), _headers(event), body)


def head_of(event: Event) -> HttpRequest:
    """The request without its body, for whoever only has to know where it goes."""
    return HttpRequest(event["httpMethod"], _path(event), _headers(event), b"")


def response_of(reply: HttpReply) -> dict[str, Any]:
    return {
        "statusCode": reply.status,
        "headers": dict(reply.headers),
        "body": reply.body.decode(),
        "isBase64Encoded": False,
    }


def _path(event: Event) -> str:
    """The path below the stage, or below the base path of a domain of one's own: the route's own, where it is fixed."""
    resource: str = event.get("resource") or ""
    if resource and "{" not in resource:
        return resource
    path: str = event["path"]
    stage = (event.get("requestContext") or {}).get("stage")
    below = path.removeprefix(f"/{stage}") if stage else path
    return below if below.startswith("/") else path


def _headers(event: Event) -> dict[str, str]:
    """The gateway gives them in the case in which the client sent them."""
    many = event.get("multiValueHeaders")
    if many:
        return headers_of((name, value) for name, values in many.items() for value in values)
    return headers_of((event.get("headers") or {}).items())
