"""The DET curve: false matches against missed ones at every step of the cosine.

Source: Martin et al., "The DET curve in assessment of detection task performance" (1997).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openrek.runtime.evaluation.trials import STEPS, Trials, step_of


@dataclass(frozen=True, slots=True)
class Curve:
    """At the cosine `cosines[i]`: the pairs of different people at or above it, and the pairs of one person below it.

    int64 [STEPS + 1] each; `strangers` and `same` are all pairs of a kind.
    """

    cosines: NDArray[np.float64]
    false_matches: NDArray[np.int64]
    misses: NDArray[np.int64]
    strangers: int
    same: int


def curve(trials: Trials) -> Curve | None:
    """Return the curve; None unless there are pairs of both kinds. Cosines are counted in steps of 2 / STEPS."""
    same_by_cosine = np.bincount(step_of(trials.same.cosine), minlength=STEPS).astype(np.int64)
    strangers, same = int(trials.strangers_by_cosine.sum()), int(same_by_cosine.sum())
    if not (strangers and same):
        return None
    return Curve(
        np.linspace(-1.0, 1.0, STEPS + 1),
        strangers - np.concatenate([[0], np.cumsum(trials.strangers_by_cosine)]),
        np.concatenate([[0], np.cumsum(same_by_cosine)]),
        strangers,
        same,
    )
