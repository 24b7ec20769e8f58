"""Exact intervals: published values, and the laws that they keep."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrek.runtime.evaluation.intervals import EXACT_UP_TO, at_most, interval

counts = st.integers(0, 100_000_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("events", "trials", "low", "high"),
    [
        (0, 10, 0.0, 0.3085),
        (5, 10, 0.1871, 0.8129),
        (1, 20, 0.0013, 0.2487),
        (10, 10, 0.6915, 1.0),
        (4, 400, 0.0027, 0.0254),
    ],
)
def test_tables_of_clopper_and_pearson(events: int, trials: int, low: float, high: float) -> None:
    assert interval(events, trials) == pytest.approx((low, high), abs=5e-5)


def test_without_an_event_the_upper_end_is_that_of_the_binomial() -> None:
    low, high = interval(0, 3000)
    assert low == 0
    assert high == pytest.approx(1 - 0.025 ** (1 / 3000), rel=1e-9)


def test_without_trials_nothing_is_known() -> None:
    assert interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("impossible", [(-1, 3), (4, 3), (0, -1)])
def test_impossible_counts_are_refused(impossible: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="events of"):
        interval(*impossible)


@given(counts)
def test_the_interval_holds_the_share_and_stays_within_0_and_1(counted: tuple[int, int]) -> None:
    events, trials = counted
    low, high = interval(events, trials)
    assert 0 <= low <= high <= 1
    if trials:
        assert low <= events / trials <= high


@given(st.integers(1, 50), st.integers(0, 50))
def test_misses_have_the_mirrored_interval(events: int, others: int) -> None:
    low, high = interval(events, events + others)
    assert interval(others, events + others) == pytest.approx((1 - high, 1 - low), abs=1e-12)


@given(st.integers(0, 40), st.integers(0, 40), st.floats(0.001, 0.999))
def test_tails_are_sums_of_binomial_terms(events: int, others: int, share: float) -> None:
    trials = events + others
    terms = [math.comb(trials, k) * share**k * (1 - share) ** (trials - k) for k in range(events + 1)]
    assert at_most(events, trials, share) == pytest.approx(sum(terms), rel=1e-9, abs=1e-12)


def test_both_formulas_meet_where_one_takes_over() -> None:
    trials = 50_000_000
    exact, wilson = interval(EXACT_UP_TO, trials), interval(EXACT_UP_TO + 1, trials)
    assert wilson == pytest.approx(exact, rel=3e-3)
