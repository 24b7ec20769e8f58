"""The vocabulary: every label that openrek can say, and the evidence that says it. `vocabulary.tsv` is the data.

Columns: name; category; ancestors (all of them) and aliases, with a bar between; `boxes`: the class of COCO whose boxes
the label carries; `objects`: classes of COCO that answer it; `pictures`: numbers of ImageNet's classes that answer it;
`other`: "head" (a head of `heads.learnt`), "rule" (`rules`), "color" (the picture's colours), "faces" (the operation,
with the face reader).
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from openrek.domain.labels import LabelName, Vocabulary
from openrek.vision.images.arrays import Floats

FILE: Final = Path(__file__).with_name("vocabulary.tsv")
PICTURE_CLASSES: Final = 1000


@dataclass(frozen=True, slots=True)
class Evidence:
    """What answers a label: classes of COCO, classes of ImageNet, and other ways by name."""

    objects: tuple[str, ...]
    pictures: tuple[int, ...]
    other: frozenset[str]


@dataclass(frozen=True, slots=True)
class Table:
    """The vocabulary as it is used.

    `label_of_boxes`: COCO's class -> the label that carries its boxes. `pictured`: the labels that ImageNet's classes
    answer, and `membership` float32 [1000, labels], 1 where the class is one of the label's. `below`: a label -> the
    places in `pictured` of the labels that it is an ancestor of.
    """

    entries: Vocabulary
    evidence: Mapping[str, Evidence]
    label_of_boxes: Mapping[str, str]
    pictured: tuple[str, ...]
    membership: Floats
    below: Mapping[str, tuple[int, ...]]


@cache
def table() -> Table:
    """Return the vocabulary, read once."""
    with FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    entries = {
        row["name"]: LabelName(row["name"], row["category"], _words(row["ancestors"]), _words(row["aliases"]))
        for row in rows
    }
    evidence = {row["name"]: _evidence(row) for row in rows}
    pictured = tuple(name for name, each in evidence.items() if each.pictures)
    membership = np.zeros((PICTURE_CLASSES, len(pictured)), np.float32)
    below: dict[str, list[int]] = {}
    for place, name in enumerate(pictured):
        membership[list(evidence[name].pictures), place] = 1
        for ancestor in entries[name].ancestors:
            below.setdefault(ancestor, []).append(place)
    return Table(
        entries=entries,
        evidence=evidence,
        label_of_boxes={row["boxes"]: row["name"] for row in rows if row["boxes"]},
        pictured=pictured,
        membership=membership,
        below={name: tuple(places) for name, places in below.items()},
    )


def _evidence(row: Mapping[str, str]) -> Evidence:
    pictures = tuple(int(number) for number in row["pictures"].split())
    return Evidence(_words(row["objects"]), pictures, frozenset(_words(row["other"])))


def _words(cell: str) -> tuple[str, ...]:
    return tuple(cell.split("|")) if cell else ()
