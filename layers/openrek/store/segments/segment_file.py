"""Segments: immutable files of rows, read without a copy. docs/SEGMENTS.md has the format byte by byte.

A segment is a header, then the columns of a table one after another, each on a 64-byte boundary and with a checksum.
Everything is little-endian. Nothing is compressed (it would save 7 %) and nothing is pickled.
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from openrek.store.blobs.port import Blobs, Buffer
from openrek.store.segments.columns import Table, TextColumn
from openrek.store.segments.sketches import LazySketch

MAGIC: Final = b"openrek\x00"
VERSION: Final = 1
FACES: Final = 1
USERS: Final = 2
KINDS: Final = (FACES, USERS)
"""The kinds of rows, one kind to a segment, from version 1 on."""

HEAD: Final = struct.Struct("<8sIIIIQd")
"""Magic, version, kind, dimensions, number of columns, rows, largest norm of a row (scale times vector)."""

COLUMN: Final = struct.Struct("<QQII")
"""Offset from the start of the file, length in bytes, CRC-32 of the column, reserved (0)."""

CRC: Final = struct.Struct("<I")
COLUMNS: Final = 10
HEADER_BYTES: Final = HEAD.size + COLUMNS * COLUMN.size + CRC.size
ALIGNMENT: Final = 64
NORM_ROWS: Final = 1 << 16


class CorruptSegment(Exception):
    """The bytes are not a segment that this version wrote."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment: its rows, ids ascending; the largest norm of any of them, which the search kernel's bound needs; and a
    sketch of their vectors, made when a search needs it.
    """

    table: Table
    longest: float
    sketch: LazySketch


def encode_segment(table: Table, kind: int = FACES) -> bytes:
    """Return the file of a table whose ids are in ascending order."""
    columns = _columns(table)
    header = bytearray(HEAD.pack(MAGIC, VERSION, kind, table.dimensions, len(columns), len(table), longest_norm(table)))
    offset = _aligned(HEADER_BYTES)
    places: list[int] = []
    for column in columns:
        header += COLUMN.pack(offset, column.nbytes, zlib.crc32(np.ascontiguousarray(column).data), 0)
        places.append(offset)
        offset = _aligned(offset + column.nbytes)
    header += CRC.pack(zlib.crc32(header))
    file = bytearray(offset)
    file[: len(header)] = header
    for place, column in zip(places, columns, strict=True):
        file[place : place + column.nbytes] = np.ascontiguousarray(column).tobytes()
    return bytes(file)


def longest_norm(table: Table) -> float:
    """Return the largest scale * ||vector||, float64; 0 without rows."""
    longest = 0.0
    for start in range(0, len(table), NORM_ROWS):
        vectors = table.vectors[start : start + NORM_ROWS].astype(np.float32)
        squares = np.einsum("ij,ij->i", vectors, vectors)  # integers below 2**24: exact
        norms = np.sqrt(squares.astype(np.float64)) * table.scales[start : start + NORM_ROWS]
        longest = max(longest, float(norms.max()))
    return longest


def decode_segment(buffer: Buffer, kind: int = FACES) -> Segment:
    """Return the segment in a file, its columns views of `buffer`.

    Raises CorruptSegment unless every checksum is right.
    """
    view = memoryview(buffer)
    dimensions, rows, longest, places = _header(view, kind)
    parts = [_checked(view[offset : offset + length], length, crc) for offset, length, crc in places]
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
    arrays = [_array(part, dtype, shape) for part, (dtype, shape) in zip(parts, shapes, strict=True)]
    ids, seqs, images, geometry, scales, vectors, external_ends, external, owner_ends, owners = arrays
    texts = TextColumn(external_ends, external), TextColumn(owner_ends, owners)
    table = Table(ids, seqs, images, geometry, scales, vectors, *texts)
    return Segment(table, longest, LazySketch(vectors))


def ids_and_seqs(blobs: Blobs, name: str, kind: int = FACES) -> tuple[NDArray[np.uint8], NDArray[np.uint64]]:
    """Return the first two columns of a stored segment, read without the rest. Raises BlobMissing or CorruptSegment."""
    _, rows, _, places = _header(memoryview(blobs.get(name, length=HEADER_BYTES)), kind)
    ids, seqs = (_checked(memoryview(blobs.get(name, start=at, length=n)), n, crc) for at, n, crc in places[:2])
    return _array(ids, np.uint8, (rows, 16)), _array(seqs, np.uint64, (rows,))


def _checked(part: memoryview, length: int, crc: int) -> memoryview:
    if len(part) != length or zlib.crc32(part) != crc:
        raise CorruptSegment("a column's checksum is wrong")
    return part


def _header(view: memoryview, kind: int) -> tuple[int, int, float, list[tuple[int, int, int]]]:
    """Return dimensions, rows, largest norm, and (offset, length, checksum) of each column."""
    if len(view) < HEADER_BYTES:
        raise CorruptSegment("shorter than a header")
    magic, version, stored_kind, dimensions, count, rows, longest = HEAD.unpack_from(view)
    if (
        magic != MAGIC
        or zlib.crc32(view[: HEADER_BYTES - CRC.size]) != CRC.unpack_from(view, HEADER_BYTES - CRC.size)[0]
    ):
        raise CorruptSegment("the header's checksum is wrong")
    if (version, stored_kind, count) != (VERSION, kind, COLUMNS):
        raise CorruptSegment(f"format {version}, kind {stored_kind}, {count} columns: not for this openrek")
    table = (COLUMN.unpack_from(view, HEAD.size + place * COLUMN.size) for place in range(count))
    return dimensions, rows, longest, [(offset, length, crc) for offset, length, crc, _ in table]


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


def _array(part: memoryview, dtype: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    try:
        return (np.frombuffer(part, dtype) if len(part) else np.empty(0, dtype)).reshape(shape)
    except ValueError as error:
        raise CorruptSegment(f"a column's length is wrong: {error}") from None


def _aligned(offset: int) -> int:
    return -(-offset // ALIGNMENT) * ALIGNMENT
