"""Segments, tombstones and manifests: what is written is read, the documents say how, and damage is refused."""

import json
import re
import struct
import zlib
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openrek.store.blobs.folder import FolderBlobs
from openrek.store.segments.columns import Table, text_column
from openrek.store.segments.manifest import (
    CorruptManifest,
    Manifest,
    SegmentRef,
    base_version,
    blob_name,
    decode_manifest,
    encode_manifest,
    uid_of,
)
from openrek.store.segments.segment_file import (
    HEADER_BYTES,
    CorruptSegment,
    decode_segment,
    encode_segment,
    ids_and_seqs,
    longest_norm,
)
from openrek.store.segments.tombstones import decode_tombstones, encode_tombstones
from tests.store.tables import rows_of, tables

DOCUMENT = Path(__file__).parents[3] / "docs" / "SEGMENTS.md"


@given(tables())
def test_a_segment_is_read_as_it_was_written(table: Table) -> None:
    segment = decode_segment(encode_segment(table.sorted()))

    assert rows_of(segment.table) == sorted(rows_of(table))
    norms = [
        float(np.linalg.norm(v.astype(float))) * float(s) for v, s in zip(table.vectors, table.scales, strict=True)
    ]
    assert segment.longest == pytest.approx(max(norms, default=0.0), rel=1e-12)
    assert segment.longest == longest_norm(table)


@given(tables())
def test_the_columns_are_views_of_the_file(table: Table) -> None:
    content = encode_segment(table.sorted())
    found = decode_segment(content).table

    for column in (found.ids, found.seqs, found.geometry, found.scales, found.vectors):
        assert not len(table) or not column.flags.owndata
        assert not len(table) or not column.flags.writeable
        assert not len(table) or column.ctypes.data % 4 == 0
    assert len(content) % 64 == 0


def table_of_document(title: str, after: str = "") -> list[list[str]]:
    """The cells of the first table behind a heading or line of the document."""
    text = DOCUMENT.read_text("utf-8")
    text = text[text.index(f"## {title}") :]
    text = text[text.index(after) :]
    found = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert found is not None
    return [[cell.strip(" `") for cell in line.strip("|\n").split("|")] for line in found[0].splitlines()[2:]]


def fields(content: bytes, rows: list[list[str]], start: int = 0) -> list[Any]:
    """The columns as the header places them, without a gap."""
    end = 0
    values: list[Any] = []
    for offset, size, kind, _ in rows:
        assert int(offset) == end
        end += int(size)
        if kind:
            assert struct.calcsize("<" + kind) == int(size)
            values.append(struct.unpack_from("<" + kind, content, start + int(offset))[0])
    return values


def read_by_the_document(content: bytes) -> tuple[dict[str, Any], float]:
    header = table_of_document("Segments")
    magic, version, kind, d, count, n, longest, crc = fields(content, header)
    end = int(header[-1][0])
    assert (magic, version, kind, count) == (b"openrek\0", 1, 1, 10)
    assert crc == zlib.crc32(content[:end])
    entry = table_of_document("Segments", "An entry of a column:")
    entry_bytes = sum(int(row[1]) for row in entry)
    first = next(int(row[0]) for row in header if not row[2])
    columns: dict[str, Any] = {}
    for place, (name, kind_, shape, _) in enumerate(table_of_document("Segments", "The columns:")):
        start, length, column_crc, zero = fields(content, entry, first + place * entry_bytes)
        part = content[start : start + length]
        assert (start % 64, zero, column_crc) == (0, 0, zlib.crc32(part))
        sides = {"n": n, "d": d, "n+1": n + 1, "16": 16, "5": 5, "*": -1}
        columns[name] = np.frombuffer(part, kind_).reshape([sides[side] for side in shape.split(", ")])
    assert place == count - 1
    return columns, longest


@given(tables(rows=(1, 12)))
def test_a_segment_read_by_the_document_alone(table: Table) -> None:
    table = table.sorted()
    columns, longest = read_by_the_document(encode_segment(table))

    for name in ("ids", "seqs", "images", "geometry", "scales", "vectors"):
        assert (columns[name] == getattr(table, name)).all(), name
        assert columns[name].dtype == getattr(table, name).dtype
    for offsets, content, column in (
        ("external_offsets", "external", table.external),
        ("owner_offsets", "owners", table.owners),
    ):
        ends = columns[offsets]
        texts = [columns[content][ends[r] : ends[r + 1]].tobytes().decode() or None for r in range(len(table))]
        assert texts == [column[row] for row in range(len(table))]
    assert longest == longest_norm(table)


def test_what_the_document_says_of_sizes() -> None:
    text = DOCUMENT.read_text("utf-8")
    row = sum(
        np.dtype(kind).itemsize * {"n, 16": 16, "n": 1, "n, 5": 5, "n, d": 0, "n+1": 1, "*": 0}[shape]
        for _, kind, shape, _ in table_of_document("Segments", "The columns:")
    )
    assert f"a row takes {row} bytes" in text
    assert f"the file has {HEADER_BYTES} bytes" in text


def test_tombstones_read_by_the_document_alone() -> None:
    dead = np.array([True, False, False, True, False, False, False, False, True, False])
    content = encode_tombstones(dead)
    rows = table_of_document("Tombstones")
    magic, n, crc = fields(content, rows[:-1])
    bits = content[int(rows[-1][0]) :]

    assert (magic, n, crc) == (b"orekdead", 10, zlib.crc32(bits))
    assert rows[-1][1] == "(n+7)/8"
    assert len(bits) == (n + 7) // 8
    assert [bool(bits[row // 8] >> (7 - row % 8) & 1) for row in range(n)] == dead.tolist()


def test_a_manifest_read_by_the_document_alone() -> None:
    ref = SegmentRef("a/1-b.segment", 5, 4096, "a/2-c.tombstones", 2, 1_700_000_000_000)
    manifest = Manifest(uuid4(), 7, 99, 1_700_000_000_001, (ref,))
    content = encode_manifest(manifest)
    body = json.loads(content[9:])

    assert content[:9] == b"%08x\n" % zlib.crc32(content[9:])
    assert b" " not in content[9:]
    members = [name.strip(" `") for row in table_of_document("Manifests") for name in row[0].split(",")]
    assert {*body, *body["segments"][0]} == set(members)
    assert body["uid"] == manifest.uid.hex
    assert (body["format"], body["version"], body["through"], body["made_ms"]) == (1, 7, 99, 1_700_000_000_001)


def damaged(content: bytes, data: st.DataObject) -> bytes:
    """Cut somewhere, or one bit flipped."""
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        return content[:place]
    flipped = content[place] ^ (1 << data.draw(st.integers(0, 7)))
    return content[:place] + bytes([flipped]) + content[place + 1 :]


@given(tables(), st.data())
@settings(max_examples=300)
def test_a_damaged_segment_is_refused_or_was_damaged_where_nothing_is(table: Table, data: st.DataObject) -> None:
    content = encode_segment(table.sorted())

    try:
        segment = decode_segment(damaged(content, data))
    except CorruptSegment:
        return
    assert rows_of(segment.table) == sorted(rows_of(table))
    assert segment.longest == longest_norm(table)


def test_every_bit_of_a_small_segment_counts() -> None:
    table = small()
    content = encode_segment(table)
    refused = 0
    for place in range(len(content)):
        try:
            found = decode_segment(content[:place] + bytes([content[place] ^ 0x80]) + content[place + 1 :])
        except CorruptSegment:
            refused += 1
        else:
            assert rows_of(found.table) == rows_of(table)
    columns = [table.ids, table.seqs, table.images, table.geometry, table.scales, table.vectors]
    held = sum(column.nbytes for column in columns) + 2 * 4 * 3 + len(table.external.content)
    assert refused == HEADER_BYTES + held


def small() -> Table:
    return Table(
        np.array([[1] * 16, [2] * 16], np.uint8), np.array([3, 4], np.uint64), np.zeros((2, 16), np.uint8),
        np.ones((2, 5), np.float32), np.array([0.5, 0.25], np.float32), np.array([[1, -2, 3], [4, 5, -6]], np.int8),
        text_column(["one", None]), text_column([None, None]),
    )  # fmt: skip


@pytest.mark.parametrize(("place", "value"), [(8, 2), (12, 2), (20, 9)])
def test_another_version_kind_or_number_of_columns_is_not_read(place: int, value: int) -> None:
    content = bytearray(encode_segment(small()))
    struct.pack_into("<I", content, place, value)
    struct.pack_into("<I", content, 280, zlib.crc32(content[:280]))

    with pytest.raises(CorruptSegment, match="not for this openrek"):
        decode_segment(content)
    assert decode_segment(encode_segment(small(), kind=2), kind=2).longest > 0
    with pytest.raises(CorruptSegment, match="kind 2"):
        decode_segment(encode_segment(small(), kind=2))


@pytest.mark.parametrize("column", range(10))
def test_lengths_that_do_not_fit_the_rows_are_refused(column: int) -> None:
    """Even under right checksums."""
    content = bytearray(encode_segment(small()))
    place = 40 + 24 * column
    start, length = struct.unpack_from("<QQ", content, place)
    for wrong in {length + 1, max(0, length - 1), 0} - {length}:
        changed = bytearray(content)
        struct.pack_into("<QQI", changed, place, start, wrong, zlib.crc32(changed[start : start + wrong]))
        struct.pack_into("<I", changed, 280, zlib.crc32(changed[:280]))
        if column in (7, 9):  # texts: any length is right for the rows; `verify` compares with the offsets
            continue
        with pytest.raises(CorruptSegment):
            decode_segment(changed)


def test_the_first_columns_are_read_without_the_rest(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path)
    table = small()
    content = encode_segment(table)
    blobs.put("a", content)
    blobs.put("b", content[:-200])
    blobs.put("c", content[:330])

    for name in ("a", "b"):
        ids, seqs = ids_and_seqs(blobs, name)
        assert (ids == table.ids).all()
        assert seqs.tolist() == [3, 4]
    with pytest.raises(CorruptSegment):
        ids_and_seqs(blobs, "c")


@given(st.lists(st.booleans(), max_size=70), st.data())
def test_tombstones(dead: list[bool], data: st.DataObject) -> None:
    content = encode_tombstones(np.array(dead, np.bool_))

    assert decode_tombstones(content, len(dead)).tolist() == dead
    for wrong in (len(dead) + 1, len(dead) + 8):
        with pytest.raises(CorruptSegment):
            decode_tombstones(content, wrong)
    with pytest.raises(CorruptSegment):
        decode_tombstones(damaged(content, data), len(dead))


NAMES = st.text("abcdef0123456789/-.", min_size=1, max_size=40)
REFS = st.builds(
    SegmentRef, NAMES, st.integers(0, 2**40), st.integers(0, 2**50), st.none() | NAMES, st.integers(0, 2**40),
    st.integers(0, 2**50),
)  # fmt: skip
MANIFESTS = st.builds(
    Manifest, st.uuids(), st.integers(0, 2**40), st.integers(0, 2**60), st.integers(0, 2**50),
    st.lists(REFS, max_size=4).map(tuple),
)  # fmt: skip


@given(MANIFESTS, st.data())
def test_manifests(manifest: Manifest, data: st.DataObject) -> None:
    content = encode_manifest(manifest)

    assert decode_manifest(content) == manifest
    with pytest.raises(CorruptManifest):
        decode_manifest(damaged(content, data))


def test_a_manifest_of_another_format_is_not_read() -> None:
    text = b'{"format":2}'

    with pytest.raises(CorruptManifest, match="format 2: not for this openrek"):
        decode_manifest(b"%08x\n%s" % (zlib.crc32(text), text))


@given(st.uuids(), st.integers(0, 10**13))
def test_names_tell_what_they_are_of(uid: UUID, base: int) -> None:
    name = blob_name(uid, base, "segment")

    assert (uid_of(name), base_version(name)) == (uid, base)
    assert name != blob_name(uid, base, "segment")
    assert len(name) < 100


@pytest.mark.parametrize(
    "name", ["x", "a/b", f"{'0' * 32}/notes", f"{'0' * 32}/1-2.segment", f"{'g' * 32}/000000000001-0.s"]
)
def test_names_of_others(name: str) -> None:
    assert uid_of(name) is None
    assert base_version(name) is None
