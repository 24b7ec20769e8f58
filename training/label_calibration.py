"""`python -m training.label_calibration COCO PART`: fits what the networks' scores mean, and writes the learnt part.

COCO is a folder as `benchmarks.labels` reads it; a photo that is there several times counts once. The networks run once
on each photo. In FOLDS folds, by the numbers of the photos, all numbers are fitted on the others and judged on the
photos that are held back: that is printed. What is written is fitted on all photos.

`other_names`, of labels that COCO does not decide, cannot be fitted on COCO: its numbers stand below, and were fitted
on pictures of Caltech-101.
"""

import argparse
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.labels import Annotated, Judged, annotated, boxes_right
from openrek.runtime.settings import Settings
from openrek.vision.images.arrays import Floats
from openrek.vision.images.decode import decode
from openrek.vision.labels import evidence
from openrek.vision.labels.calibration import Calibration
from openrek.vision.labels.networks import OBJECTS
from openrek.vision.labels.objects import (
    CLASSES,
    LEAST_SCORE,
    MOST_SIGHTINGS,
    all_candidates,
    box_evidence,
    confidences_of,
    kept_boxes,
)
from openrek.vision.labels.vocabulary import table
from openrek.vision.models.learnt_parts import Provenance, encode
from openrek.vision.models.picture_classes import PICTURES, impressions, mean_impression, middle, squeezed
from openrek.vision.models.sessions import ModelSessions

FOLDS: Final = 5
OTHER_NAMES: Final = (1.26, 0.22, -0.71)
"""Half of the objects of Caltech-101 are none of ImageNet's."""
PENALTY: Final = 1e-2
HARDLY_SEEN: Final = 0.3
LEAST_LOGIT: Final = float(np.log(0.2 / 0.8))
ABOUT: Final = Provenance(
    name="label-calibration",
    what="the probabilities of what the networks of labels say",
    reads="picodet: scores and boxes; pplcnet: sums of probabilities",
    learnt_from="some 400 photos of COCO 2017 (annotations CC BY 4.0, COCO Consortium); Caltech-101 (other_names)",
    learnt_by="training/label_calibration.py",
    licence="Apache-2.0",
)
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Seen:
    """A photo, and what the networks said: by tiles, class -> scores and boxes, the best first; ImageNet's chances."""

    photo: Annotated
    objects: dict[bool, dict[str, tuple[Floats, Floats]]]
    probabilities: Floats

    @property
    def fold(self) -> int:
        return zlib.crc32(self.photo.path.name.encode()) % FOLDS


def look(photos: Sequence[Annotated], sessions: ModelSessions) -> Iterator[Seen]:
    """Run the networks on every photo."""
    for photo in photos:
        image = decode(photo.path.read_bytes()).image
        objects: dict[bool, dict[str, tuple[Floats, Floats]]] = {}
        for tiles in (False, True):
            found = all_candidates(sessions.session(OBJECTS), image, tiles=tiles)
            objects[tiles] = {}
            for index, name in enumerate(CLASSES):
                likely = np.flatnonzero(found.scores[:, index] >= LEAST_SCORE)
                kept = likely[kept_boxes(found.scores[likely, index], found.boxes[likely])[:MOST_SIGHTINGS]]
                if len(kept):
                    objects[tiles][name] = found.scores[kept, index], found.boxes[kept]
        views = [middle(image, (0, 0, *image.size)), squeezed(image)]
        whole = mean_impression(impressions(sessions.session(PICTURES), views))
        yield Seen(photo, objects, whole.probabilities)


def fit(seen: Sequence[Seen]) -> Calibration:
    """Return the numbers that make the photos' truth most likely."""
    boxes = [_fit_boxes(seen, tiles) for tiles in (False, True)]
    return Calibration(
        present=np.stack([present for present, _ in boxes]),
        another=np.stack([another for _, another in boxes]),
        object_names=_fit_names(seen),
        other_names=np.array(OTHER_NAMES, np.float32),
    )


def _fit_boxes(seen: Sequence[Seen], tiles: bool) -> tuple[Floats, Floats]:
    first, is_there, others, is_another = [], [], [], []
    for each in seen:
        shown = {name for name, _, _ in each.photo.objects}
        for name, (scores, boxes) in each.objects[tiles].items():
            present, rows = box_evidence(scores, boxes)
            first.append(present)
            is_there.append(name in shown)
            judged = boxes_right(
                each.photo, name, [(score, tuple(box)) for score, box in zip(scores, boxes, strict=True)]
            )
            for row, right in list(zip(rows, judged, strict=True))[1:]:
                if right is not None:
                    others.append(row)
                    is_another.append(right)
    return _logistic(first, is_there), _logistic(others, is_another)


def _fit_names(seen: Sequence[Seen]) -> Floats:
    """Fit how much rarer a label that COCO decides is where the detector hardly saw one of its class: the constant.

    On labels that carry boxes: of their ancestors COCO knows only some kinds, and other kinds would count as wrong.
    Only where ImageNet's classes might make one say it, which are some thirty pairs of a photo and a label. The other
    two weights are those of `OTHER_NAMES`.
    """
    known = table()
    by_chance, by_number, _ = OTHER_NAMES
    offsets, right = [], []
    for each in seen:
        shown = {name for name, _, _ in each.photo.objects}
        evident = evidence.picture_evidence(each.probabilities)
        for of, name in known.label_of_boxes.items():
            best = max((found[of][0][0] for found in each.objects.values() if of in found), default=0.0)
            if name in known.pictured and best < HARDLY_SEEN:
                chance, number, _ = evident[known.pictured.index(name)]
                if chance >= LEAST_LOGIT:
                    offsets.append(by_chance * chance + by_number * number)
                    right.append(of in shown)
    logits, wanted, constant = np.array(offsets), np.array(right), 0.0
    for _ in range(30):
        chances = 1 / (1 + np.exp(-(logits + constant)))
        slope = float(np.sum(wanted - chances)) - PENALTY * constant
        constant += slope / (float(np.sum(chances * (1 - chances))) + PENALTY)
    return np.array([by_chance, by_number, round(constant, 2)], np.float32)


def _logistic(rows: Sequence[Floats], right: Sequence[bool]) -> Floats:
    """Return the weights of the likeliest logistic function, by Newton's method, to hundredths."""
    told, wanted = np.array(rows, np.float64), np.array(right, np.float64)
    answer: Matrix = np.zeros(told.shape[1])
    for _ in range(30):
        chance = 1 / (1 + np.exp(-np.clip(told @ answer, -30, 30)))
        slope = told.T @ (wanted - chance) - PENALTY * answer
        curve = (told.T * (chance * (1 - chance))) @ told + PENALTY * np.eye(len(answer))
        answer += np.linalg.solve(curve, slope)
    return np.round(answer, 2).astype(np.float32)


def judge(title: str, seen: Sequence[Seen], numbers: Sequence[Calibration], *, tiles: bool) -> Judged:
    """Judge every photo by the numbers of its fold."""
    result = Judged(title)
    for each in seen:
        said, boxes = told(each, numbers[each.fold], tiles=tiles)
        result.add(each.photo, said, boxes)
    return result


def told(
    each: Seen, numbers: Calibration, *, tiles: bool
) -> tuple[dict[str, float], dict[str, list[tuple[float, tuple[float, float, float, float]]]]]:
    """Return what is said of a photo: labels with confidences, boxes of classes; no crops, faces and rules."""
    known = table()
    boxes = {}
    for name, (scores, found) in each.objects[tiles].items():
        sure = 100 * confidences_of(scores, found, tiles=tiles, numbers=numbers)
        order = np.argsort(-sure, kind="stable")
        boxes[name] = [(float(sure[place]), tuple(found[place].tolist())) for place in order]
    said = {}
    for name, answered in known.evidence.items():
        chances = [boxes[of][0][0] for of in answered.objects if of in boxes]
        if chances:
            said[name] = evidence.any_of(chances)
    pictured = 100 * evidence.picture_confidences(each.probabilities, numbers)
    for name, confidence in zip(known.pictured, pictured.tolist(), strict=True):
        for label in (name, *known.entries[name].ancestors):
            said[label] = max(said.get(label, 0.0), confidence)
    return said, boxes


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("coco", type=Path)
    parser.add_argument("part", type=Path)
    asked = parser.parse_args()
    seen = list(look(annotated(asked.coco), ModelSessions(Settings.of(os.environ).weights)))
    held_back = [fit([each for each in seen if each.fold != fold]) for fold in range(FOLDS)]
    for tiles in (False, True):
        judge(f"held back, {'with' if tiles else 'without'} tiles", seen, held_back, tiles=tiles).print()
    numbers = fit(seen)
    print(numbers)
    arrays = {name: getattr(numbers, name).astype(np.float64) for name in Calibration.__dataclass_fields__}
    asked.part.write_bytes(encode(ABOUT, ("without tiles", "with tiles"), arrays))


if __name__ == "__main__":
    main()
