"""The router of `POST /`, which SDKs use: the operation stands in a header, by which API Gateway cannot choose a
function.

The router chooses it, sends it the event as it came, and returns its response. It verifies nothing and needs none of
the deployment's data: the operation's own function does all that, as if the gateway had called it. Only requests whose
head shows already that they are not signed, or not now, start no function.
"""

import json
import logging
import os
from collections.abc import Iterable
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session

from openrek.domain.clock import SYSTEM_CLOCK, Clock
from openrek.domain.errors import ImageTooLarge, InternalServerError, Refusal, Throttling
from openrek.runtime.functions.gateway_event import Event, Handler, head_of, response_of
from openrek.runtime.parts.lambda_calls import lambda_client
from openrek.runtime.settings import OPERATION, functions_of
from openrek.wire.door import Door
from openrek.wire.reply import refuse
from openrek.wire.sigv4 import plausible

READ_TIMEOUT_S: Final = 28.0
"""More than the function's own timeout, so that the router does not give up on a write that may yet be made; less than
the router's own, so that the caller is answered in the words of the protocol."""

IDLE_S: Final = 20.0
"""A connection that has been idle longer may be dead, and there is no second attempt to find out."""

BUSY: Final = ("TooManyRequestsException", "ThrottlingException", "EC2ThrottledException")
TOO_LARGE: Final = "RequestTooLargeException"

log = logging.getLogger(__name__)


def route(
    operations: Iterable[str],
    functions: str | None = None,
    client: Any = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Handler:
    """Return the router's handler: only the functions of `operations` are ever called, whatever a header says.

    `functions` is the pattern of their names, by default the environment's; `client` is botocore's for Lambda. Raises
    SettingsError.
    """
    pattern = functions or functions_of(os.environ)
    targets = {name: pattern.replace(OPERATION, name) for name in operations}
    door = Door(dict.fromkeys(targets, _elsewhere))
    call = Call(client or lambda_client(get_session(), read_timeout_s=READ_TIMEOUT_S))

    def handler(event: Event, context: object) -> dict[str, Any]:
        del context
        try:
            head = head_of(event)
            target = targets[door.target(head)]
            plausible(head, clock.now_s())
            return call(target, event)
        except Refusal as refusal:
            return response_of(refuse(refusal))

    return handler


def _elsewhere(*_: object) -> dict[str, Any]:
    raise InternalServerError(reason="The router carries out nothing itself.")


class Call:
    """The call of a function, sent once; only a proxy response is accepted as its response."""

    def __init__(self, client: Any, clock: Clock = SYSTEM_CLOCK) -> None:
        self._client = client
        self._clock = clock
        self._used_s = 0.0

    def __call__(self, function: str, event: Event) -> dict[str, Any]:
        """Call the function and return its response. Raises InternalServerError, Throttling or ImageTooLarge."""
        if self._clock.now_s() - self._used_s > IDLE_S:
            self._client.close()
        payload = json.dumps(event, separators=(",", ":")).encode()
        try:
            response = self._client.invoke(FunctionName=function, InvocationType="RequestResponse", Payload=payload)
            body = response["Payload"].read()
        except ClientError as error:
            raise _refusal(function, error.response["Error"]["Code"]) from error
        except BotoCoreError as error:
            log.error("%s was called and did not answer: %s", function, type(error).__name__)
            raise InternalServerError(reason="The operation's function did not answer.") from error
        finally:
            self._used_s = self._clock.now_s()
        if response.get("FunctionError"):
            log.error("%s failed: %s", function, response["FunctionError"])
            raise InternalServerError(reason="The operation's function failed.")
        return _proxy_response(function, body)


def _proxy_response(function: str, body: bytes) -> dict[str, Any]:
    try:
        response = json.loads(body)
    except ValueError:
        response = None
    if not isinstance(response, dict) or "statusCode" not in response:
        log.error("%s answered with something else than a proxy response", function)
        raise InternalServerError(reason="The operation's function answered in a strange way.")
    return response


def _refusal(function: str, code: str) -> Refusal:
    if code in BUSY:
        return Throttling(reason="Too many functions run at once; nothing was done.")
    if code == TOO_LARGE:
        return ImageTooLarge(reason="A request may have 6 MB here, an image in it about 3.5 MB; give an S3Object.")
    log.error("%s cannot be called: %s", function, code)
    return InternalServerError(reason="The operation's function cannot be called.")
