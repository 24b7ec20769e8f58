"""The door: takes one HTTP request and returns one HTTP reply, and never raises.

It knows HTTP, AWS JSON 1.1 and the service model; it knows operations only as functions from dict to dict. Operations
raise the domain's refusals; only here and in `reply` do these become HTTP.
"""

import logging
import traceback
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from openrek.domain.caller import Caller
from openrek.domain.errors import InternalServerError, Refusal, UnknownOperation
from openrek.domain.remarks import Remarked
from openrek.wire import reply
from openrek.wire.http import HttpReply, HttpRequest
from openrek.wire.limits import body_too_large, max_body_bytes
from openrek.wire.model import service_model
from openrek.wire.parse import parse_object
from openrek.wire.permission import require_permission
from openrek.wire.scope import caller_by_scope
from openrek.wire.validate import validated

BoundOperation: TypeAlias = Callable[[dict[str, Any], Caller], dict[str, Any]]
"""`bound(request, caller)`: an operation with its needs filled in, which returns the response."""

Authenticate: TypeAlias = Callable[[HttpRequest], Caller]
"""Returns the caller, or raises a Refusal."""

TARGET_PREFIX = "RekognitionService."
HOW_TO_ASK = (
    "Ask with POST / and the header X-Amz-Target: RekognitionService.<Operation>, or POST /<Operation>; "
    "if both name one, the same."
)
CONTENT_TYPES = ("application/x-amz-json-1.1", "application/x-amz-json-1.0")

log = logging.getLogger(__name__)


class Door:
    """The entry to the operations. `operations` maps API names (`SearchFacesByImage`) to their functions.

    `authenticate` returns the caller or raises a Refusal; the default believes the credential scope. `elsewhere`
    returns True for an operation that another door offers. `touch_no_collection` names operations for which a caller
    needs no permission for a collection; `implied` has the collection of each operation that works on one which no
    request names.
    """

    def __init__(
        self,
        operations: Mapping[str, BoundOperation],
        *,
        authenticate: Authenticate = caller_by_scope,
        elsewhere: Callable[[str], bool] = lambda _: False,
        touch_no_collection: Collection[str] = (),
        implied: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._operations = operations
        self.model = service_model()
        self._authenticate = authenticate
        self._elsewhere = elsewhere
        self._touch_no_collection = frozenset(touch_no_collection)
        self._implied = implied

    def respond(self, request: HttpRequest) -> HttpReply:
        """Carry out the request and return the reply, also to a request that fails. Never raises."""
        request_id = reply.new_request_id()
        try:
            return self._carry_out(request, request_id)
        except Refusal as refusal:
            return reply.refuse(refusal, request_id)
        except Exception as error:  # noqa: BLE001 - the one place where an unforeseen error becomes a reply
            # Neither the message nor the values: they may hold an image or a vector.
            frames = "".join(traceback.format_tb(error.__traceback__))
            log.error("request %s failed with %s\n%s", request_id, type(error).__qualname__, frames)
            return reply.refuse(InternalServerError(), request_id)

    def target(self, request: HttpRequest) -> str:
        """Return the name of the operation that the request asks for; its body is not needed.

        Raises UnknownOperation unless this door offers it.
        """
        name = _named(request)
        if name in self._operations:
            return name
        if name in self.model.operations:
            raise UnknownOperation(
                reason=f"{name} is not answered at this address."
                if self._elsewhere(name)
                else f"{name} is an operation of Rekognition that openrek does not offer."
            )
        raise UnknownOperation(reason=f"Rekognition has no operation {name!r}." if name else HOW_TO_ASK)

    def _carry_out(self, request: HttpRequest, request_id: str) -> HttpReply:
        self._require_size(request)
        caller = self._authenticate(request)
        operation = self.target(request)
        _require_content_type(request)
        sent = parse_object(request.body)
        arguments, unknown = validated(self.model, operation, sent)
        require_permission(self.model, operation, arguments, caller, self._touch_no_collection, self._implied)
        response = self._operations[operation](arguments, caller)
        return reply.accept(response, request_id, reason=_reason(response, unknown))

    def _require_size(self, request: HttpRequest) -> None:
        name = _named(request)
        if len(request.body) > max_body_bytes(self.model, name):
            raise body_too_large(self.model, name)


def _named(request: HttpRequest) -> str:
    """Return the operation's name as the request gives it, or the empty string."""
    path = request.path.partition("?")[0].removeprefix("/")
    target = request.headers.get("x-amz-target", "")
    by_target = target.removeprefix(TARGET_PREFIX) if target.startswith(TARGET_PREFIX) else ""
    if request.method != "POST" or (path and target and path != by_target):
        return ""
    return path or by_target


def _require_content_type(request: HttpRequest) -> None:
    """Raise UnknownOperation for another type.

    A web page cannot send these types without asking first, and it is never allowed to.
    """
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in CONTENT_TYPES:
        raise UnknownOperation(reason=f"The Content-Type must be {CONTENT_TYPES[0]}.")


def _reason(response: dict[str, Any], unknown: list[str]) -> str | None:
    """Return the remarks of a response and the sentence that names ignored members.

    AWS ignores members that the model does not know, too, but does not say so.
    """
    remarks = response.remarks if isinstance(response, Remarked) else ()
    ignored = [f"Ignored, not in the service model: {', '.join(unknown)}."] if unknown else []
    return " ".join([*remarks, *ignored]) or None
