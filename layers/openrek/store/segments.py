"""Segments: immutable files of rows, read without a copy. docs/SEGMENTS.md has the format byte by byte.

A segment is a header, then the columns of a table one after another, each on a 64-byte boundary and with a checksum.
Everything is little-endian. Nothing is compressed (it would save 7 %) and nothing is pickled.
"""

import struct
import zlib
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from openrek.store.tables import Table, Texts

MAGIC: Final = b"openrek\x00"
VERSION: Final = 1
FACES: Final = 1
"""The kind of the rows, from version 1 on. Users are kind 2."""

HEAD: Final = struct.Struct("<8sIIIIQ")
"""Magic, version, kind, dimensions, number of columns, rows."""

COLUMN: Final = struct.Struct("<QQII")
"""Offset from the start of the file, length in bytes, CRC-32 of the column, reserved (0)."""

CRC: Final = struct.Struct("<I")
COLUMNS: Final = 10
HEADER_BYTES: Final = HEAD.size + COLUMNS * COLUMN.size + CRC.size
ALIGNMENT: Final = 64

Buffer: TypeAlias = bytes | bytearray | memoryview


class CorruptSegment(Exception):
    """The bytes are not a segment that this version wrote."""


def encode(table: Table, kind: int = FACES) -> bytes:
    """The file of a table whose ids are in ascending order."""
    columns = _columns(table)
    header = bytearray(HEAD.pack(MAGIC, VERSION, kind, table.dimensions, len(columns), len(table)))
    offset = _aligned(HEADER_BYTES)
    places: list[int] = []
    for column in columns:
        content = memoryview(np.ascontiguousarray(column)).cast("B") if column.size else b""
        header += COLUMN.pack(offset, len(content), zlib.crc32(content), 0)
        places.append(offset)
        offset = _aligned(offset + len(content))
    header += CRC.pack(zlib.crc32(header))
    file = bytearray(offset)
    file[: len(header)] = header
    for place, column in zip(places, columns, strict=True):
        file[place : place + column.nbytes] = np.ascontiguousarray(column).tobytes()
    return bytes(file)


def decode(buffer: Buffer, kind: int = FACES) -> Table:
    """The table in a segment file, as views of `buffer`. Raises CorruptSegment unless every checksum is right."""
    view = memoryview(buffer)
    dimensions, rows, places = _header(view, kind)
    parts = [view[offset : offset + length] for offset, length, _ in places]
    for part, (_, length, crc) in zip(parts, places, strict=True):
        if len(part) != length or zlib.crc32(part) != crc:
            raise CorruptSegment("a column's checksum is wrong")
    shapes: Sequence[tuple[Any, tuple[int, ...]]] = (
        (np.uint8, (rows, 16)),
        (np.uint64, (rows,)),
        (np.uint8, (rows, 16)),
        (np.float32, (rows, 5)),
        (np.float32, (rows,)),
        (np.int8, (rows, dimensions)),
        (np.uint32, (rows + 1,)),
        (np.uint8, (-1,)),
        (np.uint32, (rows + 1,)),
        (np.uint8, (-1,)),
    )
    try:
        arrays = [_array(part, kind, shape) for part, (kind, shape) in zip(parts, shapes, strict=True)]
    except ValueError as error:
        raise CorruptSegment(str(error)) from None
    ids, seqs, images, geometry, scales, vectors, external_ends, external, owner_ends, owners = arrays
    return Table(
        ids, seqs, images, geometry, scales, vectors, Texts(external_ends, external), Texts(owner_ends, owners)
    )


def _header(view: memoryview, kind: int) -> tuple[int, int, list[tuple[int, int, int]]]:
    """Dimensions, rows, and (offset, length, checksum) of each column."""
    if len(view) < HEADER_BYTES:
        raise CorruptSegment("shorter than a header")
    magic, version, stored_kind, dimensions, count, rows = HEAD.unpack_from(view)
    if (
        magic != MAGIC
        or zlib.crc32(view[: HEADER_BYTES - CRC.size]) != CRC.unpack_from(view, HEADER_BYTES - CRC.size)[0]
    ):
        raise CorruptSegment("the header's checksum is wrong")
    if (version, stored_kind, count) != (VERSION, kind, COLUMNS):
        raise CorruptSegment(f"format {version}, kind {stored_kind}, {count} columns: not for this openrek")
    table = (COLUMN.unpack_from(view, HEAD.size + place * COLUMN.size) for place in range(count))
    return dimensions, rows, [(offset, length, crc) for offset, length, crc, _ in table]


def _columns(table: Table) -> list[NDArray[Any]]:
    return [
        table.ids,
        table.seqs,
        table.images,
        table.geometry,
        table.scales,
        table.vectors,
        table.external.offsets,
        table.external.content,
        table.owners.offsets,
        table.owners.content,
    ]


def _array(part: memoryview, kind: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    return np.frombuffer(part, kind).reshape(shape) if len(part) else np.empty(tuple(max(0, n) for n in shape), kind)


def _aligned(offset: int) -> int:
    return -(-offset // ALIGNMENT) * ALIGNMENT
