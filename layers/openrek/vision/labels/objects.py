"""Objects with boxes: the detector's candidates become sightings with calibrated confidences.

The detector's score alone says too little. Of two boxes with the same score the smaller one is right more often; and
whether a class is in the picture at all is surer where several boxes say so. So confidences are logistic functions,
whose weights were fitted on photos of COCO (`calibration`; docs/ACCURACY.md, "Labels"): one for the best box of a
class, of whether there is such a thing in the picture, and one for every other box, of whether it is another thing in
its right place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession
from PIL import Image

from openrek.domain.faces import BoundingBox, float32
from openrek.vision.images.arrays import Floats
from openrek.vision.labels.calibration import Calibration, calibration
from openrek.vision.labels.networks import Candidates, candidates

_CLASSES: Final = """
person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant, stop sign,
parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, backpack, umbrella, handbag,
tie, suitcase, frisbee, skis, snowboard, sports ball, kite, baseball bat, baseball glove, skateboard, surfboard,
tennis racket, bottle, wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange, broccoli, carrot,
hot dog, pizza, donut, cake, chair, couch, potted plant, bed, dining table, toilet, tv, laptop, mouse, remote,
keyboard, cell phone, microwave, oven, toaster, sink, refrigerator, book, clock, vase, scissors, teddy bear,
hair drier, toothbrush
"""
CLASSES: Final = tuple(name.strip() for name in _CLASSES.split(","))
"""COCO's 80 classes in the order of the network."""

LEAST_SCORE: Final = 0.08
MOST_OVERLAP: Final = 0.5
"""Of two boxes of one class whose intersection over union is larger, the one with the lower score goes."""
MOST_SIGHTINGS: Final = 100
"""Of one class in one picture."""
TILE: Final = 0.6
"""A tile's share of each side: four of them overlap in the middle fifth."""
TILES_FROM_PX: Final = 1000
"""The longest side from which on tiles see more than the whole picture squeezed into a square of 416 px."""
_EDGE: Final = 0.01
_FLOOR: Final = 0.02
_LEAST_AREA: Final = 1e-4


@dataclass(frozen=True, slots=True)
class Sighting:
    """An object of a class, `confidence` 0..100: how sure it is that there is such a thing at this place."""

    coco_class: str
    box: BoundingBox
    confidence: float


def sightings(session: InferenceSession, image: Image.Image, *, tiles: bool) -> list[Sighting]:
    """Return the objects of an RGB picture, of each class the surest first.

    With `tiles`, look closer for small ones.
    """
    found = all_candidates(session, image, tiles=tiles)
    likely = np.flatnonzero((found.scores >= LEAST_SCORE).any(axis=0))
    return [
        sighting
        for index in likely.tolist()
        for sighting in _of_class(CLASSES[index], found.scores[:, index], found.boxes, tiles=tiles)
    ]


def all_candidates(session: InferenceSession, image: Image.Image, *, tiles: bool) -> Candidates:
    width, height = image.size
    looks = [candidates(session, image, (0, 0, width, height), LEAST_SCORE)]
    for left, top in ((0.0, 0.0), (1 - TILE, 0.0), (0.0, 1 - TILE), (1 - TILE, 1 - TILE)) if tiles else ():
        part = (left * width, top * height, (left + TILE) * width, (top + TILE) * height)
        looks.append(_placed(candidates(session, image, part, LEAST_SCORE), left, top))
    return Candidates(np.concatenate([look.scores for look in looks]), np.concatenate([look.boxes for look in looks]))


def _placed(found: Candidates, left: float, top: float) -> Candidates:
    """Return a tile's candidates as ratios of the picture, without those that the tile's inner edges may have cut."""
    boxes = found.boxes
    across = boxes[:, 0] >= _EDGE if left else boxes[:, 2] <= 1 - _EDGE
    down = boxes[:, 1] >= _EDGE if top else boxes[:, 3] <= 1 - _EDGE
    whole = across & down
    corner = np.array([left, top, left, top], np.float32)
    return Candidates(found.scores[whole], boxes[whole] * np.float32(TILE) + corner)


def _of_class(name: str, scores: Floats, boxes: Floats, *, tiles: bool) -> list[Sighting]:
    likely = np.flatnonzero(scores >= LEAST_SCORE)
    kept = kept_boxes(scores[likely], boxes[likely])[:MOST_SIGHTINGS]
    scores, boxes = scores[likely][kept], boxes[likely][kept]
    if not len(scores):
        return []
    confidences = confidences_of(scores, boxes, tiles=tiles)
    found = [Sighting(name, _box(box), float32(100 * sure)) for box, sure in zip(boxes, confidences, strict=True)]
    return sorted(found, key=lambda sighting: -sighting.confidence)


def kept_boxes(scores: Floats, boxes: Floats) -> NDArray[np.intp]:
    """Return the places of the boxes that stay when of overlapping ones the best is kept, best score first."""
    waiting = np.argsort(-scores, kind="stable")
    kept = []
    while len(waiting):
        best, waiting = waiting[0], waiting[1:]
        kept.append(best)
        waiting = waiting[overlaps(boxes[best], boxes[waiting]) <= MOST_OVERLAP]
    return np.array(kept, np.intp)


def overlaps(box: Floats, boxes: Floats) -> Floats:
    """Return the intersection over union of a box [4] with each of others [n, 4], all (left, top, right, bottom)."""
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    shared = np.maximum(sides, 0).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    union: Floats = shared / np.maximum((box[2:] - box[:2]).prod() + areas - shared, 1e-12)
    return union


def confidences_of(scores: Floats, boxes: Floats, *, tiles: bool, numbers: Calibration | None = None) -> Floats:
    """Return how sure each box of one class is, 0..1; the best score comes first, and no other box is surer.

    `numbers`: those that ship, unless others are given.
    """
    numbers = numbers or calibration()
    present, others = box_evidence(scores, boxes)
    evidence = (others * numbers.another[int(tiles)]).sum(axis=1)  # equal boxes are equally sure, to the last bit
    evidence[0] = (present * numbers.present[int(tiles)]).sum()
    probability: Floats = 1 / (1 + np.exp(-np.minimum(evidence, evidence[0])))
    return probability


def box_evidence(scores: Floats, boxes: Floats) -> tuple[Floats, Floats]:
    """Return what `Calibration.present` weighs of the first box, [4], and what `another` weighs of each, [n, 3]."""
    logits = _logit(scores)
    areas = np.log(np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(axis=1), _LEAST_AREA))
    next_best = logits[1] if len(logits) > 1 else _logit(np.float32(0))
    present = np.array([logits[0], areas[0], next_best, 1], np.float32)
    return present, np.stack([logits, areas, np.ones_like(logits)], axis=1)


def _logit(scores: Floats | np.float32) -> Floats:
    bounded = np.clip(scores, _FLOOR, 1 - _FLOOR)
    logit: Floats = np.log(bounded / (1 - bounded))
    return logit


def _box(corners: Sequence[float] | Floats) -> BoundingBox:
    left, top, right, bottom = (min(max(float(at), 0.0), 1.0) for at in corners)
    return BoundingBox(float32(left), float32(top), float32(right - left), float32(bottom - top))
