"""`python -m training.label_heads FEATURES CAPTIONS PART`: learns the heads of DetectLabels and writes the learnt part.

`--judge` instead of PART prints how right they are on rows that are held back, which takes some minutes.

FEATURES is an .npz with `f` float16 [n, 1280] (pplcnet's feature of each picture), `name`, `source` ("caltech101",
"coco2017"; rows of other sources are left out) and `label` (the folder of Caltech-101). CAPTIONS is JSON: the file name
of a photo of COCO -> its captions. `label_heads.toml` says which rows show which label.

`features_of` makes such rows from a folder of labelled pictures: a folder for each label.

A head is fitted by ridge regression (`training.ridge`). Its scores become logits by a logistic function that is
fitted to the scores of rows that had no part in them, for all heads of a kind at once: of the score, and of how common
the label is. The function is folded into the weights. Same input, same bytes: the ridge is exact in whatever order a
library adds, and the function's numbers are rounded to hundredths.
"""

import json
import os
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from openrek.vision.models.learnt_parts import Provenance, encode
from training import ridge

SETTINGS: Final = Path(__file__).with_suffix(".toml")
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rows:
    """Pictures: features float64 [n, d] of unit length; which are Caltech's and of which folder; captions of COCO's."""

    features: Matrix
    folders: Sequence[str]
    captions: Sequence[Sequence[str] | None]


def read(features: Path, captions: Path) -> Rows:
    """Return the rows of Caltech-101 and COCO: `folders` is empty for the latter, `captions` None without any."""
    table = np.load(features, allow_pickle=False)
    said: dict[str, list[str]] = json.loads(captions.read_text("utf-8"))
    ours = np.isin(table["source"], ("caltech101", "coco2017"))
    return Rows(
        features=_units(table["f"][ours]),
        folders=[str(label) for label in table["label"][ours]],
        captions=[said.get(os.path.basename(str(name))) for name in table["name"][ours]],
    )


def features_of(pictures: Path, weights: Path) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield the label (a folder of `pictures`) and the feature [1280] of each picture in it, in the order of names."""
    from openrek.vision.images.decode import decode
    from openrek.vision.models import zoo
    from openrek.vision.models.picture_classes import PICTURES, impressions, middle
    from openrek.vision.models.sessions import open_session

    session = open_session(zoo.load(weights, PICTURES), 1)
    for path in sorted(pictures.glob("*/*")):
        image = decode(path.read_bytes()).image
        yield path.parent.name, impressions(session, [middle(image, (0, 0, *image.size))])[0].feature


def learn(rows: Rows, settings: Mapping[str, Any]) -> bytes:
    """Return the bytes of the part. Raises ValueError for a label that no row shows."""
    folds = int(settings["settings"]["folds"])
    penalty = float(settings["settings"]["penalty"])
    kinds = _targets(rows, settings)
    names: list[str] = []
    weights, biases = [], []
    for kind, targets in kinds.items():
        fitted, constants = ridge.fit(rows.features, targets, penalty)
        slope, by_rate, constant = _logistic(rows.features, targets, penalty, folds)
        for column in range(targets.shape[1]):
            weights.append(slope * fitted[column])
            rate = by_rate * _rate(targets[:, column])
            biases.append(slope * constants[column] + rate + constant - float(settings["rarer"][kind]))
        names += list(settings[kind])
    about = Provenance(**settings["about"])
    return encode(about, tuple(names), {"weights": np.stack(weights), "biases": np.array(biases)})


KINDS: Final = ("categories", "captions")


def judge(
    rows: Rows, settings: Mapping[str, Any], kinds: Sequence[str] = KINDS
) -> Iterator[tuple[str, Matrix, Matrix]]:
    """Yield each kind of heads, with targets [n, labels] and probabilities [n, labels] of rows that are held back.

    In as many folds as settings say, head and logistic function are learnt from the rows of the others.
    """
    folds, penalty = int(settings["settings"]["folds"]), float(settings["settings"]["penalty"])
    fold = np.arange(len(rows.features)) // folds % folds
    for kind in kinds:
        targets = _targets(rows, settings)[kind]
        chances = np.zeros(targets.shape)
        for held in range(folds):
            features, known = rows.features[fold != held], targets[fold != held]
            slope, by_rate, constant = _logistic(features, known, penalty, folds)
            for column in range(targets.shape[1]):
                answer = _quick_ridge(_with_one(features), known[:, column], penalty)
                logit = slope * (_with_one(rows.features[fold == held]) @ answer)
                logit += by_rate * _rate(known[:, column]) + constant - float(settings["rarer"][kind])
                chances[fold == held, column] = 1 / (1 + np.exp(-logit))
        yield kind, targets, chances


def report(kind: str, targets: Matrix, chances: Matrix, rarer: float) -> None:
    """Print what was right of what was said: in these rows, and if labels are as much rarer as settings have it."""
    print(f"\n{kind}: {targets.shape[1]} labels; said at, right (95 % interval), right where labels are rarer, number")
    for middle in (55, 65, 75, 80, 85, 95):
        said = (np.abs(100 * chances - middle) <= 5) & (targets != 0)
        n, right = int(said.sum()), int((targets[said] > 0).sum())
        if n:
            low, high = wilson(right, n)
            thin = right / (right + (n - right) * np.exp(rarer))
            shares = f"{100 * right / n:.0f} % ({100 * low:.0f} to {100 * high:.0f}), {100 * thin:.0f} %"
            print(f"  {middle} +- 5: {shares}, {n}")
    found = chances[targets > 0] >= 0.55
    print(f"  from 55: recall {found.mean():.3f}, false alarms {(chances[targets < 0] >= 0.55).mean():.5f}")


def wilson(right: int, n: int) -> tuple[float, float]:
    """Return the ends of Wilson's interval (95 %) of a share."""
    p, z = right / n, 1.96
    centre, spread = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = ((centre + sign * spread) / (1 + z * z / n) for sign in (-1, 1))
    return float(low), float(high)


def _targets(rows: Rows, settings: Mapping[str, Any]) -> dict[str, Matrix]:
    return {
        "categories": _by_folder(rows, settings["categories"]),
        "captions": _by_caption(rows, settings["captions"]),
    }


def _with_one(features: Matrix) -> Matrix:
    return np.hstack([features, np.ones((len(features), 1))])


def _by_folder(rows: Rows, categories: Mapping[str, Sequence[str]]) -> Matrix:
    """Return targets [n, labels]: 1 for pictures of the label's folders, -1 for all others."""
    return np.array([[1.0 if folder in of else -1.0 for of in categories.values()] for folder in rows.folders])


def _by_caption(rows: Rows, captions: Mapping[str, str]) -> Matrix:
    """Return targets [n, labels]: 1 where two captions or more have the word, -1 where none has, else 0."""
    patterns = [re.compile(rf"\b({words})\b") for words in captions.values()]
    return np.array([[_told(said, pattern) for pattern in patterns] for said in rows.captions])


def _told(said: Sequence[str] | None, pattern: re.Pattern[str]) -> float:
    if said is None:
        return 0.0
    count = sum(1 for caption in said if pattern.search(caption.lower()))
    return 1.0 if count >= 2 else -1.0 if count == 0 else 0.0


def _logistic(features: Matrix, targets: Matrix, penalty: float, folds: int) -> tuple[float, float, float]:
    """Return the slope, the weight of the label's rate and the constant, fitted to scores of held-back rows."""
    scores = np.zeros(targets.shape)
    rows = _with_one(features)
    fold = np.arange(len(rows)) % folds
    for held in range(folds):
        for column in range(targets.shape[1]):
            learnt = fold != held
            scores[~learnt, column] = rows[~learnt] @ _quick_ridge(rows[learnt], targets[learnt, column], penalty)
    known = targets != 0
    rates = np.broadcast_to([_rate(column) for column in targets.T], targets.shape)
    evidence = np.stack([scores[known], rates[known], np.ones(known.sum())], axis=1)
    right = targets[known] > 0
    answer = np.zeros(3)
    for _ in range(25):  # Newton's method; some ten steps are enough
        chance = 1 / (1 + np.exp(-evidence @ answer))
        slope = evidence.T @ (right - chance) - 1e-3 * answer
        curve = (evidence * (chance * (1 - chance))[:, None]).T @ evidence + 1e-3 * np.eye(3)
        answer += np.linalg.solve(curve, slope)
    slope, by_rate, constant = (round(float(number), 2) for number in answer)
    return slope, by_rate, constant


def _quick_ridge(rows: Matrix, target: Matrix, penalty: float) -> Matrix:
    """Return what `ridge.fit` would, to some ten digits, in a hundredth of its time."""
    moments, products = np.zeros((rows.shape[1], rows.shape[1])), np.zeros(rows.shape[1])
    for sign in (1.0, -1.0):
        chosen = rows[target == sign]
        moments += chosen.T @ chosen / max(len(chosen), 1)
        products += sign * chosen.sum(axis=0) / max(len(chosen), 1)
    moments[np.arange(len(moments) - 1), np.arange(len(moments) - 1)] += penalty
    answer: Matrix = np.linalg.solve(moments, products)
    return answer


def _rate(target: Matrix) -> float:
    """Return the logit of how common a label is."""
    shows, not_shown = float((target > 0).sum()), float((target < 0).sum())
    return float(np.log((shows + 0.5) / (not_shown + 0.5)))


def _units(features: NDArray[np.float16]) -> Matrix:
    wide = features.astype(np.float64)
    units: Matrix = wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-9)
    return units


def main(features: str, captions: str, part: str) -> None:
    settings = tomllib.loads(SETTINGS.read_text("utf-8"))
    rows = read(Path(features), Path(captions))
    if part != "--judge":
        Path(part).write_bytes(learn(rows, settings))
        return
    for kind, targets, chances in judge(rows, settings):
        report(kind, targets, chances, float(settings["rarer"][kind]))


if __name__ == "__main__":
    main(*sys.argv[1:])
