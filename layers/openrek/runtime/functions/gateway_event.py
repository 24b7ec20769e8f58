"""API Gateway's proxy event, format 1.0 or 2.0 -> the request for the door; the door's reply -> the proxy response.

The router hands on the event as the gateway gave it. An HTTP API makes base64 of bodies whose type it does not know for
text, and application/x-amz-json-1.1 is one. A query string is part of what was signed. Format 2.0 has it as it was
sent; format 1.0 has its parameters, decoded, of which it is made again: a signature is over them in one order and
encoding, whatever they were sent in. Format 2.0 has headers that were sent twice joined by a comma, as they are signed,
and takes cookies out of them.
"""

import base64
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import quote

from openrek.wire.http import HttpReply, HttpRequest, headers_of

Event: TypeAlias = Mapping[str, Any]
Handler: TypeAlias = Callable[[Event, Any], dict[str, Any]]


def request_of(event: Event) -> HttpRequest:
    """Return the event's request.

    Raises ValueError (binascii.Error is one) when the body is marked as base64 and is not.
    """
    text = event.get("body") or ""
    body = base64.b64decode(text, validate=True) if event.get("isBase64Encoded") else text.encode()
    head = head_of(event)
    return HttpRequest(head.method, head.path, head.headers, body)


def head_of(event: Event) -> HttpRequest:
    """Return the request without its body, for callers that only have to know its target."""
    if event.get("version") == "2.0":
        method, path, query = event["requestContext"]["http"]["method"], event["rawPath"], event.get("rawQueryString")
    else:
        method, path, query = event["httpMethod"], event["path"], _query(event)
    return HttpRequest(method, f"{path}?{query}" if query else path, _headers(event), b"")


def response_of(reply: HttpReply) -> dict[str, Any]:
    """Return the reply as a proxy response."""
    return {
        "statusCode": reply.status,
        "headers": dict(reply.headers),
        "body": reply.body.decode(),
        "isBase64Encoded": False,
    }


def _query(event: Event) -> str:
    many = event.get("multiValueQueryStringParameters")
    if not many:
        many = {name: [value] for name, value in (event.get("queryStringParameters") or {}).items()}
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name in many for value in many[name])


def _headers(event: Event) -> dict[str, str]:
    """Return the headers, which the gateway gives in the case in which the client sent them."""
    many = event.get("multiValueHeaders")
    if many:
        return headers_of((name, value) for name, values in many.items() for value in values)
    headers = headers_of((event.get("headers") or {}).items())
    if cookies := event.get("cookies"):
        headers["cookie"] = "; ".join(cookies)
    return headers
