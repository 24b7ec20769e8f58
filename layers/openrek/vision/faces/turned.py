"""Faces that lie on their side or are upside down, in photos that were saved turned or show somebody lying.

YuNet finds 40 % of the faces that lie on their side and 90 % of those that are upside down, and none with a score that
upright ones have. So a picture in which no face is seen as surely as that is searched in its other three quarter turns
too: at first small, which costs a third of a search, and finely only in the turns in which that shows a face.

A face that is upside down may still be read as if it were upright, the eyes on the mouth: seldom by a score that is
sure, but such crops are like each other whoever they show. So the crop of each face with a score below that of most
upright ones is looked at both ways, at 96 x 96 px, where the right way scored higher for each of 700 faces.
"""

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession
from PIL import Image

from openrek.vision.faces.detect import LARGEST_OVERLAP, Detections, best_score, detect, search, searched_size
from openrek.vision.images.arrays import Crop, Floats
from openrek.vision.images.resample import reduced_tensor

SURE_SCORE = 0.88
"""Upright faces of ordinary photos are seen with .91 or more in 99 of 100, those that lie on their side with less."""
LEAST_TURNED_SCORE = 0.8
"""A turned face must have this score, with which a face that is upright in its turn is nearly always seen."""
LEAST_BETTER = 0.02
"""By so much a face has to be seen better in a turned picture than in the one that is not turned."""
LEAST_WITHIN = 0.8
"""A face of another turn is left out if so much of it lies within one with a higher score: it is a piece of that."""
SCOUT_SHARE = 0.4
"""The longest side at which turns are tried, in those of a search: 512 px, where faces of 20 to 480 px are found."""
MOST_COPIED_PX = 8_000_000
"""A turned picture is a copy: larger ones are halved first, to at least 2000 px."""
DOUBTFUL_SCORE = 0.93
"""Half of the upright faces have a higher score; of the upside-down ones that are misread, none has more than .91."""
CHECK_PX = 96
_TURNS = {1: Image.Transpose.ROTATE_90, 2: Image.Transpose.ROTATE_180, 3: Image.Transpose.ROTATE_270}
"""By the number of quarters to the left."""


def detect_every_way(session: InferenceSession, image: Image.Image) -> Detections:
    """Detect the faces of an RGB picture, turned ones too where no upright one is surely there; pixels of `image`."""
    found = detect(session, image)
    if found.scores.size and found.scores.max() >= SURE_SCORE:
        return found
    scouted = _scouted(session, image)
    for quarters in sorted(scouted, key=lambda quarters: -float(scouted[quarters].scores.max(initial=0))):
        if not _beaten(scouted[quarters], found, LEAST_BETTER).all():
            by = 2 if image.width * image.height > MOST_COPIED_PX else 1
            picture = (image.reduce(by) if by > 1 else image).transpose(_TURNS[quarters])
            zoom = np.full(2, by, np.float32)
            found = _together(found, _turned_back(detect(session, picture), quarters, picture.size, zoom))
    return found


def is_upside_down(session: InferenceSession, crop: Crop, score: float) -> bool:
    """Return True if a face that was detected with this score is upside down in its crop, uint8 [112, 112, 3] RGB."""
    if score >= DOUBTFUL_SCORE:
        return False
    tensor = reduced_tensor(Image.fromarray(crop), (CHECK_PX, CHECK_PX))
    over = np.ascontiguousarray(tensor[:, :, ::-1, ::-1])
    return best_score(session, over) > best_score(session, tensor) + LEAST_BETTER


def turned_over(points: Floats) -> Floats:
    """Return the five points [5, 2] of a face that was read upside down: its eyes are where its mouth was seen."""
    return points[[4, 3, 2, 1, 0]]


def _scouted(session: InferenceSession, image: Image.Image) -> dict[int, Detections]:
    """Search the picture in each turn, small: return the faces in pixels of `image`, by number of quarters."""
    across, down = (max(2, round(side * SCOUT_SHARE)) for side in searched_size(image.size))
    size = across, down
    small = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    zoom = np.divide(image.size, size, dtype=np.float32)
    found = {}
    for quarters, turn in _TURNS.items():
        picture = small.transpose(turn)
        seen = search(session, reduced_tensor(picture, picture.size))
        found[quarters] = _turned_back(seen, quarters, picture.size, zoom)
    return found


def _turned_back(found: Detections, quarters: int, size: tuple[int, int], zoom: Floats) -> Detections:
    """Return faces of a picture of (width, height) `size` that was turned to the left by `quarters`, in the picture
    before that, whose width and height are `zoom` [2] times as large; only those with LEAST_TURNED_SCORE."""
    kept = found.scores >= LEAST_TURNED_SCORE
    boxes, points, height = found.boxes[kept], found.points[kept], float(size[1])
    corners = np.stack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    for quarter in range(quarters):
        height = float(size[(quarter + 1) % 2])
        corners, points = (np.stack([height - at[..., 1], at[..., 0]], axis=-1) for at in (corners, points))
    low, high = corners.min(axis=1) * zoom, corners.max(axis=1) * zoom
    return Detections(np.concatenate([low, high - low], axis=1), found.scores[kept], points * zoom, found.heights[kept])


def _together(found: Detections, turned: Detections) -> Detections:
    """Merge the faces of two turns, best score first; of two that overlap, the one of `turned` has to be better."""
    more = _taken(turned, ~_beaten(turned, found, LEAST_BETTER))
    rest = _taken(found, ~_beaten(found, more, -LEAST_BETTER))
    order = np.argsort(-np.concatenate([rest.scores, more.scores]), kind="stable")
    return Detections(
        *(
            np.concatenate(pair)[order]
            for pair in (
                (rest.boxes, more.boxes),
                (rest.scores, more.scores),
                (rest.points, more.points),
                (rest.heights, more.heights),
            )
        )
    )


def _beaten(faces: Detections, others: Detections, lead: float) -> NDArray[np.bool_]:
    """Mark the faces that overlap with one of the others, or are a piece of it, whose score and `lead` are no lower."""
    low, other_low = faces.boxes[:, :2], others.boxes[:, :2]
    high, other_high = low + faces.boxes[:, 2:], other_low + others.boxes[:, 2:]
    sides = np.minimum(high[:, None], other_high) - np.maximum(low[:, None], other_low)
    shared = np.prod(np.maximum(sides, 0), axis=2)
    area, other_area = (np.prod(each.boxes[:, 2:], axis=1) for each in (faces, others))
    one_place = shared > LARGEST_OVERLAP * (area[:, None] + other_area - shared)
    one_place |= shared > LEAST_WITHIN * area[:, None]
    beaten = one_place & (others.scores + lead >= faces.scores[:, None])
    return np.asarray(beaten.any(axis=1))


def _taken(found: Detections, which: NDArray[np.bool_]) -> Detections:
    return Detections(found.boxes[which], found.scores[which], found.points[which], found.heights[which])
