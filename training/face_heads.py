"""`python -m training.face_heads FOLDER PART [FEATURES]`: learns the heads of faces and writes the learnt part.

FOLDER holds photos, a face each, and `labels.csv`: `file`, and columns of labels with blanks where nobody is sure:
age, gender, eyeglasses, sunglasses, beard, mustache, occluded, mouth_open, smile, eyes_open, emotion; those that are
missing are blank. A row whose `sample` is 0 was looked for, so it has no part in how common a label is taken to be.
`face_heads.toml` says which labels make which head.

A head is fitted by ridge regression on rows that were given equal halves of the weight. Its scores become logits by a
logistic function that is fitted to the scores of rows that had no part in them, and folded into the weights. FEATURES,
an .npz that is written if it is missing, keeps what the networks say: their last bits differ between processors. The
same features and labels give the same bytes everywhere.
"""

import csv
import math
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from openrek.vision.faces.attributes.heads import INPUTS
from openrek.vision.models.learnt_parts import Provenance, encode
from training import kernel_ridge
from training.face_features import features_of
from training.kernel_ridge import Block, Matrix

SETTINGS: Final = Path(__file__).with_suffix(".toml")
Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Rows:
    """Faces in the order of their files: the labels of each, and the numbers [n, d] of each block of INPUTS."""

    labels: Sequence[Labels]
    blocks: Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Target:
    """What a head learns: which rows [n], their targets and weights, and which of them were drawn at random."""

    rows: NDArray[np.int64]
    targets: Matrix
    weights: Matrix
    sampled: NDArray[np.bool_]
    is_number: bool
    even: bool


def read(folder: Path, features: Path | None) -> Rows:
    """Return the faces of a folder; photos without one are left out."""
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        labels = {row["file"]: row for row in csv.DictReader(file)}
    found = features_of(folder, sorted(labels), features)
    return Rows([labels[name] for name in found.files], found.blocks)


def learn(rows: Rows, settings: Mapping[str, Any]) -> bytes:
    """Return the bytes of the part. Raises ValueError for a head without rows of both kinds."""
    weights, biases = {}, []
    for name in INPUTS:
        head = settings["heads"][name]
        target = chosen(rows.labels, head)
        blocks = blocks_of(rows, name, target.rows, settings["says"] | head.get("says", {}))
        shares = spread(target)
        fitted, bias = kernel_ridge.fit(blocks, target.targets, shares, float(head["penalty"]))
        slope, constant = 1.0, 0.0
        if not target.is_number:
            scores = held_back(blocks, target, float(head["penalty"]), int(settings["settings"]["folds"]))
            slope, constant = logistic(scores, target, head.get("prior"))
        weights[name] = slope * fitted
        biases.append(slope * bias + constant)
    return encode(Provenance(**settings["about"]), tuple(INPUTS), {**weights, "biases": np.array(biases)})


def chosen(labels: Sequence[Labels], head: Mapping[str, Any]) -> Target:
    """Return the rows with a label for a head, and what they teach it."""
    cells = [row.get(head["column"]) or "" for row in labels]
    if "values" in head:
        values = {str(cell): float(number) for cell, number in head["values"].items()}
    else:
        no = head.get("no", set(cells) - {"", *head["yes"]})
        values = dict.fromkeys(head["yes"], 1.0) | dict.fromkeys(no, -1.0)
    kept = [at for at, cell in enumerate(cells) if cell in values]
    return Target(
        rows=np.array(kept, np.int64),
        targets=np.array([values[cells[at]] for at in kept], np.float64),
        weights=np.array([_weight(labels[at], head.get("weighed", ())) for at in kept]),
        sampled=np.array([labels[at].get("sample") != "0" for at in kept], np.bool_),
        is_number="values" in head,
        even=bool(head.get("even")),
    )


def _weight(row: Labels, weighed: Sequence[Mapping[str, Any]]) -> float:
    """Return how much a row counts: the product of the entries that it meets."""
    weight = 1.0
    for entry in weighed:
        if all(row.get(column) in cells for column, cells in entry.items() if column != "weight"):
            weight *= float(entry["weight"])
    return weight


def blocks_of(rows: Rows, name: str, kept: NDArray[np.int64], says: Mapping[str, float]) -> list[Block]:
    """Return the standardised blocks that a head reads, of the rows that are `kept`."""
    return [kernel_ridge.block(rows.blocks[block][kept], float(says.get(block, 1.0))) for block in INPUTS[name]]


def spread(target: Target) -> Matrix:
    """Return the weights [n] of a target's rows, all together 1."""
    if target.is_number:
        _, places, counts = np.unique(target.targets, return_inverse=True, return_counts=True)
        weights = target.weights / np.sqrt(counts[places]) if target.even else target.weights
        return weights / math.fsum(weights.tolist())
    return kernel_ridge.balanced(target.targets, target.weights)


def held_back(blocks: Sequence[Block], target: Target, penalty: float, folds: int) -> Matrix:
    """Return the scores [n] of rows by heads that did not see them; each fold has its share of both kinds."""
    fold = np.zeros(len(target.targets), np.int64)
    for sign in (True, False):
        of_kind = np.flatnonzero((target.targets > 0) == sign)
        fold[of_kind] = np.arange(len(of_kind)) % folds
    products = kernel_ridge.likeness(blocks)
    return kernel_ridge.held_back_scores(products, target.targets, spread(target), penalty, fold)


def logistic(scores: Matrix, target: Target, prior: float | None) -> tuple[float, float]:
    """Return slope and constant of the logits of held-back scores, rounded to hundredths. (J. Platt, 1999.)

    Rows that were looked for have no part in it, unless a `prior` says how common yes is.
    """
    used = target.sampled if prior is None else np.ones(len(scores), np.bool_)
    right = target.targets[used] > 0
    weights = target.weights[used]
    if prior is not None:
        weights = np.ones(len(right))
        weights[right], weights[~right] = prior * len(right) / right.sum(), (1 - prior) * len(right) / (~right).sum()
    evidence = np.stack([scores[used], np.ones(len(right))], axis=1)
    wanted = np.where(right, (right.sum() + 1) / (right.sum() + 2), 1 / ((~right).sum() + 2))  # Platt's, not 1 and 0
    answer = np.zeros(2)
    for _ in range(50):  # Newton's method; some ten steps are enough
        chance = 1 / (1 + np.exp(-np.clip(evidence @ answer, -30, 30)))
        slope = evidence.T @ (weights * (wanted - chance))
        curve = (evidence * (weights * chance * (1 - chance))[:, None]).T @ evidence + 1e-6 * np.eye(2)
        answer += np.linalg.solve(curve, slope)
    return round(float(answer[0]), 2), round(float(answer[1]), 2)


def main(folder: str, part: str, features: str = "") -> None:
    settings = tomllib.loads(SETTINGS.read_text("utf-8"))
    Path(part).write_bytes(learn(read(Path(folder), Path(features) if features else None), settings))


if __name__ == "__main__":
    main(*sys.argv[1:])
