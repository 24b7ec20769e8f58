"""The body of a row of the embedded store: MessagePack behind a checksum over the row's key and content.

    0x63, CRC-32 of partition 0x00 sort 0x00 map (4 bytes, little-endian), map

Rows of before format 3 are the map alone. No single flipped bit makes a first byte of one kind into one of the other.
"""

import struct
import zlib
from typing import Final

import msgpack

from openrek.store.items.port import Attributes, DamagedItem, Key

CHECKED: Final = 0x63
CRC: Final = struct.Struct("<I")
MAP_AT: Final = 1 + CRC.size
MAP_STARTS: Final = frozenset({*range(0x80, 0x90), 0xDE, 0xDF})
"""How a map begins in MessagePack."""


def encode(key: Key, attributes: Attributes) -> bytes:
    content: bytes = msgpack.packb(dict(attributes))
    return bytes([CHECKED]) + CRC.pack(_sum(key, content)) + content


def decode(key: Key, body: object) -> Attributes:
    """Return the attributes. Raises DamagedItem for a body that no openrek wrote under that key."""
    if not isinstance(body, bytes) or not body or not isinstance(key.sort, str):
        raise DamagedItem(key)
    if body[0] in MAP_STARTS:
        found = _map(key, body)
        if not _is_value(found):
            raise DamagedItem(key)
        return found
    content = body[MAP_AT:]
    if body[0] != CHECKED or not content or body[1:MAP_AT] != CRC.pack(_sum(key, content)):
        raise DamagedItem(key)
    return _map(key, content)


def is_checked(body: bytes) -> bool:
    """Return True if a body carries a checksum."""
    return body[:1] == bytes([CHECKED])


def _sum(key: Key, content: bytes) -> int:
    return zlib.crc32(content, zlib.crc32(f"{key.partition}\0{key.sort}\0".encode()))


def _map(key: Key, content: bytes) -> Attributes:
    try:
        found = msgpack.unpackb(content)
    except (ValueError, TypeError, msgpack.UnpackException) as error:  # texts that are none are a ValueError, too
        raise DamagedItem(key) from error
    if not isinstance(found, dict):
        raise DamagedItem(key)
    return found


def _is_value(value: object) -> bool:
    """Return True if an item can hold the value; needed only where there is no checksum."""
    if isinstance(value, dict):
        return all(isinstance(name, str) and _is_value(inner) for name, inner in value.items())
    if isinstance(value, list):
        return all(map(_is_value, value))
    return isinstance(value, str | bytes | bool | int)
