"""An owner's own labels: a name, its place in the vocabulary, a linear head. Kept as learnt parts, one a label."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from openrek.domain.faces import float32
from openrek.domain.labels import Label, LabelName
from openrek.vision.images.arrays import Floats
from openrek.vision.labels.learning import Head, Measured
from openrek.vision.labels.vocabulary import table
from openrek.vision.models.learnt_parts import Fact, LearntPartError, Provenance, decode, encode

LEAST_PICTURES: Final = 30
MOST_PICTURES: Final = 2000
MOST_OWN_LABELS: Final = 200
MOST_BYTES: Final = 16 * 1024
"""Of the file of one label, which has some 4 kB."""
FEATURES: Final = 1280
DEFAULT_CATEGORY: Final = "Everyday Objects"
NAME: Final = re.compile(r"[^\W_](?:[\w '&+.,()/-]{0,98}[\w')+.])?")
_COUNTS: Final = ("pictures", "others", "found", "false_alarms")


class UnusableName(ValueError):
    """No label may have this name, category or parent; the text says why in one sentence."""


@dataclass(frozen=True, slots=True)
class OwnLabel:
    """A label of the owner's. feature . weights [1280] + bias is the logit of its probability; `learnt_on` is a day."""

    entry: LabelName
    weights: Floats
    bias: float
    measured: Measured
    learnt_on: str

    @property
    def name(self) -> str:
        return self.entry.name


def checked_entry(name: str, category: str | None, parents: Sequence[str]) -> LabelName:
    """Return the entry of a new label below built-in `parents`. Raises UnusableName.

    Without a category it has that of its first parent.
    """
    known = table().entries
    for each in (name, *([category] if category is not None else [])):
        if not NAME.fullmatch(each):
            raise UnusableName(
                f"{each!r} cannot be a name: 1 to 100 letters, digits, spaces and ' & + . , ( ) / -, "
                "the first a letter or a digit."
            )
    taken = {word.casefold(): entry for entry in known.values() for word in (entry.name, *entry.aliases)}
    if (built_in := taken.get(name.casefold())) is not None:
        raise UnusableName(f"{name} is taken: openrek has the label {built_in.name} already.")
    for parent in parents:
        if parent not in known:
            raise UnusableName(f"{parent} cannot be a parent: openrek has no label of that name.")
    above = sorted({word for parent in parents for word in (parent, *known[parent].ancestors)})
    inherited = known[parents[0]].category if parents else DEFAULT_CATEGORY
    return LabelName(name, category or inherited, tuple(above), ())


def own_label(entry: LabelName, head: Head, learnt_on: str) -> OwnLabel:
    return OwnLabel(entry, head.weights.astype(np.float32), head.bias, head.measured, learnt_on)


def encode_own(label: OwnLabel) -> bytes:
    """Return the file of a label. Raises LearntPartError."""
    about = Provenance(
        name="own-label",
        what="a label that the owner taught",
        reads="pplcnet: flatten_1.tmp_0, of unit length; features . weights + bias is the logit of the probability",
        learnt_from="the owner's pictures, against vision/labels/background.learnt",
        learnt_by="openrek labels learn",
        licence="the owner's",
    )
    measured = label.measured
    facts: dict[str, Fact] = {
        "category": label.entry.category,
        "ancestors": label.entry.ancestors,
        "learnt_on": label.learnt_on,
        "pictures": measured.pictures,
        "others": measured.others,
        "found": measured.found,
        "false_alarms": measured.false_alarms,
    }
    arrays = {"weights": label.weights[None].astype(np.float64), "biases": np.array([label.bias])}
    return encode(about, (label.name,), arrays, facts)


def decode_own(encoded: bytes) -> OwnLabel:
    """Read the file of a label. Raises LearntPartError, also where this version has a label of that name."""
    if len(encoded) > MOST_BYTES:
        raise LearntPartError(f"The file of the label has more than {MOST_BYTES} bytes.")
    part = decode(encoded)
    weights, biases = part.arrays.get("weights"), part.arrays.get("biases")
    if weights is None or biases is None or (weights.shape, biases.shape) != ((1, FEATURES), (1,)):
        raise LearntPartError("The learnt part is no label of an owner's: its arrays are others.")
    counts = [count for fact in _COUNTS if type(count := part.facts.get(fact)) is int]
    match part.names, *(part.facts.get(fact) for fact in ("category", "ancestors", "learnt_on")):
        case ((name,), str(category), tuple(ancestors), str(day)) if len(counts) == len(_COUNTS) and counts[0] > 0:
            measured = Measured(*counts)
        case _:
            raise LearntPartError("The learnt part is no label of an owner's: it lacks a fact.")
    try:
        entry = checked_entry(name, category, ancestors)
    except UnusableName as error:
        raise LearntPartError(str(error)) from error
    return OwnLabel(entry, weights[0], float(biases[0]), measured, day)


def said(labels: Sequence[OwnLabel], feature: Floats, least_pct: float, most_pct: float) -> list[Label]:
    """Return the labels that a picture's feature [1280] shows, from `least_pct` on, and none surer than `most_pct`."""
    if not labels:
        return []
    logits = np.stack([label.weights for label in labels]) @ feature + np.array([label.bias for label in labels])
    told = 100 / (1 + np.exp(-np.clip(logits, -30, 30)))
    return [
        Label(label.entry, float32(min(float(pct), most_pct)))
        for label, pct in zip(labels, told, strict=True)
        if pct >= least_pct
    ]
