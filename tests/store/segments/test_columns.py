"""The laws of tables: what is taken, joined, sorted and found is what lists of rows would give."""

import random
import tracemalloc
from dataclasses import replace
from uuid import UUID

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from openrek.store.log.rows import face_of
from openrek.store.segments.columns import ROWS_PER_PART, Table, TextColumn, find, joined, text_column
from tests.store.tables import rows_of, tables


@given(tables(), st.data())
def test_take_is_indexing(table: Table, data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.integers(0, len(table) - 1), max_size=20)) if len(table) else []

    assert rows_of(table.take(np.array(rows, np.intp))) == [rows_of(table)[row] for row in rows]


@given(st.lists(tables(dimensions=(4, 4)), min_size=1, max_size=5))
def test_joined_is_concatenation(parts: list[Table]) -> None:
    assert rows_of(joined(parts)) == [row for part in parts for row in rows_of(part)]


@given(tables())
def test_sorted_is_by_the_bytes_of_the_ids(table: Table) -> None:
    assert rows_of(table.sorted()) == sorted(rows_of(table))


@given(st.lists(tables(dimensions=(2, 2)), min_size=1, max_size=4), st.data())
def test_taking_from_what_was_joined(parts: list[Table], data: st.DataObject) -> None:
    whole = joined(parts)
    rows = data.draw(st.permutations(range(len(whole))))
    again = joined([whole.take(np.array(rows[:3], np.intp)), whole.take(np.array(rows[3:], np.intp))])

    assert sorted(rows_of(again)) == sorted(rows_of(whole))


@given(tables(), st.lists(st.binary(min_size=16, max_size=16), max_size=5), st.data())
def test_find_tells_rows_and_strangers(table: Table, strangers: list[bytes], data: st.DataObject) -> None:
    ids = [row[0] for row in rows_of(table.sorted())]
    wanted = data.draw(st.permutations([*ids, *strangers]))

    found = find(table.sorted().ids, wanted)

    assert found.tolist() == [ids.index(face_id) if face_id in ids else -1 for face_id in wanted]


def test_ids_that_end_in_zeros_are_told_apart() -> None:
    names = sorted(bytes(15) + b"\1" if n == 0 else bytes([n]) + bytes(15) for n in range(5))
    ids = np.frombuffer(b"".join(names), np.uint8).reshape(-1, 16)

    assert find(ids, names).tolist() == [0, 1, 2, 3, 4]
    assert find(ids, [bytes(16), b"\1" + bytes(14) + b"\1"]).tolist() == [-1, -1]
    assert find(ids[:0], names).tolist() == [-1] * 5
    assert find(ids, []).tolist() == []


@given(st.lists(st.none() | st.text(min_size=1)))
def test_texts_are_kept(values: list[str | None]) -> None:
    column = text_column(values)

    assert [column[row] for row in range(len(values))] == values


@given(st.integers(0, 3 * ROWS_PER_PART), st.integers(0, 2**32 - 1))
def test_texts_are_taken_in_any_number_and_order(count: int, seed: int) -> None:
    chance = random.Random(seed)
    values = [chance.choice((None, "a", "é" * chance.randrange(1, 9))) for _ in range(chance.randrange(1, 50))]
    rows = [chance.randrange(len(values)) for _ in range(count)]

    taken = text_column(values).take(np.array(rows, np.intp))

    expected = text_column([values[row] for row in rows])
    assert np.array_equal(taken.offsets, expected.offsets)
    assert np.array_equal(taken.content, expected.content)


def test_taking_long_texts_needs_little_more_memory_than_they_do() -> None:
    """A compaction takes as many as fill 256 MB, in a function of 3 GB."""
    column = TextColumn(np.arange(40_001, dtype=np.uint32) * 255, np.full(40_000 * 255, 65, np.uint8))
    tracemalloc.start()

    taken = column.take(np.arange(40_000)[::-1])

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * taken.content.nbytes


@given(tables())
def test_a_row_is_a_face(table: Table) -> None:
    for row, (face_id, _, image, geometry, _, _, external, owner) in enumerate(rows_of(table)):
        at = {"id": face_id, "image": image, "geometry": geometry, "external": external, "owner": owner}
        assert table.labels.face(row) == face_of(at)
        assert table.labels.face(row).face_id == UUID(bytes=face_id)


@given(tables())
def test_nothing_is_shared_with_what_was_taken(table: Table) -> None:
    before = rows_of(table)
    taken = table.take(np.arange(len(table)))
    taken.vectors[:] = 0
    taken.ids[:] = 0

    assert rows_of(table) == before
    assert rows_of(replace(table)) == before
