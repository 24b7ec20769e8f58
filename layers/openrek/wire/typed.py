"""Conversion of JSON values to the model's types, or a SerializationError.

Texts and rules are those measured on other AWS JSON 1.1 services (Kinesis, DynamoDB, Athena) by the authors of open
emulators: null is the same as absent, a member that the model does not know is ignored, a fraction given for an integer
is cut off, the range check alone bounds an integer's size. The texts name no member, so the reason does.
"""

import math
from binascii import a2b_base64
from collections.abc import Callable
from itertools import islice
from typing import Any, Final

from openrek.domain.errors import SerializationError
from openrek.wire.model import Model, Shape

NUMBERS: Final = {"integer": "an Integer", "long": "a Long", "float": "a Float", "double": "a Double"}
UNKNOWN_NAMED = 5


class Mistyped(Exception):
    """A value of the wrong type.

    `sentence` goes on after the member's path, which is collected on the way up, innermost first.
    """

    def __init__(self, text: str | None, sentence: str) -> None:
        super().__init__(text)
        self.text = text
        self.sentence = sentence
        self.steps: list[str] = []

    def refusal(self) -> SerializationError:
        path = "".join(reversed(self.steps)).removeprefix(".")
        return SerializationError(self.text, reason=f"{path} {self.sentence}.")


class Typing:
    """The conversion of one request. `unknown` names members that the model does not know, a few at most."""

    def __init__(self, model: Model) -> None:
        self._shapes = model.shapes
        self.unknown: list[str] = []
        self._readers: dict[str, Callable[[Shape, Any], Any]] = {
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
        }

    def request(self, shape_name: str, sent: dict[str, Any]) -> dict[str, Any]:
        """Return the request with values of the model's types. Raises SerializationError."""
        try:
            return self._structure(self._shapes[shape_name], sent)
        except Mistyped as wrong:
            raise wrong.refusal() from None

    def _structure(self, shape: Shape, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _unexpected(value, "Expected null")
        if not value.keys() <= shape.members.keys():
            self._note_unknown(value.keys() - shape.members.keys())
        typed = {}
        for name, member in shape.members.items():
            if value.get(name) is not None:
                typed[name] = self._inside(f".{name}", member, value[name])
        return typed

    def _list(self, shape: Shape, value: Any) -> list[Any]:
        """Convert a list; one that is too long is read only as far as shows that it is."""
        if not isinstance(value, list):
            raise _unexpected(value, "Expected list or null")
        return [self._inside(place, shape.member, item) for place, item in enumerate(value[: _most_read(shape)])]

    def _map(self, shape: Shape, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _unexpected(value, "Expected map or null")
        pairs = islice(value.items(), _most_read(shape))
        return {_encodable(key): self._inside(".*", shape.value, item) for key, item in pairs}

    def _inside(self, step: str | int, shape_name: str, value: Any) -> Any:
        """Convert a value within another; null stays null."""
        if value is None:
            return None
        shape = self._shapes[shape_name]
        try:
            return self._readers[shape.kind](shape, value)
        except Mistyped as wrong:
            wrong.steps.append(step if isinstance(step, str) else f"[{step}]")
            raise

    def _note_unknown(self, names: set[str]) -> None:
        self.unknown.extend(name[:64] for name in sorted(names)[: UNKNOWN_NAMED - len(self.unknown)])


def _most_read(shape: Shape) -> int | None:
    return None if shape.maximum is None else int(shape.maximum) + 1


def _string(_: Shape, value: Any) -> str:
    if not isinstance(value, str):
        raise _inconvertible(value, "a String")
    return _encodable(value)


def _blob(_: Shape, value: Any) -> bytes:
    if not isinstance(value, str):
        raise _inconvertible(value, "a Blob")
    try:
        return a2b_base64(value, strict_mode=True)
    except ValueError:
        raise Mistyped("Invalid Base64", "is not base64 (RFC 4648, with padding)") from None


def _boolean(_: Shape, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _inconvertible(value, "a Boolean")
    return value


def _integer(shape: Shape, value: Any) -> int:
    return value if type(value) is int else int(_number(shape, value))


def _number(shape: Shape, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _inconvertible(value, NUMBERS[shape.kind])
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isinf(number):
        raise _inconvertible(value, NUMBERS[shape.kind])
    return number


def _encodable(text: str) -> str:
    """Return the text; raise Mistyped for half a surrogate pair, which JSON can spell and no encoding can carry."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Mistyped(None, "holds half of a surrogate pair") from None
    return text


def _inconvertible(value: Any, kind: str) -> Mistyped:
    if isinstance(value, list | dict):
        return _unexpected(value, "")
    given = str(value).upper() if isinstance(value, bool) else "STRING" if isinstance(value, str) else "NUMBER"
    return Mistyped(f"{given}_VALUE can not be converted to {kind}", f"must be {kind}")


def _unexpected(value: Any, expected: str) -> Mistyped:
    if isinstance(value, list):
        text = "Start of list found where not expected"
    elif isinstance(value, dict):
        text = "Start of structure or map found where not expected."
    else:
        text = expected
    return Mistyped(text, "has the wrong JSON type")
