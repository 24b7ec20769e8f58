"""JSON parser of request bodies, as RFC 8259 has it: one object, no NaN, no byte order mark, UTF-8 only."""

import json
from typing import Any, NoReturn

from openrek.domain.errors import SerializationError


def parse_object(body: bytes) -> dict[str, Any]:
    """Parse the body. Numbers too long for a double become infinite, and the type check refuses them.

    Raises SerializationError.
    """
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except RecursionError:
        raise _not_understood("The body is nested too deeply.") from None
    except ValueError:  # not UTF-8, not JSON, or an integer with thousands of digits
        raise _not_understood("The body is not JSON in UTF-8.") from None
    if isinstance(value, list):
        raise SerializationError("Start of list found where not expected", reason="The body must be a JSON object.")
    if not isinstance(value, dict):
        raise _not_understood("The body must be a JSON object.")
    return value


def _not_understood(sentence: str) -> SerializationError:
    """Return the error for a body that is no JSON object.

    AWS sends no text with these; ours does no harm and SDKs show it.
    """
    return SerializationError(sentence, reason=sentence)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
