"""API Gateway's mapping templates, rendered by a Velocity engine, strictly: what API Gateway does not offer is an error
here, while there (and in the engine itself) it would silently be nothing.

The helpers are those of "API Gateway mapping template and access logging variable reference" in AWS's developer guide.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from airspeed.operators import Template, TemplateExecutionError, __additional_methods__

ESCAPES = {
    "\b": "\\b",
    "\n": "\\n",
    "\t": "\\t",
    "\f": "\\f",
    "\r": "\\r",
    "'": "\\'",
    '"': '\\"',
    "\\": "\\\\",
    "/": "\\/",
}

__additional_methods__[dict]["containsKey"] = lambda self, key: key in self  # as Java's Map; the engine lacks it


class Unknown(Exception):
    """The template uses what API Gateway does not have."""


class Text(str):
    """A Java String, with the methods that a template may use."""

    __slots__ = ()

    def __getitem__(self, name: Any) -> Any:
        raise AttributeError if name in ("replaceAll", "toLowerCase") else Unknown(f"String.{name}")

    def replaceAll(self, pattern: str, by: str) -> "Text":  # noqa: N802 - named as in Java
        return Text(re.sub(pattern, lambda _: by, self))

    def toLowerCase(self) -> "Text":  # noqa: N802
        return Text(self.lower())


class Map(dict[str, Any]):
    """A Java Map, whose entries can be named like fields, but only those that are there."""

    METHODS = ("containsKey", "get", "keySet")

    def __getitem__(self, name: str) -> Any:
        if name in self.METHODS:
            raise AttributeError
        if name not in self:
            raise Unknown(name)
        return dict.__getitem__(self, name)

    def containsKey(self, name: str) -> bool:  # noqa: N802
        return name in self

    def keySet(self) -> list[str]:  # noqa: N802
        return [Text(name) for name in self]


class Util:
    """`$util`"""

    def __getitem__(self, name: str) -> Any:
        raise AttributeError if name == "escapeJavaScript" else Unknown(f"$util.{name}")

    def escapeJavaScript(self, text: str) -> Text:  # noqa: N802
        """As Apache Commons Lang does it: UTF-16 code units, upper-case hex."""
        return Text("".join(_escaped(character) for character in text))


class Input:
    """`$input` of a request, or of a function's answer."""

    def __init__(self, body: str, headers: Mapping[str, str] | None = None) -> None:
        self.body = Text(body)
        self._headers = headers or {}

    def __getitem__(self, name: str) -> Any:
        raise AttributeError if name in ("body", "params", "path") else Unknown(f"$input.{name}")

    def params(self) -> Map:
        headers = Map({name: Text(value) for name, value in self._headers.items()})
        return Map(header=headers, path=Map(), querystring=Map())

    def path(self, expression: str) -> Any:
        if expression != "$":
            raise Unknown(f"JSONPath {expression}")
        return _java(json.loads(self.body))


def rendered(template: str, given: Input, context: Map) -> str:
    """The text; `context` is `$context`, and what the template sets in it is there afterwards."""
    names = Map(input=given, util=Util(), context=context)
    try:
        return str(Template(template).merge(names))
    except TemplateExecutionError as error:
        raise (error.__cause__ if isinstance(error.__cause__, Unknown) else error) from None


def _java(value: Any) -> Any:
    if isinstance(value, dict):
        return Map({name: _java(inner) for name, inner in value.items()})
    return Text(value) if isinstance(value, str) else value


def _escaped(character: str) -> str:
    if character in ESCAPES:
        return ESCAPES[character]
    if " " <= character <= "~":
        return character
    units = character.encode("utf-16-be")
    return "".join(f"\\u{int.from_bytes(units[at : at + 2]):04X}" for at in range(0, len(units), 2))
