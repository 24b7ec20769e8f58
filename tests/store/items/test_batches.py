"""Batches hold every row once, in order, and no more than they may."""

from hypothesis import given
from hypothesis import strategies as st

from openrek.store.items.batches import batches


@given(st.lists(st.integers()), st.integers(1, 20))
def test_batches_are_the_rows_in_their_order(rows: list[int], size: int) -> None:
    found = [list(batch) for batch in batches(rows, size)]
    assert [row for batch in found for row in batch] == rows
    assert [len(batch) for batch in found[:-1]] == [size] * (len(found) - 1)
    assert all(1 <= len(batch) <= size for batch in found)
