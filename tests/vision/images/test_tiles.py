"""Where tiles lie: every pixel is in one, and whatever is no longer than the overlap lies whole in one."""

from hypothesis import given
from hypothesis import strategies as st

from openrek.vision.images.tiles import along, tiles


@st.composite
def stretches(draw: st.DrawFn) -> tuple[int, int, int]:
    side, length = draw(st.integers(1, 70_000)), draw(st.integers(2, 4000))
    return side, length, draw(st.integers(0, length - 1).filter(lambda overlap: length - overlap >= length // 8))


@given(stretches(), st.data())
def test_what_is_no_longer_than_the_overlap_lies_whole_in_one(
    given_: tuple[int, int, int], data: st.DataObject
) -> None:
    side, length, overlap = given_
    found = along(side, length, overlap)
    start = data.draw(st.integers(0, side - 1))
    end = min(start + max(overlap - 1, 1), side)

    assert any(low <= start and end <= high for low, high in found)
    assert (found[0][0], found[-1][1]) == (0, side)
    assert {high - low for low, high in found} == {min(length, side)}


@given(stretches())
def test_there_are_no_more_than_needed(given_: tuple[int, int, int]) -> None:
    side, length, overlap = given_
    count = len(along(side, length, overlap))

    assert count == 1 or (count - 1) * (length - overlap) + overlap < side


def test_tiles_go_row_by_row() -> None:
    assert tiles((100, 50), (60, 50), (20, 0)) == [(0, 0, 60, 50), (40, 0, 100, 50)]
    assert tiles((100, 100), (60, 60), (20, 20)) == [
        (0, 0, 60, 60), (40, 0, 100, 60), (0, 40, 60, 100), (40, 40, 100, 100)
    ]  # fmt: skip
    assert tiles((100, 50), (400, 400), (20, 0)) == [(0, 0, 100, 50)]
