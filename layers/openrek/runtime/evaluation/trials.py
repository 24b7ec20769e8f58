"""Comparisons of embeddings: pure arithmetic on arrays.

Of pairs of different people only those at or above a floor are kept one by one, and all of them as a histogram: 20,000
photos have 200 million pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openrek.runtime.evaluation.sample import BadSample, ListedPair

STEPS = 2000
"""Steps of the histograms between the cosines -1 and 1: .001 each."""

ROWS_AT_ONCE = 256
MOST_STRANGERS_KEPT = 10_000_000
"""Kept pairs of different people, 16 bytes each."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of photos by their places, int32 [n] each, and their cosines, float64 [n]."""

    first: NDArray[np.int32]
    second: NDArray[np.int32]
    cosine: NDArray[np.float64]

    def where(self, kept: NDArray[np.bool_]) -> "Pairs":
        return Pairs(self.first[kept], self.second[kept], self.cosine[kept])


@dataclass(frozen=True, slots=True)
class Trials:
    """All comparisons. `people`: the number of each photo's person, [photos]; `same`: pairs of one person; `strangers`:
    pairs of different people with at least the floor's cosine; `strangers_by_cosine`: the number of all pairs of
    different people in each step of the cosine, int64 [STEPS].

    `listed`: where the pairs come from a list, all pairs of different people in it; otherwise every two photos of
    different people are one.
    """

    people: NDArray[np.intp]
    same: Pairs
    strangers: Pairs
    strangers_by_cosine: NDArray[np.int64]
    listed: Pairs | None = None


def every_two(
    vectors: NDArray[np.float64],
    people: NDArray[np.intp],
    floor: float,
    *,
    rows_at_once: int = ROWS_AT_ONCE,
    most_kept: int = MOST_STRANGERS_KEPT,
) -> Trials:
    """Compare every two of the unit vectors [n, dimensions]; `people` [n] says whose they are.

    Raises BadSample when more than `most_kept` pairs of different people reach the cosine `floor`.
    """
    same, strangers = [_none()], [_none()]
    by_cosine = np.zeros(STEPS, np.int64)
    kept = 0
    for start in range(0, len(vectors), rows_at_once):
        rows = vectors[start : start + rows_at_once]
        cosines = rows @ vectors[start:].T
        later = np.arange(cosines.shape[1]) > np.arange(len(rows))[:, None]
        of_one = people[start : start + len(rows), None] == people[None, start:]
        by_cosine += _histogram(cosines[later & ~of_one])
        same.append(_chosen(cosines, later & of_one, start))
        strangers.append(_chosen(cosines, later & ~of_one & (cosines >= floor), start))
        kept += len(strangers[-1].cosine)
        if kept > most_kept:
            raise BadSample(f"More than {most_kept:,} pairs of different people match: give fewer photos (--photos).")
    return Trials(people, _joined(same), _joined(strangers), by_cosine)


def from_list(
    vectors: NDArray[np.float64], people: NDArray[np.intp], pairs: Sequence[ListedPair], floor: float
) -> Trials:
    """Compare the listed pairs of the unit vectors [n, dimensions]; `people` [n] says whose they are."""
    every = listed(vectors, pairs)
    of_one = np.array([pair.same for pair in pairs], np.bool_)
    different = every.where(~of_one)
    reached = different.where(different.cosine >= floor)
    return Trials(people, every.where(of_one), reached, _histogram(different.cosine), different)


def listed(vectors: NDArray[np.float64], pairs: Sequence[ListedPair]) -> Pairs:
    """Return the pairs with their cosines, in their order."""
    first = np.array([pair.first for pair in pairs], np.int32)
    second = np.array([pair.second for pair in pairs], np.int32)
    cosine = np.empty(len(pairs))
    for start in range(0, len(pairs), 100_000):
        part = slice(start, start + 100_000)
        cosine[part] = np.einsum("nd,nd->n", vectors[first[part]], vectors[second[part]])
    return Pairs(first, second, cosine)


def _chosen(cosines: NDArray[np.float64], mask: NDArray[np.bool_], start: int) -> Pairs:
    down, across = np.nonzero(mask)
    return Pairs((down + start).astype(np.int32), (across + start).astype(np.int32), cosines[down, across])


def _joined(parts: Sequence[Pairs]) -> Pairs:
    return Pairs(
        np.concatenate([part.first for part in parts]),
        np.concatenate([part.second for part in parts]),
        np.concatenate([part.cosine for part in parts]),
    )


def _none() -> Pairs:
    return Pairs(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0))


def _histogram(cosines: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the number of cosines in each step, int64 [STEPS]."""
    return np.bincount(step_of(cosines), minlength=STEPS).astype(np.int64)


def step_of(cosines: NDArray[np.float64]) -> NDArray[np.int32]:
    """Return the step of each cosine, 0 to STEPS - 1."""
    return np.clip(np.floor((cosines + 1) * (STEPS / 2)), 0, STEPS - 1).astype(np.int32)
