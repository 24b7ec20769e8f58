"""Accuracy as LFW prescribes: a threshold for each fold, picked on the other folds, and the mean of the folds' shares.

Source: Huang et al., "Labeled Faces in the Wild" (2007), View 2.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openrek.runtime.evaluation.intervals import interval
from openrek.runtime.evaluation.rates import Rate


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The mean share of right decisions over the folds and its standard error, and all decisions together, whose
    interval takes the pairs for independent. `thresholds`: the cosine that was picked for each fold.
    """

    mean: float
    standard_error: float
    right: Rate
    thresholds: tuple[float, ...]


def accuracy(cosines: NDArray[np.float64], same: NDArray[np.bool_], folds: NDArray[np.intp]) -> Accuracy | None:
    """Return the accuracy of decisions on pairs [n]; None when there is one fold: no others to pick a threshold on.

    A pair without a cosine (nan) is decided as two people.
    """
    numbers = np.unique(folds)
    if len(numbers) < 2:
        return None
    shares, right, thresholds = [], 0, []
    for number in numbers:
        here = folds == number
        thresholds.append(best_threshold(cosines[~here], same[~here]))
        decided = cosines[here] >= thresholds[-1]
        right += int((decided == same[here]).sum())
        shares.append(float((decided == same[here]).mean()))
    error = float(np.std(shares, ddof=1) / np.sqrt(len(shares)))
    return Accuracy(
        float(np.mean(shares)), error, Rate(right, len(same), *interval(right, len(same))), tuple(thresholds)
    )


def best_threshold(cosines: NDArray[np.float64], same: NDArray[np.bool_]) -> float:
    """Return the cosine from which on most pairs [n] are decided rightly.

    It is halfway between two neighbours, and of several as good the middle one. Pairs without a cosine (nan) have no
    part in it.
    """
    known = ~np.isnan(cosines)
    order = np.argsort(-cosines[known], kind="stable")
    falling, of_one = cosines[known][order], same[known][order]
    if not len(falling):
        return 1.0
    # The best k pairs decided as one person: right are those of one person among them, and the others behind.
    right = np.concatenate([[0], np.cumsum(np.where(of_one, 1, -1))])
    between = np.concatenate([[True], falling[1:] < falling[:-1], [True]])
    best = np.flatnonzero(between & (right == right[between].max()))
    k = int(best[len(best) // 2])
    above = falling[k - 1] if k else falling[0] + 1e-6
    below = falling[k] if k < len(falling) else falling[-1] - 1e-6
    middle = float((above + below) / 2)
    return middle if middle > below else float(above)
