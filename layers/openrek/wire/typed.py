"""JSON values -> values of the model's types, or a SerializationError.

Texts and rules are those measured on other AWS JSON 1.1 services (Kinesis, DynamoDB, Athena) by the authors of open
emulators: null is the same as absent, a member that the model does not know is left out, a fraction given for an
integer is cut off, an integer of any size is left to the range check. The texts name no member, so the reason does.
"""

import math
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Callable
from typing import Any, Final

from openrek.domain.errors import SerializationError
from openrek.wire.model import Model, Shape

NAMES: Final = {
    "integer": "an Integer",
    "long": "a Long",
    "float": "a Float",
    "double": "a Double",
    "timestamp": "a Date",
}
UNKNOWN_NAMED = 5


class Typing:
    """One request being read. `unknown` collects the paths of members that the model does not know, a few at most."""

    def __init__(self, model: Model) -> None:
        self._shapes = model.shapes
        self.unknown: list[str] = []
        self._readers: dict[str, Callable[[Shape, Any, str], Any]] = {
            "structure": self._structure,
            "list": self._list,
            "map": self._map,
            "string": _string,
            "blob": _blob,
            "boolean": _boolean,
            "integer": _integer,
            "long": _integer,
            "float": _number,
            "double": _number,
            "timestamp": _number,
        }

    def read(self, shape_name: str, value: Any, path: str) -> Any:
        """`path` is where the value stands, in API spelling: `Image.S3Object.Name`."""
        if value is None:
            return None
        shape = self._shapes[shape_name]
        return self._readers[shape.kind](shape, value, path)

    def _structure(self, shape: Shape, value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _unexpected(value, path)
        self._note_unknown(value.keys() - shape.members.keys(), path)
        prefix = f"{path}." if path else ""
        return {
            name: self.read(member, value[name], prefix + name)
            for name, member in shape.members.items()
            if value.get(name) is not None
        }

    def _list(self, shape: Shape, value: Any, path: str) -> list[Any]:
        if not isinstance(value, list):
            raise _unexpected(value, path, "Expected list or null")
        return [self.read(shape.member, item, f"{path}[{place}]") for place, item in enumerate(value)]

    def _map(self, shape: Shape, value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _unexpected(value, path, "Expected map or null")
        return {_encodable(key, path): self.read(shape.value, item, f"{path}[...]") for key, item in value.items()}

    def _note_unknown(self, names: set[str], path: str) -> None:
        room = UNKNOWN_NAMED - len(self.unknown)
        self.unknown.extend(f"{path}.{name[:64]}" if path else name[:64] for name in sorted(names)[:room])


def _string(_: Shape, value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise _inconvertible(value, "a String", path)
    return _encodable(value, path)


def _blob(_: Shape, value: Any, path: str) -> bytes:
    if not isinstance(value, str):
        raise _inconvertible(value, "a Blob", path)
    try:
        return a2b_base64(value, strict_mode=True)
    except (Base64Error, ValueError):
        raise SerializationError("Invalid Base64", reason=f"{path} is not base64 (RFC 4648, with padding).") from None


def _boolean(_: Shape, value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise _inconvertible(value, "a Boolean", path)
    return value


def _integer(shape: Shape, value: Any, path: str) -> int:
    return value if type(value) is int else int(_number(shape, value, path))


def _number(shape: Shape, value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _inconvertible(value, NAMES[shape.kind], path)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isinf(number):
        raise _inconvertible(value, NAMES[shape.kind], path)
    return number


def _encodable(text: str, path: str) -> str:
    """JSON can spell half a surrogate pair, which no encoding can carry further."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise SerializationError(reason=f"{path} holds half of a surrogate pair.") from None
    return text


def _inconvertible(value: Any, kind: str, path: str) -> SerializationError:
    if isinstance(value, list | dict):
        return _unexpected(value, path)
    given = str(value).upper() if isinstance(value, bool) else "STRING" if isinstance(value, str) else "NUMBER"
    return SerializationError(f"{given}_VALUE can not be converted to {kind}", reason=f"{path} must be {kind}.")


def _unexpected(value: Any, path: str, expected: str = "Expected null") -> SerializationError:
    if isinstance(value, list):
        text = "Start of list found where not expected"
    elif isinstance(value, dict):
        text = "Start of structure or map found where not expected."
    else:
        text = expected
    return SerializationError(text, reason=f"{path} has the wrong JSON type.")
