"""From a sample and its embeddings to all that is reported of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openrek.domain.models import FaceModel
from openrek.runtime.evaluation.curve import Curve, curve
from openrek.runtime.evaluation.folds import Accuracy, accuracy
from openrek.runtime.evaluation.rates import Cell, Grouping, Rating
from openrek.runtime.evaluation.reading import Portraits
from openrek.runtime.evaluation.sample import BadSample, ListedPair, PairSample, PeopleSample, numbered
from openrek.runtime.evaluation.trials import Trials, every_two, from_list, listed

THRESHOLDS_PCT = (80.0, 90.0, 95.0, 99.0)


@dataclass(frozen=True, slots=True)
class LikePair:
    """Two photos of different people, and the cosine of their embeddings."""

    first: Path
    second: Path
    cosine: float


@dataclass(frozen=True, slots=True)
class MostFrom:
    """The two people who have most of the false matches at a threshold between their photos, and how many."""

    first: str
    second: str
    events: int


@dataclass(frozen=True, slots=True)
class Measured:
    """All that is reported.

    `most_from`: for each threshold, None where there is no false match; `left_out`: listed pairs of which a photo gave
    no embedding; `like`: the most similar pairs of different people.
    """

    model: FaceModel
    whole: Cell
    groupings: tuple[Grouping, ...]
    accuracy: Accuracy | None
    curve: Curve | None
    most_from: tuple[MostFrom | None, ...]
    like: tuple[LikePair, ...]
    left_out: int = 0


def measured_people(sample: PeopleSample, found: Portraits, model: FaceModel, most_like: int) -> Measured:
    """Compare every two of the photos that gave an embedding. Raises BadSample when fewer than two people have one."""
    photos = [sample.photos[place] for place in found.places]
    people = numbered(photo.person for photo in photos)
    if len(set(people.tolist())) < 2:
        raise BadSample("Fewer than two people have a photo in which a face was found.")
    thresholds = lowest_cosines(model)
    trials = every_two(found.vectors, people, thresholds[0])
    rating = Rating(trials, thresholds)
    groupings = []
    for place, name in enumerate(sample.groupings):
        names, groups = _groups([photo.groups[place] for photo in photos])
        groupings.append(rating.grouped(name, groups, names))
    paths, persons = [photo.path for photo in photos], [photo.person for photo in photos]
    return Measured(
        model,
        rating.whole(),
        tuple(groupings),
        None,
        curve(trials),
        _most_from(trials, persons, thresholds),
        _like(trials, paths, most_like),
    )


def measured_pairs(sample: PairSample, found: Portraits, model: FaceModel, most_like: int) -> Measured:
    """Compare the listed pairs. Raises BadSample unless pairs of both kinds are left."""
    row_of = {int(place): row for row, place in enumerate(found.places)}
    pairs = [
        ListedPair(row_of[pair.first], row_of[pair.second], pair.same, pair.fold)
        for pair in sample.pairs
        if pair.first in row_of and pair.second in row_of
    ]
    if len({pair.same for pair in pairs}) < 2:
        raise BadSample("No pair of one of the two kinds is left: in too few of the photos a face was found.")
    persons = [sample.people[place] for place in found.places]
    thresholds = lowest_cosines(model)
    trials = from_list(found.vectors, numbered(persons), pairs, thresholds[0])
    return Measured(
        model,
        Rating(trials, thresholds).whole(),
        (),
        _accuracy(sample, pairs, row_of, found.vectors),
        curve(trials),
        _most_from(trials, persons, thresholds),
        _like(trials, [sample.paths[place] for place in found.places], most_like),
        len(sample.pairs) - len(pairs),
    )


def lowest_cosines(model: FaceModel) -> tuple[float, ...]:
    """Return the least cosine that reaches each of THRESHOLDS_PCT."""
    return tuple(model.lowest_cosine(threshold) for threshold in THRESHOLDS_PCT)


def _accuracy(
    sample: PairSample, pairs: Sequence[ListedPair], row_of: dict[int, int], vectors: NDArray[np.float64]
) -> Accuracy | None:
    """Return the accuracy over all pairs of the list; those that lack an embedding are decided as two people."""
    cosines = np.full(len(sample.pairs), np.nan)
    there = [pair.first in row_of and pair.second in row_of for pair in sample.pairs]
    cosines[np.array(there)] = listed(vectors, pairs).cosine
    same = np.array([pair.same for pair in sample.pairs], np.bool_)
    return accuracy(cosines, same, np.array([pair.fold for pair in sample.pairs], np.intp))


def _groups(labels: Sequence[str | None]) -> tuple[list[str], NDArray[np.intp]]:
    """Return the names of the groups, sorted, and the place of each label among them, -1 for None."""
    names = sorted({label for label in labels if label is not None})
    places = {name: place for place, name in enumerate(names)}
    return names, np.array([-1 if label is None else places[label] for label in labels], np.intp)


def _most_from(trials: Trials, persons: Sequence[str], thresholds: Sequence[float]) -> tuple[MostFrom | None, ...]:
    found: list[MostFrom | None] = []
    for threshold in thresholds:
        reached = trials.strangers.where(trials.strangers.cosine >= threshold)
        ends = np.sort(np.stack([trials.people[reached.first], trials.people[reached.second]], axis=1), axis=1)
        couples, counts = np.unique(ends, axis=0, return_counts=True)
        if not len(counts):
            found.append(None)
            continue
        name = dict(zip(trials.people.tolist(), persons, strict=True))
        first, second = couples[counts.argmax()].tolist()
        found.append(MostFrom(name[first], name[second], int(counts.max())))
    return tuple(found)


def _like(trials: Trials, paths: Sequence[Path], most: int) -> tuple[LikePair, ...]:
    pairs = trials.strangers
    order = np.argsort(-pairs.cosine, kind="stable")[:most].tolist()
    return tuple(
        LikePair(paths[pairs.first[at]], paths[pairs.second[at]], min(1.0, float(pairs.cosine[at]))) for at in order
    )
