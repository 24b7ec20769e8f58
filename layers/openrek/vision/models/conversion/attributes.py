"""The attributes of a node of a graph, read in the same way for every dialect."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from openrek.vision.models.conversion.failure import ConversionError

_Value = TypeVar("_Value")


class Attributes:
    """The attributes of one node. A rule reads each that it knows; what is left unread at the end is an error, because
    an attribute that nobody looked at may change the numbers.
    """

    def __init__(self, where: str, values: Mapping[str, object]) -> None:
        """Take the attributes; `where` names the operator and the node in messages."""
        self._where = where
        self._values = values
        self._unread = set(values)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def integer(self, name: str, default: int | None = None) -> int:
        return self._read(name, int, default)

    def number(self, name: str) -> float:
        return self._read(name, float, None)

    def text(self, name: str) -> str:
        return self._read(name, str, None)

    def flag(self, name: str) -> bool:
        """Return the flag; False where it is not written, as every dialect has it."""
        return self._read(name, bool, False)

    def integers(self, name: str, default: Sequence[int] | None = None) -> list[int]:
        return [int(value) for value in self._read(name, list, None if default is None else list(default))]

    def numbers(self, name: str) -> list[float]:
        return [float(value) for value in self._read(name, list, None)]

    def texts(self, name: str) -> list[str]:
        """Return the texts; empty where they are not written."""
        return [str(value) for value in self._read(name, list, [])]

    def expect(self, **wanted: object) -> None:
        """Raise ConversionError where an attribute is written with another value than the only one that is known."""
        for name, value in wanted.items():
            self._unread.discard(name)
            if name in self._values and self._values[name] != value:
                raise ConversionError(f"{self._where} has {name} = {self._values[name]!r}; only {value!r} is known.")

    def ignore(self, *names: str) -> None:
        """Read attributes that say nothing which the rule doesn't know already."""
        self._unread.difference_update(names)

    def check_all_read(self) -> None:
        """Raise ConversionError where an attribute was not asked for."""
        if self._unread:
            raise ConversionError(f"{self._where} has the unknown attribute {min(self._unread)}.")

    def _read(self, name: str, kind: type[_Value], default: _Value | None) -> _Value:
        self._unread.discard(name)
        value = self._values.get(name, default)
        if value is None:
            raise ConversionError(f"{self._where} lacks the attribute {name}.")
        if type(value) is not kind:
            raise ConversionError(f"{self._where} has {name} = {value!r}, which is no {kind.__name__}.")
        return value
