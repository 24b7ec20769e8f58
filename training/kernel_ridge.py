"""Ridge regression for many numbers and few rows, which comes out the same, bit for bit, on every machine.

Features are standardised, in blocks that have a say each, and rounded to whole steps, so that their products are summed
exactly by whatever library; the equations of the rows (the dual form) are solved by `ridge.solve` in one fixed order,
and what is summed besides is summed row by row. C. Saunders, A. Gammerman, V. Vovk, "Ridge Regression Learning
Algorithm in Dual Variables", ICML 1998, with weights and a free bias.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training import ridge

STEPS: Final = 4096
"""Steps of a standardised feature to its deviation."""
LARGEST: Final = 16.0
"""Deviations from the mean at which a feature is cut off while learning."""
LEAST_DEVIATION: Final = 1e-3
"""Of a feature's deviation, in the mean one of its block: no feature is enlarged more."""
_EXACT: Final = 2.0**53
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Standardised features [n, d] in whole STEPS, with the mean and deviation [d] of the raw ones, and their say: the
    sum of their variances."""

    steps: Matrix
    mean: Matrix
    deviation: Matrix
    say: float

    @property
    def scale(self) -> float:
        """What a product of two steps counts."""
        return self.say / (self.steps.shape[1] * STEPS * STEPS)


def block(features: NDArray[np.floating], say: float) -> Block:
    """Standardise features [n, d]. Raises ValueError for some that cannot be summed exactly."""
    raw = np.rint(np.asarray(features, np.float64) * STEPS)
    if not np.isfinite(raw).all() or np.abs(raw).max(initial=0) ** 2 * len(raw) >= _EXACT:
        raise ValueError("The features are too large to be summed exactly.")
    mean = raw.sum(axis=0) / len(raw)
    variance = np.maximum((raw * raw).sum(axis=0) / len(raw) - mean * mean, 0.0)
    deviation = np.sqrt(variance)
    deviation = deviation + LEAST_DEVIATION * math.fsum(deviation.tolist()) / len(deviation) + 1e-9
    steps = np.clip(np.rint((raw - mean) / deviation * STEPS), -LARGEST * STEPS, LARGEST * STEPS)
    if (LARGEST * STEPS) ** 2 * steps.shape[1] >= _EXACT:
        raise ValueError("The features are too many to be summed exactly.")
    return Block(steps, mean / STEPS, deviation / STEPS, say)


def likeness(blocks: Sequence[Block]) -> Matrix:
    """Return the products of all rows [n, n]."""
    total = np.zeros((len(blocks[0].steps), len(blocks[0].steps)))
    for each in blocks:
        total += each.scale * (each.steps @ each.steps.T)  # whole numbers: exact before they are scaled
    return total


def balanced(targets: Matrix, weights: Matrix) -> Matrix:
    """Return weights [n] in which the positive and the other rows weigh one half each, all together 1."""
    shares = np.zeros(len(targets))
    for chosen in (targets > 0, targets <= 0):
        if not chosen.any():
            raise ValueError("A head has no row of one of the two signs.")
        shares[chosen] = 0.5 * weights[chosen] / math.fsum(weights[chosen].tolist())
    return shares


def fit(blocks: Sequence[Block], targets: Matrix, weights: Matrix, penalty: float) -> tuple[Matrix, float]:
    """Return the weights [d of all blocks] and the bias, for raw features, that least miss `targets` [n].

    `weights` [n] of the rows are 1 together. Raises ValueError.
    """
    products = likeness(blocks)
    means = _summed(products, weights)
    centred = products - means[:, None] - means[None, :] + math.fsum((means * weights).tolist())
    bias = math.fsum((targets * weights).tolist())
    dual = ridge.solve(centred + np.diag(penalty / weights), targets - bias)
    fitted = []
    for each in blocks:
        direction = _summed(each.steps, dual) * (each.scale * STEPS) / each.deviation
        middle = _summed(each.steps, weights) / STEPS * each.deviation + each.mean
        bias -= math.fsum((direction * middle).tolist())
        fitted.append(direction)
    return np.concatenate(fitted), bias


def held_back_scores(
    products: Matrix, targets: Matrix, weights: Matrix, penalty: float, folds: NDArray[np.int64]
) -> Matrix:
    """Return the score [n] of each row by what the rows of other folds teach: some ten digits of it, quickly."""
    scores = np.zeros(len(targets))
    for held in range(int(folds.max()) + 1):
        out, learnt = folds == held, folds != held
        share = weights[learnt] / weights[learnt].sum()
        among = products[np.ix_(learnt, learnt)]
        means = among @ share
        middle = float(means @ share)
        bias = float(targets[learnt] @ share)
        centred = among - means[:, None] - means[None, :] + middle
        dual = np.linalg.solve(centred + np.diag(penalty / share), targets[learnt] - bias)
        across = products[np.ix_(out, learnt)]
        scores[out] = (across - (across @ share)[:, None] - means[None, :] + middle) @ dual + bias
    return scores


def _summed(rows: Matrix, weights: Matrix) -> Matrix:
    """Return the weighted sum of rows [n, d], one after the other."""
    total = np.zeros(rows.shape[1])
    for row, weight in zip(rows, weights, strict=True):
        total += row * weight
    return total


def joined(parts: Mapping[str, NDArray[np.floating]], names: Sequence[str]) -> Matrix:
    """Return the raw features of some blocks side by side."""
    return np.hstack([np.asarray(parts[name], np.float64) for name in names])
