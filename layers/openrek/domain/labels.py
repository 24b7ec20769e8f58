"""Labels as values: what a picture shows, where, in which colours; and the rules that hold for every list of labels."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from openrek.domain.faces import BoundingBox


@dataclass(frozen=True, slots=True)
class LabelName:
    """One entry of the vocabulary: a label's category, all its ancestors in the order of the alphabet, other names."""

    name: str
    category: str
    ancestors: tuple[str, ...]
    aliases: tuple[str, ...]


Vocabulary: TypeAlias = Mapping[str, LabelName]
"""Name -> entry, for every label that can be said. Ancestors are entries too, and so are theirs."""


@dataclass(frozen=True, slots=True)
class DominantColor:
    """A colour of CSS's palette, one of twelve plain names for it, and its share of the pixels in percent, float32."""

    red: int
    green: int
    blue: int
    css_name: str
    simplified: str
    pixel_pct: float


@dataclass(frozen=True, slots=True)
class Instance:
    """One thing in the picture. `confidence` is 0..100, float32."""

    box: BoundingBox
    confidence: float
    colors: tuple[DominantColor, ...] = ()


@dataclass(frozen=True, slots=True)
class Label:
    """A label of a picture. `confidence` is 0..100, float32; instances are those that were seen one by one."""

    entry: LabelName
    confidence: float
    instances: tuple[Instance, ...] = ()

    @property
    def name(self) -> str:
        return self.entry.name


@dataclass(frozen=True, slots=True)
class PictureQuality:
    """The quality of a picture or of a part of it, 0..100 each, float32."""

    brightness: float
    sharpness: float
    contrast: float


@dataclass(frozen=True, slots=True)
class PicturePart:
    """The foreground or the background of a picture."""

    quality: PictureQuality
    colors: tuple[DominantColor, ...]


@dataclass(frozen=True, slots=True)
class PictureProperties:
    """Quality and colours, the largest share first. A part that has no pixels is None."""

    quality: PictureQuality
    colors: tuple[DominantColor, ...]
    foreground: PicturePart | None
    background: PicturePart | None


def completed(labels: Iterable[Label], vocabulary: Vocabulary) -> tuple[Label, ...]:
    """Return the labels with all their ancestors, in Rekognition's order: the surest first, then by name.

    An ancestor is at least as sure as each label below it. A name that comes twice is one label, with the instances of
    the first that has any. A label's instances come the surest first.
    """
    merged: dict[str, Label] = {}
    for label in labels:
        for name in (*label.entry.ancestors, label.name):
            known = merged.get(name, Label(vocabulary[name], 0.0))
            instances = known.instances or (label.instances if name == label.name else ())
            merged[name] = replace(known, confidence=max(known.confidence, label.confidence), instances=instances)
    ordered = sorted(merged.values(), key=lambda label: (-label.confidence, label.name))
    return tuple(replace(label, instances=_surest_first(label.instances)) for label in ordered)


def _surest_first(instances: Iterable[Instance]) -> tuple[Instance, ...]:
    return tuple(sorted(instances, key=lambda each: (-each.confidence, each.box.left, each.box.top)))
