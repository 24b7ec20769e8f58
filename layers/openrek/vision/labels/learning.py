"""A label learnt from an owner's pictures: a linear head, what its confidence means, and how well it does.

The head is ridge regression's, with the pictures of the label, those of what it is not and the built-in background each
of one weight, however many they are. Its scores become probabilities by a logistic function that is fitted to scores of
pictures that had no part in the head (Platt 1999), as if one photo in ten showed the label.
"""

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from openrek.vision.models.learnt_parts import decode

BACKGROUND: Final = Path(__file__).with_name("background.learnt")
PENALTY: Final = 3e-3
FOLDS: Final = 5
COMMON: Final = 0.1
"""The share of photos that are taken to show the label, and of those that are taken to show what it is not."""
SAID_FROM: Final = 0.55
"""The confidence from which on a label counts as said: MinConfidence's default."""
_ROUNDS: Final = 50

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measured:
    """What cross-validation found at SAID_FROM: of `pictures` of the label `found`, of `others` `false_alarms`."""

    pictures: int
    others: int
    found: int
    false_alarms: int

    @property
    def recall(self) -> float:
        return self.found / self.pictures

    @property
    def precision(self) -> float | None:
        """Return the share of what was said that was right; None where nothing was said."""
        said = self.found + self.false_alarms
        return self.found / said if said else None


@dataclass(frozen=True, slots=True)
class Head:
    """feature . weights [d] + bias is the logit of the probability."""

    weights: Matrix
    bias: float
    measured: Measured


def learn(shows: Matrix, shows_not: Matrix) -> Head:
    """Return the head that tells features [n, d] of unit length from `shows_not` [m, d] and the background.

    `shows_not` may be empty. The same features give the same head, but for the last bits.
    """
    groups = [shows, np.asarray(decode_background(), np.float64), *([shows_not] if len(shows_not) else [])]
    features = np.concatenate(groups)
    group = np.repeat(np.arange(len(groups)), [len(each) for each in groups])
    held_back = np.zeros(len(features))
    fold = np.concatenate([np.arange(len(each)) % FOLDS for each in groups])
    for held in range(FOLDS):
        weights, bias = _ridge(features[fold != held], group[fold != held])
        held_back[fold == held] = features[fold == held] @ weights + bias
    slope, constant = _logistic(held_back, group)
    weights, bias = _ridge(features, group)
    said = slope * held_back + constant >= math.log(SAID_FROM / (1 - SAID_FROM))
    shown = group == 0
    counts = (int(each.sum()) for each in (shown, ~shown, said & shown, said & ~shown))
    return Head(slope * weights, slope * bias + constant, Measured(*counts))


@cache
def decode_background() -> NDArray[np.float32]:
    """Return the features [n, d] of the built-in background, read once."""
    return decode(BACKGROUND.read_bytes()).arrays["features"]


def _ridge(features: Matrix, group: NDArray[np.intp]) -> tuple[Matrix, float]:
    """Return the weights [d] and the bias that answer 1 for group 0 and -1 for others, each side of weight 1.

    Solved in the space of the pictures, of which there are fewer than twice as many as numbers in a feature.
    """
    sizes = np.bincount(group)
    share = 1 / sizes[group] / np.where(group == 0, 1, len(sizes) - 1)
    target = np.where(group == 0, 1.0, -1.0)
    middle, level = share @ features / 2, share @ target / 2
    root = np.sqrt(share)
    rows, wanted = (features - middle) * root[:, None], (target - level) * root
    answer: Matrix = rows.T @ np.linalg.solve(rows @ rows.T + PENALTY * np.eye(len(rows)), wanted)
    return answer, float(level - middle @ answer)


def _logistic(scores: Matrix, group: NDArray[np.intp]) -> tuple[float, float]:
    """Return slope and constant of the logit of the probability, by Newton's method.

    Targets are drawn in from 0 and 1 as Platt's are, so that few pictures make nothing certain.
    """
    sizes = np.bincount(group)
    shares = [COMMON, 1 - COMMON * (len(sizes) - 1), *[COMMON] * (len(sizes) - 2)]
    weight = (np.array(shares) / sizes)[group] * len(group)
    shown, not_shown = int(sizes[0]), len(group) - int(sizes[0])
    target = np.where(group == 0, (shown + 1) / (shown + 2), 1 / (not_shown + 2))
    evidence = np.stack([scores, np.ones(len(scores))], axis=1)
    answer = np.zeros(2)
    for _ in range(_ROUNDS):
        chance = 1 / (1 + np.exp(-np.clip(evidence @ answer, -30, 30)))
        slope = evidence.T @ (weight * (target - chance)) - 1e-3 * answer
        curve = (evidence.T * (weight * chance * (1 - chance))) @ evidence + 1e-3 * np.eye(2)
        answer += np.linalg.solve(curve, slope)
    return max(float(answer[0]), 0.0), float(answer[1])
