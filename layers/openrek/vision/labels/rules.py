"""Labels that follow from objects: a toilet is in a bathroom, four sheep are a herd.

A rule is as sure as the least sure of the objects that it needs, times `trust`: how often the rule was right on
captioned photos of COCO where its objects were (docs/ACCURACY.md, "Labels").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from openrek.vision.labels.objects import Sighting


@dataclass(frozen=True, slots=True)
class Need:
    """At least `least` objects of one of the classes `of`."""

    of: tuple[str, ...]
    least: int = 1


@dataclass(frozen=True, slots=True)
class Rule:
    """`label` follows where every need is met; `touching`: by two things of which one is on, or holds, the other."""

    label: str
    needs: tuple[Need, ...]
    trust: float = 1.0
    touching: bool = False


_BATS: Final = Need(("baseball bat", "baseball glove"))
_HERDS: Final = ("cow", "sheep", "horse", "elephant", "zebra", "giraffe")
_FOODS: Final = ("banana", "apple", "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake")
_PERSON: Final = Need(("person",))
_TABLE: Final = Need(("dining table",))
_CROSSING: Final = (Need(("traffic light",)), Need(("car",)))
RULES: Final = (
    Rule("Baseball", (_BATS,)),
    Rule("Baseball Game", (_BATS, _PERSON), 0.9, touching=True),
    Rule("Bathroom", (Need(("toilet",)),), 0.96),
    Rule("Bedroom", (Need(("bed",)),), 0.6),
    Rule("City", _CROSSING, 0.85),
    Rule("Dining Room", (_TABLE, Need(("chair",), 3)), 0.75),
    Rule("Flock", (Need(("bird",), 5),)),
    Rule("Herd", (Need(_HERDS, 4),), 0.95),
    Rule("Horseback Riding", (Need(("horse",)), _PERSON), 0.9, touching=True),
    Rule("Hydrant", (Need(("fire hydrant",)),)),
    Rule("Kitchen", (Need(("oven", "refrigerator", "microwave")),), 0.88),
    Rule("Living Room", (Need(("couch",)),), 0.65),
    Rule("Meal", (_TABLE, Need(_FOODS)), 0.8),
    Rule("Railway", (Need(("train",)),), 0.85),
    Rule("Riding Bicycle", (Need(("bicycle",)), _PERSON), 0.7, touching=True),
    Rule("Street", _CROSSING, 0.9),
    Rule("Surfing", (Need(("surfboard",)), _PERSON), 0.95, touching=True),
    Rule("Tennis", (Need(("tennis racket",)),)),
    Rule("Train Station", (Need(("train",)), Need(("person",), 2)), 0.65),
)
_TOUCHES: Final = 0.02
"""Intersection over union from which on two things touch."""


def concluded(seen: Sequence[Sighting]) -> dict[str, float]:
    """Return the labels that follow from the objects, each with its confidence, 0..100."""
    found = {rule.label: rule.trust * _confidence(rule, seen) for rule in RULES}
    return {label: confidence for label, confidence in found.items() if confidence > 0}


def _confidence(rule: Rule, seen: Sequence[Sighting]) -> float:
    if rule.touching:
        things, others = ([sighting for sighting in seen if sighting.coco_class in need.of] for need in rule.needs)
        pairs = ((thing, other) for thing in things for other in others if thing.box.iou(other.box) >= _TOUCHES)
        return max((min(thing.confidence, other.confidence) for thing, other in pairs), default=0.0)
    return min(_met(need, seen) for need in rule.needs)


def _met(need: Need, seen: Sequence[Sighting]) -> float:
    """Return how sure it is that there are so many objects of one class: the confidence of the last that is needed."""
    found = [0.0]
    for of in need.of:
        surest_first = sorted((sighting.confidence for sighting in seen if sighting.coco_class == of), reverse=True)
        found += surest_first[need.least - 1 : need.least]
    return max(found)
