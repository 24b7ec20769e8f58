"""Reads flatbuffers without a schema compiler: a table's fields by their slots, as the format's specification has it.

https://flatbuffers.dev/internals: a table begins with the distance back to its vtable, which holds, after its own size
and the table's, one 16-bit offset for each slot (0: the field has its default).
"""

import struct
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from openrek.vision.models.conversion.failure import ConversionError

_Item = TypeVar("_Item", bound=np.generic)


class Table:
    """One table of the buffer. Every read stays within the buffer or raises ConversionError."""

    def __init__(self, buffer: bytes, at: int) -> None:
        self._buffer = buffer
        self._at = at
        vtable = at - _scalar(buffer, at, "<i")
        size = _scalar(buffer, vtable, "<H")
        self._slots = [_scalar(buffer, vtable + 4 + 2 * slot, "<H") for slot in range(max(0, size - 4) // 2)]

    @classmethod
    def root(cls, buffer: bytes, identifier: bytes) -> "Table":
        """Return the root table. Raises ConversionError unless `buffer` bears the file identifier."""
        if buffer[4:8] != identifier:
            raise ConversionError(f"The file is no {identifier.decode()} flatbuffer.")
        return cls(buffer, _scalar(buffer, 0, "<I"))

    def present(self) -> set[int]:
        """Return the slots whose fields are written."""
        return {slot for slot, offset in enumerate(self._slots) if offset}

    def number(self, slot: int, code: str, default: int = 0) -> int:
        """Return an integer or bool field; `code` is its letter in the module `struct`."""
        at = self._field(slot)
        return _scalar(self._buffer, at, f"<{code}") if at else default

    def text(self, slot: int) -> str:
        at, size = self._vector(slot, 1)
        return self._buffer[at : at + size].decode("utf-8")

    def array(self, slot: int, dtype: "type[_Item]") -> NDArray[_Item]:
        """Return a vector of numbers; empty where it is not written."""
        little: DTypeLike = np.dtype(dtype).newbyteorder("<")
        at, size = self._vector(slot, np.dtype(dtype).itemsize)
        return np.frombuffer(self._buffer, little, size, at).astype(dtype)

    def table(self, slot: int) -> "Table | None":
        at = self._field(slot)
        return Table(self._buffer, at + _scalar(self._buffer, at, "<I")) if at else None

    def tables(self, slot: int) -> Sequence["Table"]:
        start, size = self._vector(slot, 4)
        places = range(start, start + 4 * size, 4)
        return [Table(self._buffer, at + _scalar(self._buffer, at, "<I")) for at in places]

    def _field(self, slot: int) -> int:
        """Return the offset of the field; 0 where it isn't written."""
        offset = self._slots[slot] if slot < len(self._slots) else 0
        return self._at + offset if offset else 0

    def _vector(self, slot: int, item_bytes: int) -> tuple[int, int]:
        """Return the offset of the items, and their number."""
        at = self._field(slot)
        if not at:
            return 0, 0
        start = at + _scalar(self._buffer, at, "<I")
        size = _scalar(self._buffer, start, "<I")
        if size * item_bytes > len(self._buffer) - start - 4:
            raise ConversionError("The flatbuffer ends within a vector.")
        return start + 4, size


def _scalar(buffer: bytes, at: int, code: str) -> int:
    if not 0 <= at <= len(buffer) - struct.calcsize(code):
        raise ConversionError("The flatbuffer points outside itself.")
    return int(struct.unpack_from(code, buffer, at)[0])
