"""HTTP replies to requests; the only place where a refusal becomes a status and a body.

Errors of the service model carry `__type`, `Code`, `Logref` and `Message`; those of AWS's framework carry `__type` and
`message`, a SerializationException (as measured on Kinesis and Athena) `__type` and `Message`. SDKs take the code from
`__type` only, so it is always in the body; they read either spelling of the text.
"""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from openrek.domain import errors
from openrek.wire.http import HttpReply

CONTENT_TYPE = "application/x-amz-json-1.1"
REASON_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Fault:
    """The form of a kind of refusal on the wire; `modelled` if the service model declares it."""

    code: str
    status: int = 400
    modelled: bool = True
    text_key: str = "Message"


FAULTS: Mapping[type[errors.Refusal], Fault] = {
    errors.ValidationError: Fault("ValidationException", modelled=False, text_key="message"),
    errors.SerializationError: Fault("SerializationException", modelled=False),
    errors.UnknownOperation: Fault("UnknownOperationException", modelled=False, text_key="message"),
    errors.MissingAuthenticationToken: Fault("MissingAuthenticationTokenException", modelled=False, text_key="message"),
    errors.IncompleteSignature: Fault("IncompleteSignatureException", modelled=False, text_key="message"),
    errors.UnrecognizedClient: Fault("UnrecognizedClientException", modelled=False, text_key="message"),
    errors.InvalidSignature: Fault("InvalidSignatureException", modelled=False, text_key="message"),
    errors.ExpiredToken: Fault("ExpiredTokenException", modelled=False, text_key="message"),
    errors.AccessDenied: Fault("AccessDeniedException"),
    errors.InvalidParameter: Fault("InvalidParameterException"),
    errors.InvalidImageFormat: Fault("InvalidImageFormatException"),
    errors.ImageTooLarge: Fault("ImageTooLargeException"),
    errors.InvalidS3Object: Fault("InvalidS3ObjectException"),
    errors.InvalidPaginationToken: Fault("InvalidPaginationTokenException"),
    errors.ResourceNotFound: Fault("ResourceNotFoundException"),
    errors.ResourceAlreadyExists: Fault("ResourceAlreadyExistsException"),
    errors.Conflict: Fault("ConflictException"),
    errors.IdempotentParameterMismatch: Fault("IdempotentParameterMismatchException"),
    errors.ServiceQuotaExceeded: Fault("ServiceQuotaExceededException"),
    # The "Slow down" flavour is documented with 400; SDKs retry it by its code.
    errors.Throttling: Fault("ThrottlingException"),
    errors.InternalServerError: Fault("InternalServerError", status=500),
}


def new_request_id() -> str:
    """Return a random UUID as text."""
    return str(uuid4())


def accept(response: Mapping[str, Any], request_id: str, *, reason: str | None = None) -> HttpReply:
    """Return the reply to a request that was carried out. Raises ValueError for a float that is not finite."""
    body = json.dumps(response, default=_plain, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return HttpReply(200, _headers(request_id, reason), body.encode())


def refuse(refusal: errors.Refusal, request_id: str | None = None) -> HttpReply:
    """Return the reply to a request that was refused."""
    request_id = request_id or new_request_id()
    fault = next((FAULTS[kind] for kind in type(refusal).__mro__ if kind in FAULTS), FAULTS[errors.InternalServerError])
    service = {"Code": fault.code, "Logref": request_id} if fault.modelled else {}
    body = {"__type": fault.code, **service, fault.text_key: str(refusal)}
    return HttpReply(fault.status, _headers(request_id, refusal.reason or str(refusal)), json.dumps(body).encode())


def _headers(request_id: str, reason: str | None) -> dict[str, str]:
    headers = {"Content-Type": CONTENT_TYPE, "x-amzn-RequestId": request_id}
    if reason:
        headers["x-openrek-reason"] = _header_text(reason)
    return headers


def _header_text(text: str) -> str:
    """Return printable ASCII on one line, bounded: part of it may be the caller's own words."""
    printable = "".join(character if " " <= character <= "~" else "?" for character in text[: REASON_CHARACTERS + 1])
    return printable if len(printable) <= REASON_CHARACTERS else printable[: REASON_CHARACTERS - 3] + "..."


def _plain(value: object) -> object:
    """Convert values that JSON has no type for as AWS JSON does: bytes to base64, times to epoch seconds."""
    if isinstance(value, bytes):
        return b64encode(value).decode("ascii")
    if isinstance(value, datetime):
        return round(value.timestamp(), 3)
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"a response may not hold a {type(value).__name__}")
