"""Validation of a parsed request against the service model: types first, then constraints, as AWS does.

A broken constraint gives AWS's text: `Value '<v>' at '<camelCase.path>' failed to satisfy constraint: <ending>`. For a
list or a map of plain values AWS names the list and all constraints on an element; the reason says which element it
was.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from openrek.domain.errors import ValidationError
from openrek.wire.constraints import broken, demands, length_broken
from openrek.wire.model import Model, Shape
from openrek.wire.typed import Typing

MOST_ERRORS = 10
QUOTED_CHARACTERS = 1024
PLAIN_KINDS = frozenset({"string", "integer", "long", "float", "double", "boolean"})


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken constraint. `text` is AWS's; `reason` says the same of the very element, in API spelling."""

    text: str
    reason: str


def validated(model: Model, operation: str, sent: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the request with typed values (blobs as bytes), and the names of members that were ignored.

    Raises SerializationError for a wrong type, ValidationError for a broken constraint.
    """
    typing = Typing(model)
    name = model.operations[operation]
    request = typing.request(name, sent)
    violations = list(islice(_Check(model).structure(model.shapes[name], request, ()), MOST_ERRORS))
    if violations:
        count = f"{len(violations)} validation error{'s' if len(violations) > 1 else ''} detected: "
        raise ValidationError(count + "; ".join(each.text for each in violations), reason=violations[0].reason)
    return request, typing.unknown


class _Check:
    """A walk through a typed request. Paths are tuples of names as the API spells them."""

    def __init__(self, model: Model) -> None:
        self._shapes = model.shapes

    def structure(self, shape: Shape, value: dict[str, Any], path: tuple[str, ...]) -> Iterator[Violation]:
        for name, member in shape.members.items():
            if name in value:
                yield from self._value(self._shapes[member], value[name], (*path, name))
            elif name in shape.required:
                yield _violation(self._shapes[member], None, (*path, name), "Member must not be null")

    def _value(self, shape: Shape, value: Any, path: tuple[str, ...]) -> Iterator[Violation]:
        if shape.kind == "structure":
            yield from self.structure(shape, value, path)
            return
        for ending in broken(shape, value):
            yield _violation(shape, value, path, ending)
        if shape.kind == "list":
            yield from self._items(shape, value, path)
        elif shape.kind == "map":
            yield from self._of_each(shape, value, path, "Map keys", shape.key, list(value))
            yield from self._of_each(shape, value, path, "Map value", shape.value, list(value.values()))

    def _items(self, shape: Shape, value: list[Any], path: tuple[str, ...]) -> Iterator[Violation]:
        member = self._shapes[shape.member]
        if member.kind in PLAIN_KINDS:
            yield from self._of_each(shape, value, path, "Member", shape.member, value)
            return
        for place, item in enumerate(value, start=1):
            at = (*path, str(place), "member")
            if item is None:
                yield _violation(member, None, at, "Member must not be null")
            else:
                yield from self._value(member, item, at)

    def _of_each(
        self, shape: Shape, value: Any, path: tuple[str, ...], what: str, part: str, items: list[Any]
    ) -> Iterator[Violation]:
        """Yield one violation for the whole of a list or map whose plain elements break a constraint.

        A list that is too long yields nothing here: its length is a violation already, and a check of each of a million
        elements helps nobody.
        """
        if length_broken(shape, value):
            return
        element = self._shapes[part]
        for place, item in enumerate(items):
            endings = ["Member must not be null"] if item is None else list(broken(element, item))
            if endings:
                text = f"{what} must satisfy constraint: [{', '.join((*demands(element), 'Member must not be null'))}]"
                named = f"{'.'.join(path)}, {what.lower()} {place + 1} of {len(items)}: {endings[0]}."
                yield Violation(_violation(shape, value, path, text).text, named)
                return


def _violation(shape: Shape, value: Any, path: tuple[str, ...], ending: str) -> Violation:
    quoted = "null" if value is None else f"'{_quoted(value)}'"
    shown = f"Value {quoted}" if value is None or not shape.sensitive else "Value"
    place = ".".join(name[:1].lower() + name[1:] for name in path)
    return Violation(
        f"{shown} at '{place}' failed to satisfy constraint: {ending}",
        f"{'.'.join(path)}: {ending}.",
    )


def _quoted(value: Any) -> str:
    """Return the value as Java prints it; long values are cut, blobs show their size only."""
    if isinstance(value, bytes):
        return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return _cut("{" + ", ".join(f"{key}={_quoted(item)}" for key, item in islice(value.items(), 64)) + "}")
    if isinstance(value, list):
        return _cut("[" + ", ".join("null" if item is None else _quoted(item) for item in value[:64]) + "]")
    return _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= QUOTED_CHARACTERS else text[: QUOTED_CHARACTERS - 3] + "..."
