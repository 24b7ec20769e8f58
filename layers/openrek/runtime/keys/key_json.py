"""An access key as JSON, as the file of keys and SSM parameters hold it."""

import json
from typing import Any

from openrek.domain.access_keys import AccessKey
from openrek.domain.permissions import Permissions


class BadKey(ValueError):
    """A description of an access key that is wrong. The text names the key, never its contents."""


def to_plain(key: AccessKey) -> dict[str, Any]:
    """Return the key as JSON values, without the id, which stands beside it."""
    return {
        "secret": key.secret,
        "operations": list(key.permissions.operations),
        "collections": list(key.permissions.collections),
        "objects": list(key.permissions.objects),
        "created": key.created_s,
        "expires": key.expires_s,
        "note": key.note,
    }


def of_plain(key_id: str, plain: Any) -> AccessKey:
    """Return the key. Raises BadKey. A key of before there were patterns of objects reads none."""
    try:
        permissions = Permissions(
            _texts(plain["operations"]), _texts(plain["collections"]), _texts(plain.get("objects", []))
        )
        expires = plain["expires"]
        return AccessKey(
            key_id,
            plain["secret"],
            permissions,
            _seconds(plain["created"]),
            None if expires is None else _seconds(expires),
            plain["note"],
        )
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
        raise BadKey(f"The access key {key_id} is not described as openrek does it.") from None


def _texts(plain: Any) -> tuple[str, ...]:
    """Return the texts. A text alone is not taken for a list of its letters: one of them may be `*`."""
    if not isinstance(plain, list):
        raise TypeError
    return tuple(plain)


def _seconds(plain: Any) -> float:
    """Return the number. JSON's true is a number for Python, and a text may be one for `float`: both are refused."""
    if isinstance(plain, bool) or not isinstance(plain, int | float):
        raise TypeError
    return float(plain)


def to_text(key: AccessKey) -> str:
    return json.dumps(to_plain(key), separators=(",", ":"))


def of_text(key_id: str, text: str) -> AccessKey:
    """Return the key. Raises BadKey."""
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError):
        plain = None
    return of_plain(key_id, plain)
