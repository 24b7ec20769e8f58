"""The two taxonomies of moderation labels, and what is said of a picture in the words of one of them.

`moderation_taxonomy.tsv` has every label of version 7, and the label of version 6.1 that it was called before, as AWS
published the mapping; labels of 6.1 have two levels. A label without an older name was new. Chains are those of each
version: what was Smoking below Drugs & Tobacco is Smoking below Tobacco.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from openrek.domain.moderation import ModerationLabel, ModerationName

FILE: Final = Path(__file__).with_name("moderation_taxonomy.tsv")
NEW, OLD = "7.0", "6.1"


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """The labels of one version. `chains`: a label of version 7 -> what is said for it, the deepest level first."""

    version: str
    chains: Mapping[str, tuple[ModerationName, ...]]


@cache
def taxonomy(version: str) -> Taxonomy:
    """Return the taxonomy of a version, NEW or OLD."""
    with FILE.open(encoding="utf-8", newline="") as file:
        rows = {row["label"]: row for row in csv.DictReader(file, delimiter="\t")}
    chain = _new_chain if version == NEW else _old_chain
    return Taxonomy(version, {label: chain(rows, label) for label in rows})


def said(confidences: Mapping[str, float], words: Taxonomy, least_pct: float) -> list[ModerationLabel]:
    """Return the labels that are at least so sure, with all above them, in the order of the answer.

    A label above others is as sure as the surest of them. The surest come first; of those that are equally sure the
    deeper ones, as Rekognition has them.
    """
    best: dict[ModerationName, float] = {}
    for label, confidence in confidences.items():
        for entry in words.chains[label]:
            best[entry] = max(best.get(entry, 0.0), confidence)
    labels = [ModerationLabel(entry, confidence) for entry, confidence in best.items() if confidence >= least_pct]
    return sorted(labels, key=lambda label: (-label.confidence, -label.entry.level, label.entry.name))


def _new_chain(rows: Mapping[str, Mapping[str, str]], label: str) -> tuple[ModerationName, ...]:
    row = rows[label]
    above = _new_chain(rows, row["parent"]) if row["parent"] else ()
    return ModerationName(label, row["parent"], int(row["level"])), *above


def _old_chain(rows: Mapping[str, Mapping[str, str]], label: str) -> tuple[ModerationName, ...]:
    """Return the older label and its parent; of a label that was new, those of the label above it."""
    row = rows[label]
    name, parent = row["label_6_1"], row["parent_6_1"]
    if not name:
        return _old_chain(rows, row["parent"])
    if not parent:
        return (ModerationName(name, "", 1),)
    return ModerationName(name, parent, 2), ModerationName(parent, "", 1)
