"""From what the networks and rules say to labels with calibrated confidences, 0..100."""

import math
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from openrek.domain.faces import float32
from openrek.domain.labels import DominantColor, Instance, Label
from openrek.vision.images.arrays import Floats
from openrek.vision.labels.calibration import Calibration, calibration
from openrek.vision.labels.objects import Sighting
from openrek.vision.labels.rules import concluded
from openrek.vision.labels.vocabulary import table
from openrek.vision.models.learnt_parts import LearntPart, decode
from openrek.vision.models.picture_classes import Impression

HEADS: Final = Path(__file__).with_name("heads.learnt")
LEAST_PCT: Final = 1.0
"""A label that is less sure than this is not told, whatever is asked for."""
MOST_PCT: Final = 99.9
_LEAST_CHANCE: Final = 1e-3
_LEAST_LOGIT: Final = math.log(_LEAST_CHANCE / (1 - _LEAST_CHANCE)) + 1e-3
LEAST_WHOLE: Final = 0.3
LEAST_SHARE: Final = 0.6
"""Of a crop: what its class needs of the probabilities, and what a label below it needs of that."""
COLOR: Final = "color"
_UNIFORM_PCT: Final = 75.0
"""Share of the pixels from which on a picture as a whole has a colour."""
_COLOR_NAMES: Final = {"grey": "Gray", "maroon": "Maroon", "teal": "Teal"}


def from_objects(seen: Sequence[Sighting]) -> list[Label]:
    """Return the labels that the objects answer, with instances where they carry boxes, and those that follow."""
    known = table()
    best: dict[str, float] = {}
    boxes: dict[str, list[Instance]] = {}
    for sighting in seen:
        best[sighting.coco_class] = max(best.get(sighting.coco_class, 0.0), sighting.confidence)
        name = known.label_of_boxes.get(sighting.coco_class)
        if name is not None:
            boxes.setdefault(name, []).append(Instance(sighting.box, sighting.confidence))
    found = {
        name: any_of([best[each] for each in evidence.objects if each in best])
        for name, evidence in known.evidence.items()
        if any(each in best for each in evidence.objects)
    }
    labels = [_label(name, confidence, tuple(boxes.get(name, ()))) for name, confidence in found.items()]
    return labels + [_label(name, confidence) for name, confidence in concluded(seen).items()]


def any_of(confidences: Sequence[float]) -> float:
    """Return how sure it is that any of several things is there, as if each were seen by itself; 0..100."""
    return 100 * (1 - math.prod(1 - confidence / 100 for confidence in confidences))


def from_impression(whole: Impression) -> list[Label]:
    """Return the labels that ImageNet's classes and the heads answer, from the mean of the views of a picture."""
    known = table()
    pictured = 100 * picture_confidences(whole.probabilities)
    heads = _heads()
    logits = heads.arrays["weights"] @ whole.feature + heads.arrays["biases"]
    told = 100 / (1 + np.exp(-logits))
    found = [*zip(known.pictured, pictured, strict=True), *zip(heads.names, told, strict=True)]
    return [_label(name, float(confidence)) for name, confidence in found if confidence >= LEAST_PCT]


def from_crop(crop: Impression, sighting: Sighting) -> list[Label]:
    """Return the labels below that of an object's class that its crop answers, with the object as their instance.

    A breed, say, of a dog: as sure as the dog, times the breed's share of what ImageNet's classes of dogs have.
    """
    known = table()
    name = known.label_of_boxes[sighting.coco_class]
    if name not in known.pictured:
        return []
    sums = crop.probabilities @ known.membership
    whole = float(sums[known.pictured.index(name)])
    if whole <= LEAST_WHOLE:
        return []
    labels = []
    for place in known.below.get(name, ()):
        share = min(1.0, float(sums[place]) / whole)
        if share >= LEAST_SHARE:
            confidence = float32(sighting.confidence * share)
            labels.append(_label(known.pictured[place], confidence, (Instance(sighting.box, confidence),)))
    return labels


def from_colors(colors: Iterable[DominantColor]) -> list[Label]:
    """Return the label of a picture that is nearly all of one colour; as sure as its share of the pixels."""
    shares: dict[str, float] = {}
    for color in colors:
        plain = color.css_name if color.css_name in _COLOR_NAMES else color.simplified
        name = _COLOR_NAMES.get(plain, plain.capitalize())
        shares[name] = shares.get(name, 0.0) + color.pixel_pct
    known = table().evidence
    return [
        _label(name, share)
        for name, share in shares.items()
        if share >= _UNIFORM_PCT and name in known and COLOR in known[name].other
    ]


def picture_confidences(probabilities: Floats, numbers: Calibration | None = None) -> Floats:
    """Return how sure each of the labels `pictured` is, 0..1, from the probabilities [1000] of ImageNet's classes.

    `numbers`: those that ship, unless others are given.
    """
    numbers = numbers or calibration()
    told = picture_evidence(probabilities)
    logits: Floats = np.where(_decided(), told @ numbers.object_names, told @ numbers.other_names)
    confidences = 1 / (1 + np.exp(-logits))
    return np.where(told[:, 0] <= _LEAST_LOGIT, np.float32(0), confidences)


def picture_evidence(probabilities: Floats) -> Floats:
    """Return what `Calibration.object_names` weighs of each of the labels `pictured`, [n, 3]."""
    known = table()
    sums = np.clip(probabilities @ known.membership, _LEAST_CHANCE, 1 - _LEAST_CHANCE)
    told: Floats = np.stack([np.log(sums / (1 - sums)), _numbers(), np.ones_like(sums)], axis=1)
    return told


@cache
def _numbers() -> Floats:
    """Return the logarithm of the number of classes of each label of `pictured`."""
    logarithms: Floats = np.log(table().membership.sum(axis=0)).astype(np.float32)
    return logarithms


@cache
def _decided() -> NDArray[np.bool_]:
    """Return which labels of `pictured` COCO's classes decide too."""
    known = table()
    return np.array([bool(known.evidence[name].objects) for name in known.pictured])


@cache
def _heads() -> LearntPart:
    return decode(HEADS.read_bytes())


def _label(name: str, confidence: float, instances: tuple[Instance, ...] = ()) -> Label:
    return Label(table().entries[name], float32(min(confidence, MOST_PCT)), instances)
