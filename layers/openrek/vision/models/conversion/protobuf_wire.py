"""Reads the protobuf wire format without a schema: enough for one frozen, pinned format, and no generated code."""

import struct
from collections import defaultdict

from openrek.vision.models.conversion.failure import ConversionError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED_SIZES = {_FIXED64: 8, _FIXED32: 4}


class Message:
    """One message: the values of its fields by their numbers, in the order of the file."""

    def __init__(self, encoded: bytes) -> None:
        """Read the fields. Raises ConversionError where `encoded` is not a whole message."""
        self._values: defaultdict[int, list[int | bytes]] = defaultdict(list)
        at = 0
        while at < len(encoded):
            key, at = _varint(encoded, at)
            value, at = _value(encoded, at, key & 7)
            self._values[key >> 3].append(value)

    def has(self, number: int) -> bool:
        return number in self._values

    def integers(self, number: int) -> list[int]:
        """Return the signed 64-bit numbers of a field, written one by one or packed."""
        found: list[int] = []
        for value in self._values.get(number, ()):
            if isinstance(value, int):
                found.append(_signed(value))
                continue
            at = 0
            while at < len(value):
                unsigned, at = _varint(value, at)
                found.append(_signed(unsigned))
        return found

    def integer(self, number: int, default: int | None = None) -> int:
        """Return the last value of a field, as protobuf has it.

        Raises ConversionError without one and without a default.
        """
        values = self.integers(number)
        if values:
            return values[-1]
        if default is None:
            raise ConversionError(f"The message lacks its field {number}.")
        return default

    def blobs(self, number: int) -> list[bytes]:
        """Return the byte strings of a field. Raises ConversionError where the field holds numbers."""
        values = self._values.get(number, [])
        blobs = [value for value in values if isinstance(value, bytes)]
        if len(blobs) != len(values):
            raise ConversionError(f"The field {number} of the message holds numbers where bytes belong.")
        return blobs

    def floats(self, number: int) -> list[float]:
        """Return the float32 numbers of a field, written one by one or packed."""
        encoded = b"".join(self.blobs(number))
        if len(encoded) % 4:
            raise ConversionError(f"The field {number} of the message holds no whole float32 numbers.")
        return list(struct.unpack(f"<{len(encoded) // 4}f", encoded))

    def texts(self, number: int) -> list[str]:
        return [blob.decode("utf-8") for blob in self.blobs(number)]

    def text(self, number: int) -> str:
        """Return the text of a field. Raises ConversionError without one."""
        texts = self.texts(number)
        if not texts:
            raise ConversionError(f"The message lacks its field {number}.")
        return texts[-1]

    def messages(self, number: int) -> list["Message"]:
        return [Message(blob) for blob in self.blobs(number)]

    def message(self, number: int) -> "Message":
        """Return the message of a field. Raises ConversionError without one."""
        messages = self.messages(number)
        if not messages:
            raise ConversionError(f"The message lacks its field {number}.")
        return messages[-1]


def _value(encoded: bytes, at: int, kind: int) -> tuple[int | bytes, int]:
    if kind == _VARINT:
        return _varint(encoded, at)
    if kind == _BYTES:
        size, at = _varint(encoded, at)
    elif kind in _FIXED_SIZES:
        size = _FIXED_SIZES[kind]
    else:
        raise ConversionError(f"The message has a field of the unknown wire type {kind}.")
    if size > len(encoded) - at:
        raise ConversionError("The message ends within a field.")
    return encoded[at : at + size], at + size


def _varint(encoded: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(encoded):
            break
        byte = encoded[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
    raise ConversionError("The message ends within a number, or the number has more than 64 bits.")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value
