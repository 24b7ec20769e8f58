"""Overlapping tiles of a picture: where they lie. What is read in them, and how it is merged, is the reader's."""

import math
from typing import NamedTuple


class Tile(NamedTuple):
    """A part of a picture, in its pixels; right and bottom are the first beyond it, as Pillow's `crop` takes them."""

    left: int
    top: int
    right: int
    bottom: int


def along(side: int, length: int, overlap: int) -> list[tuple[int, int]]:
    """Return the starts and ends of equal stretches that cover a side, as few as overlap with each other by `overlap`
    or more; all in pixels, `overlap` below `length`."""
    if length >= side:
        return [(0, side)]
    count = math.ceil((side - overlap) / (length - overlap))
    starts = (round(which * (side - length) / (count - 1)) for which in range(count))
    return [(start, start + length) for start in starts]


def tiles(size: tuple[int, int], tile: tuple[int, int], overlap: tuple[int, int]) -> list[Tile]:
    """Return tiles of one (width, height) that cover a picture of (width, height) `size`, row by row.

    Each overlaps its neighbours by (across, down) `overlap` pixels or more.
    """
    columns, rows = (along(*each) for each in zip(size, tile, overlap, strict=True))
    return [Tile(left, top, right, bottom) for top, bottom in rows for left, right in columns]
