"""A request as API Gateway's HTTP API hands it to a function, in both formats of its payload."""

from base64 import b64encode
from typing import Any, Final
from urllib.parse import parse_qsl

from openrek.wire.http import HttpRequest

TEXTS: Final = ("text/", "application/json", "application/javascript", "application/xml")
"""How the types begin that an HTTP API hands on as text; of what people saw on AWS, its manual does not say."""


def event_1(request: HttpRequest, resource: str = "$default") -> dict[str, Any]:
    """Format 1.0: parameters of the query decoded, and the last of those with the same name apart from all of them."""
    path, _, query = request.path.partition("?")
    many: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        many.setdefault(name, []).append(value)
    return {
        "version": "1.0",
        "resource": resource,
        "path": path,
        "httpMethod": request.method,
        "headers": dict(request.headers),
        "multiValueHeaders": {name: [value] for name, value in request.headers.items()},
        "queryStringParameters": {name: values[-1] for name, values in many.items()} or None,
        "multiValueQueryStringParameters": many or None,
        "requestContext": {
            "stage": "$default",
            "path": path,
            "resourcePath": resource,
            "httpMethod": request.method,
            "requestId": "11111111-2222-4333-8444-555555555555",
            "identity": {"sourceIp": "192.0.2.1"},
        },
        **_body(request),
    }


def event_2(request: HttpRequest, route: str = "$default") -> dict[str, Any]:
    """Format 2.0: the query as it was sent, headers in lower case, cookies apart from them."""
    path, _, query = request.path.partition("?")
    headers = {name.lower(): value for name, value in request.headers.items()}
    cookies = headers.pop("cookie", None)
    return {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": query,
        **({"cookies": cookies.split("; ")} if cookies else {}),
        "headers": headers,
        "requestContext": {
            "stage": "$default",
            "http": {"method": request.method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1"},
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": route,
        },
        **_body(request),
    }


def _body(request: HttpRequest) -> dict[str, Any]:
    kind = next((value for name, value in request.headers.items() if name.lower() == "content-type"), "")
    text = kind.startswith(TEXTS)
    body = request.body.decode() if text else b64encode(request.body).decode()
    return {"body": body, "isBase64Encoded": not text}
