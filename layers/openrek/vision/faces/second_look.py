"""A second look at one face, enlarged or reduced to the size at which YuNet's points are good, and if need be turned.

YuNet places the points of a face that is some 200 to 400 px high within 2 % of its height, however it leans. Those of a
face of 80 px hardly lean with it (15 degrees off for a lean of 20), and the vector of a crop that leans is another
one: for leans of 10 to 30 degrees the cosine with the upright photo rises from .75 to .94 by looking again, and from
.50 to .85 for faces of 30 px. The box and the score stay those of the search.

A face that is upside down is often found too, with a score of up to .89, but with points as if it were upright, the
eyes on the mouth. Such crops are like each other whoever they show. So a face that is not seen as surely as upright
ones are, mostly with .94, is looked at in its four quarter turns: in the right one it is, with .91 to .96.
"""

import math
from collections.abc import Iterator

import numpy as np
from onnxruntime import InferenceSession
from PIL import Image

from openrek.vision.faces.detect import search
from openrek.vision.images.arrays import Floats
from openrek.vision.images.resample import enlarged_tensor, reduced_tensor

CLOSE_FROM_PX = 180
CLOSE_UP_TO_PX = 400
LOOK_PX = 352
FACE_PX = 224
LEAST_SHARED = 0.4
SURE_SCORE = 0.9
LEAST_BETTER = 0.02
"""By so much a turned look has to be better than the one that was not turned."""

_TURNS = (None, Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)


def is_close(height_px: float, score: float) -> bool:
    """Return True if a face that was detected with this height and score needs no second look."""
    return CLOSE_FROM_PX <= height_px <= CLOSE_UP_TO_PX and score >= SURE_SCORE


def closer_points(session: InferenceSession, image: Image.Image, box: Floats, points: Floats) -> Floats:
    """Return the five points [5, 2] of the face in `box` (left, top, width, height in pixels of `image`) from a second
    look, which is at first turned as the given ones are; these when it does not see that face."""
    side = max(2, round(float(max(box[2:])) * LOOK_PX / FACE_PX))
    by = max(1, side // LOOK_PX)
    side -= side % by
    left, top = (
        by * round(float(start + length / 2 - side / 2) / by) for start, length in zip(box[:2], box[2:], strict=True)
    )
    inside = max(left, 0), max(top, 0), min(left + side, image.width), min(top + side, image.height)
    if inside[0] >= inside[2] or inside[1] >= inside[3]:
        return points
    across, down = min(left, 0) // by, min(top, 0) // by
    look = image.reduce(by, inside).crop((across, down, across + side // by, down + side // by))
    corner, scale = np.array([left, top], np.float32), np.float32(side / LOOK_PX)
    wanted = np.concatenate([box[:2] - corner, box[2:]]) / scale
    best = _best(_looks(session, look, wanted.astype(np.float32), _quarters(points)))
    return points if best is None else (best * scale + corner).astype(np.float32)


def _looks(session: InferenceSession, look: Image.Image, wanted: Floats, first: int) -> Iterator[tuple[float, Floats]]:
    """Yield score and points [5, 2] of the face in the box `wanted` of a square look, 0 where it is not seen: turned to
    the left by `first` quarters, then by the three other numbers of them. All in pixels of the look as it is, LOOK_PX a
    side."""
    to_size = reduced_tensor if look.width >= LOOK_PX else enlarged_tensor
    for quarters in (first, *({0, 1, 2, 3} - {first})):
        turn = _TURNS[quarters]
        found = search(session, to_size(look if turn is None else look.transpose(turn), (LOOK_PX, LOOK_PX)))
        corners = _turned_back(np.stack([found.boxes[:, :2], found.boxes[:, :2] + found.boxes[:, 2:]], 1), quarters)
        low, high = corners.min(axis=1), corners.max(axis=1)
        shared = _shared(wanted, np.concatenate([low, high - low], axis=1))
        if shared.size and shared.max() >= LEAST_SHARED:
            seen = int(shared.argmax())
            yield float(found.scores[seen]), _turned_back(found.points[seen], quarters)
        else:
            yield 0.0, np.zeros((5, 2), np.float32)


def _best(looks: Iterator[tuple[float, Floats]]) -> Floats | None:
    """Return the points of the first look if it is sure, else of a better one; None if none sees the face."""
    score, points = next(looks)
    if score < SURE_SCORE:
        other_score, other_points = max(looks, key=lambda look: look[0])
        if other_score > score + LEAST_BETTER:
            score, points = other_score, other_points
    return points if score else None


def _quarters(points: Floats) -> int:
    """Return by how many quarters to the left a picture must be turned for the face with these points to be upright."""
    right, down = (points[3] + points[4] - points[0] - points[1]).tolist()
    return round(-math.atan2(right, down) / (math.pi / 2)) % 4


def _turned_back(places: Floats, quarters: int) -> Floats:
    """Turn places [..., 2] of a look that was turned to the left `quarters` times back to the look as it was."""
    for _ in range(quarters):
        places = np.stack([LOOK_PX - places[..., 1], places[..., 0]], axis=-1)
    return places


def _shared(box: Floats, boxes: Floats) -> Floats:
    """Return the intersection over union of one box [4] with others [n, 4], [n]."""
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[:2] + box[2:], boxes[:, :2] + boxes[:, 2:])
    both = np.prod(np.maximum(high - low, 0), axis=1)
    either = np.prod(box[2:]) + np.prod(boxes[:, 2:], axis=1) - both
    return np.asarray(both / either, np.float32)
