"""Tombstones: the deleted rows of a segment, one bit a row, in a blob with a checksum."""

import struct
import zlib
from typing import Final

import numpy as np

from openrek.store.segments.columns import Bools
from openrek.store.segments.segment_file import CorruptSegment

MAGIC: Final = b"orekdead"
HEAD: Final = struct.Struct("<8sQI")
"""Magic, rows, CRC-32 of the bits."""


def encode_tombstones(deleted: Bools) -> bytes:
    """Return the blob of `deleted`, bool [n]."""
    bits = np.packbits(deleted).tobytes()
    return HEAD.pack(MAGIC, len(deleted), zlib.crc32(bits)) + bits


def decode_tombstones(content: bytes, rows: int) -> Bools:
    """Return the deleted rows, bool [rows]. Raises CorruptSegment."""
    if len(content) < HEAD.size:
        raise CorruptSegment("tombstones shorter than their header")
    magic, count, crc = HEAD.unpack_from(content)
    bits = content[HEAD.size :]
    if (magic, count, crc, len(bits)) != (MAGIC, rows, zlib.crc32(bits), -(-rows // 8)):
        raise CorruptSegment("the tombstones' checksum is wrong")
    return np.unpackbits(np.frombuffer(bits, np.uint8), count=rows).astype(np.bool_)
