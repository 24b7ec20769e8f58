"""`python -m benchmarks.known_labels COCO FEATURES CAPTIONS`: what is found of all that photos are known to show.

The captioned photos of COCO, judged by the names that its classes decide and by those of the heads of scenes, as
captions tell (`training.label_heads`, FEATURES and CAPTIONS are its). Heads, and the numbers of calibration, are learnt
from other photos than those that they are judged by. Beside it the same networks the plain way: the detector's scores
as they are, the one class of the whole picture, no heads.
"""

import argparse
import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from benchmarks.labels import Said, annotated, average_precision, plain_boxes, plain_class, recall_at_precision
from openrek.runtime.settings import Settings
from openrek.vision.labels.reader import LabelReader
from openrek.vision.labels.vocabulary import table
from openrek.vision.models.sessions import ModelSessions
from training import label_heads
from training.label_calibration import FOLDS, fit, look, told


def scenes(features: Path, captions: Path) -> tuple[tuple[str, ...], dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Return the names of the heads, and of each captioned photo targets and probabilities of held-back heads."""
    settings = tomllib.loads(label_heads.SETTINGS.read_text("utf-8"))
    rows = label_heads.read(features, captions)
    pictures = np.load(features, allow_pickle=False)
    ours = np.isin(pictures["source"], ("caltech101", "coco2017"))
    files = [os.path.basename(str(name)) for name in pictures["name"][ours]]
    chosen = [place for place, told_ in enumerate(rows.captions) if told_ is not None]
    captioned = label_heads.Rows(
        rows.features[chosen], [rows.folders[each] for each in chosen], [rows.captions[each] for each in chosen]
    )
    ((_, targets, chances),) = label_heads.judge(captioned, settings, ("captions",))
    known = {files[place]: (targets[row], chances[row]) for row, place in enumerate(chosen)}
    return tuple(settings["captions"]), known


def plainly(path: Path, labels: LabelReader) -> dict[str, float]:
    """Return what the same networks say of a photo as tutorials run them, with all ancestors."""
    picture = cv2.imread(str(path))[:, :, ::-1]
    scores = plain_boxes(labels, picture)
    chance, number = plain_class(labels, picture)
    said = {}
    for name, evidence in table().evidence.items():
        best = [scores[of][0][0] for of in evidence.objects if scores.get(of)]
        said[name] = 100 * max([*best, *([chance] if number in evidence.pictures else [])], default=0.0)
    return said


def truths(shown: set[str], heads: tuple[str, ...], targets: np.ndarray) -> Mapping[str, bool]:
    """Return each name that is known of a photo, and whether the photo shows it."""
    decided = {name: bool(shown & set(each.objects)) for name, each in table().evidence.items() if each.objects}
    return {name: is_there for name, is_there in decided.items() if name not in heads} | {
        name: bool(target > 0) for name, target in zip(heads, targets, strict=True) if target
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for name in ("coco", "features", "captions"):
        parser.add_argument(name, type=Path)
    asked = parser.parse_args()
    heads, known = scenes(asked.features, asked.captions)
    sessions = ModelSessions(Settings.of(os.environ).weights)
    seen = list(look(annotated(asked.coco), sessions))
    numbers = [fit([each for each in seen if each.fold != fold]) for fold in range(FOLDS)]
    judged: dict[str, list[tuple[bool, Said]]] = {}
    totals = {False: 0, True: 0}
    for each in seen:
        if each.photo.path.name not in known:
            continue
        targets, chances = known[each.photo.path.name]
        right = truths({name for name, _, _ in each.photo.objects}, heads, targets)
        for name, is_there in right.items():
            totals[name in heads] += is_there
        ways = {"the plain way": plainly(each.photo.path, LabelReader(sessions))}
        for way, tiles in (("openrek", False), ("openrek, with tiles", True)):
            said, _ = told(each, numbers[each.fold], tiles=tiles)
            held_back = zip(heads, chances, strict=True)
            ways[way] = said | {name: max(said.get(name, 0.0), 100 * float(chance)) for name, chance in held_back}
        for way, said in ways.items():
            judged.setdefault(way, []).extend(
                (name in heads, Said(said[name], right[name])) for name in right if said.get(name, 0.0) >= 1
            )
    report(judged, totals)


def report(judged: Mapping[str, Sequence[tuple[bool, Said]]], totals: Mapping[bool, int]) -> None:
    for way, all_said in judged.items():
        for title, kinds in (("classes and ancestors", (False,)), ("scenes", (True,)), ("both", (False, True))):
            said, total = [each for kind, each in all_said if kind in kinds], sum(totals[kind] for kind in kinds)
            recall, area = recall_at_precision(said, total), average_precision(said, total)
            print(f"{way}, {title}: {total} to be found, recall at precision .85 {recall:.3f}, AP {area:.3f}")


if __name__ == "__main__":
    main()
