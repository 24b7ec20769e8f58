"""Comparisons equal those that are made one by one; rates, curves and picked thresholds keep their laws."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from openrek.domain.models import SFACE
from openrek.runtime.evaluation.curve import curve
from openrek.runtime.evaluation.folds import accuracy, best_threshold
from openrek.runtime.evaluation.measure import THRESHOLDS_PCT, lowest_cosines
from openrek.runtime.evaluation.rates import Rate, Rating
from openrek.runtime.evaluation.sample import BadSample, ListedPair
from openrek.runtime.evaluation.trials import every_two, from_list, listed

THRESHOLDS = lowest_cosines(SFACE)
DRAWS = 20


@st.composite
def galleries(draw: st.DrawFn) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return unit vectors [n, 4] and their people [n], some alike; of two people at least."""
    people = draw(st.lists(st.integers(0, 5), min_size=2, max_size=40).filter(lambda found: len(set(found)) > 1))
    numbers = {person: number for number, person in enumerate(dict.fromkeys(people))}
    random = np.random.default_rng(draw(st.integers(0, 10_000)))
    centres = random.standard_normal((len(numbers), 4))
    vectors = centres[[numbers[person] for person in people]] + 0.6 * random.standard_normal((len(people), 4))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit, np.array([numbers[person] for person in people], np.intp)


def by_hand(vectors: NDArray[np.float64], people: NDArray[np.intp], *, same: bool) -> list[float]:
    """Return the cosines of all pairs of one kind, one by one."""
    return [
        float(np.dot(vectors[i], vectors[j]))
        for i, j in combinations(range(len(people)), 2)
        if (people[i] == people[j]) is np.bool_(same)
    ]


def counts(cosines: list[float]) -> list[int]:
    return [sum(SFACE.similarity_pct(max(-1.0, min(1.0, each))) >= pct for each in cosines) for pct in THRESHOLDS_PCT]


def events(rates: tuple[Rate, ...]) -> list[int]:
    return [rate.events for rate in rates]


@given(galleries(), st.sampled_from([1, 3, 256]))
def test_counts_are_those_of_all_pairs_one_by_one(gallery, rows_at_once: int) -> None:
    vectors, people = gallery
    trials = every_two(vectors, people, THRESHOLDS[0], rows_at_once=rows_at_once)
    whole = Rating(trials, THRESHOLDS, DRAWS).whole()
    of_one, of_two = by_hand(vectors, people, same=True), by_hand(vectors, people, same=False)
    assert events(whole.same) == counts(of_one)
    assert events(whole.strangers) == counts(of_two)
    assert {rate.pairs for rate in whole.same} == {len(of_one)}
    assert {rate.pairs for rate in whole.strangers} == {len(of_two)}
    assert int(trials.strangers_by_cosine.sum()) == len(of_two)


@given(galleries(), st.data())
def test_pairs_within_groups_and_between_them_are_all_pairs(gallery, data: st.DataObject) -> None:
    vectors, people = gallery
    groups = np.array(data.draw(st.lists(st.integers(-1, 2), min_size=len(people), max_size=len(people))), np.intp)
    rating = Rating(every_two(vectors, people, THRESHOLDS[0]), THRESHOLDS, DRAWS)
    grouping = rating.grouped("colour", groups, ["blue", "green", "red"])
    for number, cell in enumerate(grouping.groups):
        inside = groups == number
        assert events(cell.strangers) == counts(by_hand(vectors[inside], people[inside], same=False))
        assert events(cell.same) == counts(by_hand(vectors[inside], people[inside], same=True))
        assert cell.photos == inside.sum()
    known = groups >= 0
    both = [
        (within.events + across.events, within.pairs + across.pairs)
        for within, across in zip(grouping.within.strangers, grouping.across.strangers, strict=True)
    ]
    of_two = by_hand(vectors[known], people[known], same=False)
    assert both == [(count, len(of_two)) for count in counts(of_two)]
    assert [sum(cell.same[at].events for cell in grouping.groups) for at in range(4)] == events(grouping.within.same)


@given(galleries())
def test_every_interval_holds_its_share_and_rates_fall_with_the_threshold(gallery) -> None:
    whole = Rating(every_two(*gallery, THRESHOLDS[0]), THRESHOLDS, DRAWS).whole()
    for rates in (whole.same, whole.strangers):
        assert events(rates) == sorted(events(rates), reverse=True)
        for rate in rates:
            assert 0 <= rate.low <= rate.high <= 1
            assert rate.share is None or rate.low <= rate.share <= rate.high


@given(galleries())
def test_the_curve_is_monotone_and_ends_where_everything_or_nothing_matches(gallery) -> None:
    found = curve(every_two(*gallery, THRESHOLDS[0]))
    if found is None:
        assert not by_hand(*gallery, same=True)
        return
    assert (np.diff(found.false_matches) <= 0).all()
    assert (np.diff(found.misses) >= 0).all()
    assert (found.false_matches[0], found.false_matches[-1]) == (found.strangers, 0)
    assert (found.misses[0], found.misses[-1]) == (0, found.same)
    of_two = np.array(by_hand(*gallery, same=False))
    at = 1300  # a cosine of .3
    assert abs(found.false_matches[at] - (of_two >= 0.3).sum()) <= (abs(of_two - 0.3) < 1e-9).sum()


@given(galleries())
def test_a_list_of_all_pairs_gives_what_all_pairs_give(gallery) -> None:
    vectors, people = gallery
    pairs = [ListedPair(i, j, bool(people[i] == people[j]), 0) for i, j in combinations(range(len(people)), 2)]
    every = Rating(every_two(vectors, people, THRESHOLDS[0]), THRESHOLDS, DRAWS).whole()
    of_list = Rating(from_list(vectors, people, pairs, THRESHOLDS[0]), THRESHOLDS, DRAWS).whole()
    for one, other in zip((*every.same, *every.strangers), (*of_list.same, *of_list.strangers), strict=True):
        assert (one.events, one.pairs) == (other.events, other.pairs)
        assert (one.low, one.high) == pytest.approx((other.low, other.high), rel=1e-4, abs=1e-6)


def test_two_brothers_with_many_photos_widen_the_interval() -> None:
    """Given 400 false matches of two people and none of 38 others, that says little of people in general."""
    vectors = np.eye(40)
    vectors = np.concatenate([np.repeat(vectors[:1], 40, axis=0), vectors[2:]])
    people = np.array([0] * 20 + [1] * 20 + list(range(2, 40)), np.intp)
    rate = Rating(every_two(vectors, people, THRESHOLDS[0]), THRESHOLDS).whole().strangers[-1]
    assert rate.events == 400
    assert rate.low == 0  # they are not among the people in a fair share of the draws
    assert rate.high > 2 * (rate.share or 0)


def test_too_many_false_matches_are_refused_before_memory_ends() -> None:
    with pytest.raises(BadSample, match="give fewer photos"):
        every_two(np.ones((6, 1)), np.arange(6), 0.4, most_kept=10)


scores = st.lists(st.tuples(st.sampled_from([-0.5, 0.0, 0.1, 0.2, 0.3, 0.8]), st.booleans()), min_size=1, max_size=30)


@given(scores)
def test_no_threshold_is_better_than_the_one_that_is_picked(pairs: list[tuple[float, bool]]) -> None:
    cosines, same = np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs])
    picked = best_threshold(cosines, same)
    right = [int(((cosines >= threshold) == same).sum()) for threshold in (picked, 2.0, *cosines)]
    assert right[0] == max(right)


@given(st.lists(st.tuples(st.floats(-1, 1), st.booleans(), st.integers(0, 4)), min_size=2, max_size=60))
def test_a_fold_has_no_part_in_its_own_threshold(rows: list[tuple[float, bool, int]]) -> None:
    cosines = np.array([row[0] for row in rows])
    same = np.array([row[1] for row in rows])
    folds = np.array([row[2] for row in rows], np.intp)
    found = accuracy(cosines, same, folds)
    if len(set(folds.tolist())) < 2:
        assert found is None
        return
    assert found is not None
    right = 0
    for threshold, fold in zip(found.thresholds, sorted(set(folds.tolist())), strict=True):
        others = folds != fold
        assert threshold == best_threshold(cosines[others], same[others])
        right += int(((cosines[~others] >= threshold) == same[~others]).sum())
    assert (found.right.events, found.right.pairs) == (right, len(rows))


def test_a_pair_without_a_face_is_decided_as_two_people() -> None:
    cosines = np.array([0.9, np.nan, 0.1, 0.9, np.nan, 0.1])
    same = np.array([True, True, False, True, False, False])
    found = accuracy(cosines, same, np.array([0, 0, 0, 1, 1, 1]))
    assert found is not None
    assert found.right.events == 5


def test_listed_pairs_keep_their_order() -> None:
    vectors = np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    pairs = [ListedPair(2, 0, True, 0), ListedPair(0, 1, False, 0)]
    assert listed(vectors, pairs).cosine.tolist() == [0.6, 0.0]
