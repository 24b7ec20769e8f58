"""The search in overlapping tiles: of long narrow pictures, and of crowds.

A search looks at 1280 px of the longest side. In a screenshot of 720 x 9900 the shorter side has 93 px then, and no
face of 90 px is left of it; so what is more than MOST_ASPECT times as long as wide is searched in pieces along its
length. And where a search shows several faces so small that it misses most of their kind, as in a crowd, each quarter
of the picture (of a large one each ninth or sixteenth) is searched too.

A tile's border cuts faces: what touches it counts only where no other tile, nor the whole picture, shows that face.
"""

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession
from PIL import Image

from openrek.vision.faces.detect import LARGEST_OVERLAP, Detections, detect, searched_size
from openrek.vision.images.arrays import Floats
from openrek.vision.images.tiles import Tile, tiles

MOST_ASPECT = 2.25
STRIP_ASPECT = 1.5
LEAST_STRIP_PX = 640
"""So much of a picture's length is a tile at least: a picture of 80 x 65,535 px has 137 of them."""

STRIP_OVERLAP = 0.25
SMALL_PX = 30
LEAST_SMALL = 3
"""So many faces below SMALL_PX, as high as the search saw them, are a crowd."""

TINY_PX = 16
"""One face so small is enough if the search makes the picture smaller: most of this height are missed then."""

GRID_OVERLAP = 0.16
GRID_STEP_PX = 1600
LARGEST_GRID = 4
LEAST_GRID_SCORE = 0.8
"""What only a crowd's tiles show must have this score: with it they are as often faces as those of the whole picture,
with .7 twice as many are none (160 pictures of WIDER's training part).
"""

LEAST_WITHIN = 0.6
"""So much of a face that was cut lies within the whole one."""

BORDER_SHARE = 0.05
"""A face is cut if it comes so near to a border, in shares of its height."""


def strips(size: tuple[int, int]) -> list[Tile]:
    """Return the tiles of a long narrow picture of (width, height) `size`; none for others."""
    short, long = sorted(size)
    if long <= MOST_ASPECT * short or long <= LEAST_STRIP_PX:
        return []
    length = max(round(STRIP_ASPECT * short), LEAST_STRIP_PX)
    overlap = round(STRIP_OVERLAP * length)
    if size[0] > size[1]:
        return tiles(size, (length, short), (overlap, 0))
    return tiles(size, (short, length), (0, overlap))


def grid(size: tuple[int, int], found: Detections) -> list[Tile]:
    """Return the tiles of a crowd, a picture of (width, height) `size` with these faces; none for others."""
    zoom = max(searched_size(size)) / max(size)
    seen_px = found.boxes[:, 3] * zoom
    is_crowd = np.count_nonzero(seen_px <= SMALL_PX) >= LEAST_SMALL
    if not is_crowd and not (zoom < 1 and np.any(seen_px <= TINY_PX)):
        return []
    count = min(max(2, -(-max(size) // GRID_STEP_PX) + 1), LARGEST_GRID)
    across, down = (round(side * (1 / count + GRID_OVERLAP / 2)) for side in size)
    return tiles(size, (across, down), (round(GRID_OVERLAP * across), round(GRID_OVERLAP * down)))


def detect_in_tiles(session: InferenceSession, image: Image.Image, found: Detections) -> Detections:
    """Add what is found in tiles, where they help, to the faces that were found in the whole RGB picture.

    All in its pixels, best score first.
    """
    narrow = strips(image.size)
    if narrow:
        found = _together(found, [_searched(session, image, tile) for tile in narrow])
    crowd = grid(image.size, found) if not narrow else []
    if crowd:
        found = _together(found, [_searched(session, image, tile, LEAST_GRID_SCORE) for tile in crowd])
    return found


def _searched(
    session: InferenceSession, image: Image.Image, tile: Tile, least_score: float = 0.0
) -> tuple[Detections, NDArray[np.bool_]]:
    """Return the faces of a tile that have this score, in pixels of the picture, and mark those that it cuts."""
    seen = detect(session, image.crop(tile))
    kept = seen.scores >= least_score
    corner = np.array(tile[:2], np.float32)
    boxes = seen.boxes[kept] + np.concatenate([corner, np.zeros(2, np.float32)])
    margin = BORDER_SHARE * boxes[:, 3]
    cut = np.zeros(len(boxes), np.bool_)
    for axis in (0, 1):
        low, high = boxes[:, axis], boxes[:, axis] + boxes[:, axis + 2]
        cut |= (low < tile[axis] + margin) & (tile[axis] > 0)
        cut |= (high > tile[axis + 2] - margin) & (tile[axis + 2] < image.size[axis])
    return Detections(boxes, seen.scores[kept], seen.points[kept] + corner, seen.heights[kept]), cut


def _together(found: Detections, parts: list[tuple[Detections, NDArray[np.bool_]]]) -> Detections:
    """Merge the faces of the whole picture and of its tiles: whole ones before cut ones, then by score."""
    everything = [found, *(part for part, _ in parts)]
    boxes, scores, points, heights = (
        np.concatenate([getattr(each, name) for each in everything])
        for name in ("boxes", "scores", "points", "heights")
    )
    cut = np.concatenate([np.zeros(len(found.scores), np.bool_), *(cut for _, cut in parts)])
    kept = _without_repeats(boxes, np.lexsort((-scores, cut)), cut)
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    return Detections(boxes[kept], scores[kept], points[kept], heights[kept])


def _without_repeats(boxes: Floats, order: NDArray[np.intp], cut: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the indices of `order` without boxes that show the same face as one before, or a cut piece of it."""
    low, high, area = boxes[:, :2], boxes[:, :2] + boxes[:, 2:], np.prod(boxes[:, 2:], axis=1)
    kept = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(best)
        sides = np.minimum(high[best], high[rest]) - np.maximum(low[best], low[rest])
        shared = np.prod(np.maximum(sides, 0), axis=1)
        same = shared > LARGEST_OVERLAP * (area[best] + area[rest] - shared)
        same |= cut[rest] & (shared > LEAST_WITHIN * np.minimum(area[best], area[rest]))
        order = rest[~same]
    return np.array(kept, np.intp)
