"""Shares of pairs that match, with intervals that do not take pairs for independent.

Pairs that share a person depend on each other: one man with a common face gives many false matches, and two brothers
with 20 photos each give 400 pairs. So the people are drawn anew, with replacement (a bootstrap over people), which
gives a pair the product of its people's weights. Where few people decide, that is too narrow; so each end of an
interval is the wider of the bootstrap's and of the exact one's for independent pairs.
Source: Bolle, Ratha, Pankanti, "Error analysis of pattern recognition systems: the subsets bootstrap" (2004).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openrek.runtime.evaluation.intervals import CONFIDENCE, interval
from openrek.runtime.evaluation.trials import Pairs, Trials

DRAWS = 500
SEED = 2004


@dataclass(frozen=True, slots=True)
class Rate:
    """`events` of `pairs`, and the 95 % interval of their share, 0 to 1."""

    events: int
    pairs: int
    low: float
    high: float

    @property
    def share(self) -> float | None:
        """The share, None without pairs."""
        return self.events / self.pairs if self.pairs else None


@dataclass(frozen=True, slots=True)
class Cell:
    """What some of the photos give: a rate at each threshold, of pairs of one person and of different people."""

    name: str
    photos: int
    people: int
    same: tuple[Rate, ...]
    strangers: tuple[Rate, ...]


@dataclass(frozen=True, slots=True)
class Grouping:
    """A cell for the pairs within each group, one for all pairs within a group, and one for pairs of two groups."""

    name: str
    groups: tuple[Cell, ...]
    within: Cell
    across: Cell


class Rating:
    """The rates of trials at some thresholds."""

    def __init__(self, trials: Trials, thresholds: Sequence[float], draws: int = DRAWS) -> None:
        """Take the trials; `thresholds` are cosines, rising, of which the first is not below the trials' floor. The
        people are drawn anew `draws` times."""
        self._trials = trials
        self._people = trials.people
        self._count = int(trials.people.max()) + 1 if len(trials.people) else 0
        self._thresholds = np.asarray(thresholds)
        self._weights = drawn_people(self._count, draws)

    def whole(self) -> Cell:
        """Return the cell of all pairs."""
        photos = np.bincount(self._people, minlength=self._count)
        if self._trials.listed is None:
            pairs, drawn = _pairs_of(photos), self._pairs_drawn(photos)
        else:
            pairs, drawn = len(self._trials.listed.cosine), self._weight(self._trials.listed)
        return Cell(
            "",
            len(self._people),
            int(np.count_nonzero(photos)),
            self._same(self._trials.same),
            self._strangers(self._trials.strangers, pairs, drawn),
        )

    def grouped(self, name: str, groups: NDArray[np.intp], names: Sequence[str]) -> Grouping:
        """Return the cells of a grouping. `groups` [photos]: the place of a photo's group in `names`, -1 for none.

        Only of trials of every two photos.
        """
        same, strangers = self._trials.same, self._trials.strangers
        same_in, strangers_in = _common(same, groups), _common(strangers, groups)
        cells = []
        within, within_drawn = 0, np.zeros(len(self._weights))
        for number, group in enumerate(names):
            photos = np.bincount(self._people[groups == number], minlength=self._count)
            pairs, drawn = _pairs_of(photos), self._pairs_drawn(photos)
            within, within_drawn = within + pairs, within_drawn + drawn
            cells.append(
                Cell(
                    group,
                    int(photos.sum()),
                    int(np.count_nonzero(photos)),
                    self._same(same.where(same_in == number)),
                    self._strangers(strangers.where(strangers_in == number), pairs, drawn),
                )
            )
        photos = np.bincount(self._people[groups >= 0], minlength=self._count)
        size = int(photos.sum()), int(np.count_nonzero(photos))
        all_pairs, all_drawn = _pairs_of(photos), self._pairs_drawn(photos)
        inside = self._strangers(strangers.where(strangers_in >= 0), within, within_drawn)
        outside = self._strangers(strangers.where(strangers_in == _TWO), all_pairs - within, all_drawn - within_drawn)
        return Grouping(
            name,
            tuple(cells),
            Cell("within one group", *size, self._same(same.where(same_in >= 0)), inside),
            Cell("of two groups", *size, self._same(same.where(same_in == _TWO)), outside),
        )

    def _same(self, pairs: Pairs) -> tuple[Rate, ...]:
        """Return the rates of pairs of one person: each counts as often as the person was drawn."""
        people = self._people[pairs.first]
        drawn = self._weights @ np.bincount(people, minlength=self._count).astype(np.float32)
        rates = []
        for threshold in self._thresholds:
            hits = np.bincount(people[pairs.cosine >= threshold], minlength=self._count)
            rates.append(_rate(int(hits.sum()), len(people), self._weights @ hits.astype(np.float32), drawn))
        return tuple(rates)

    def _strangers(self, reached: Pairs, pairs: int, drawn: NDArray[np.float64]) -> tuple[Rate, ...]:
        """Return the rates of pairs of different people, of which there are `pairs`, and `drawn` [draws] by weight."""
        levels = np.searchsorted(self._thresholds, reached.cosine, "right")
        steps = len(self._thresholds) + 1
        first, second = self._people[reached.first], self._people[reached.second]
        weighed = np.array(
            [np.bincount(levels, weights[first] * weights[second], minlength=steps) for weights in self._weights]
        )
        events, sums = _at_least(np.bincount(levels, minlength=steps)), _at_least(weighed)
        return tuple(
            _rate(int(events[place]), pairs, sums[:, place], drawn) for place in range(1, len(self._thresholds) + 1)
        )

    def _weight(self, pairs: Pairs) -> NDArray[np.float64]:
        """Return the summed weight of the pairs in each draw, [draws]."""
        first, second = self._people[pairs.first], self._people[pairs.second]
        return np.array([float(np.dot(weights[first], weights[second])) for weights in self._weights])

    def _pairs_drawn(self, photos: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the weight of all pairs of photos of different people in each draw, [draws]."""
        wide = photos.astype(np.float64)
        return np.asarray(((self._weights @ wide) ** 2 - (self._weights**2) @ wide**2) / 2)


_TWO = -2
"""Stands for a pair of two groups; -1 for a pair with a photo of no group."""


def _common(pairs: Pairs, groups: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the group that both photos of a pair are in, [pairs]; _TWO for two groups, -1 if one photo has none."""
    first, second = groups[pairs.first], groups[pairs.second]
    common = np.where(first == second, first, _TWO)
    common[(first < 0) | (second < 0)] = -1
    return common


def _pairs_of(photos: NDArray[np.intp]) -> int:
    """Return the number of pairs of photos of different people, from the number of photos of each, [people]."""
    total = int(photos.sum())
    return (total * total - int((photos * photos).sum())) // 2


def _at_least(counts: NDArray[np.float64] | NDArray[np.intp]) -> NDArray[np.float64]:
    """Return from counts of each level [..., levels] those of at least that level."""
    return np.asarray(np.cumsum(counts[..., ::-1], axis=-1)[..., ::-1], np.float64)


def _rate(events: int, pairs: int, events_drawn: NDArray[np.floating], pairs_drawn: NDArray[np.floating]) -> Rate:
    low, high = interval(events, pairs)
    some = pairs_drawn > 0
    if pairs and some.any():
        tail = (1 - CONFIDENCE) / 2
        shares = np.asarray(events_drawn[some] / pairs_drawn[some], np.float64)
        ends = np.clip(np.quantile(shares, [tail, 1 - tail]), 0.0, 1.0)
        low, high = min(low, float(ends[0])), max(high, float(ends[1]))
    return Rate(events, pairs, low, high)


def drawn_people(people: int, draws: int) -> NDArray[np.float32]:
    """Return how often each person is drawn when as many are drawn as there are, with replacement, [draws, people].

    The same number of people gives the same draws.
    """
    random = np.random.default_rng(SEED)
    rows = [np.bincount(random.integers(0, people, people), minlength=people) for _ in range(draws)]
    return np.array(rows, np.float32).reshape(draws, people)
