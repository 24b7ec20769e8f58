"""An operation as an AWS Lambda function behind API Gateway: proxy event in, proxy response out.

The event says what the caller sent; the door does the rest, exactly as in the local server.
"""

import base64
import binascii
import os
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from openrek.domain.errors import SerializationError
from openrek.runtime.adapters import Adapters, Operation, bind
from openrek.runtime.names import api_name
from openrek.runtime.settings import Settings, SettingsError
from openrek.wire.door import Door
from openrek.wire.http import HttpReply, HttpRequest
from openrek.wire.reply import refuse

Event: TypeAlias = Mapping[str, Any]
Handler: TypeAlias = Callable[[Event, object], dict[str, Any]]


def serve(operation: Operation, adapters: Adapters | None = None) -> Handler:
    """The Lambda handler of one operation. Without `adapters` the environment is read at the first event.

    The handler raises SettingsError for an environment that it cannot work in: that is for the operator's log.
    """
    doors: list[Door] = []

    def handler(event: Event, context: object) -> dict[str, Any]:
        del context
        if not doors:
            parts = adapters or _adapters()
            doors.append(Door({api_name(operation): bind(operation, parts)}))
        try:
            request = _request(event)
        except (binascii.Error, ValueError):
            return _response(refuse(SerializationError(reason="The event's body is not base64.")))
        return _response(doors[0].answer(request))

    return handler


def _adapters() -> Adapters:
    settings = Settings.of(os.environ)
    if settings.data is None:
        raise SettingsError("OPENREK_DATA names no data folder, and the stores of AWS are not part of this version.")
    return Adapters(settings)


def _request(event: Event) -> HttpRequest:
    """API Gateway's REST proxy event. Raises ValueError when its body is marked as base64 and is not."""
    text = event.get("body") or ""
    body = base64.b64decode(text, validate=True) if event.get("isBase64Encoded") else text.encode()
    return HttpRequest(event["httpMethod"], event["path"], _headers(event), body)


def _headers(event: Event) -> dict[str, str]:
    """Lower-case names; the gateway gives them in the case in which the client sent them."""
    many = event.get("multiValueHeaders")
    if many:
        return {name.lower(): ", ".join(values) for name, values in many.items()}
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()}


def _response(reply: HttpReply) -> dict[str, Any]:
    return {
        "statusCode": reply.status,
        "headers": dict(reply.headers),
        "body": reply.body.decode(),
        "isBase64Encoded": False,
    }
