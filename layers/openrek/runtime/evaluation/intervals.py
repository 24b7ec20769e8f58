"""Exact intervals of a share: Clopper and Pearson, "The use of confidence or fiducial limits" (Biometrika 1934).

They take the events for independent, and hold at least what they promise; where no event was seen, the lower end is 0.
"""

import math
from collections.abc import Callable

import numpy as np

CONFIDENCE = 0.95
EXACT_UP_TO = 1000
"""From more events on Wilson's interval (1927) is given, which then differs by some thousandth of the share."""

_Z = 1.959963984540054
"""The 97.5th percentile of the normal distribution."""


def interval(events: int, trials: int) -> tuple[float, float]:
    """Return the 95 % interval of the share behind `events` of `trials`; 0 to 1 without trials."""
    if not 0 <= events <= trials:
        raise ValueError(f"{events} events of {trials} trials")
    if trials == 0:
        return 0.0, 1.0
    if events > trials - events:
        low, high = interval(trials - events, trials)
        return 1.0 - high, 1.0 - low
    if events > EXACT_UP_TO:
        return _wilson(events, trials)
    tail = (1 - CONFIDENCE) / 2
    high = _solved(lambda share: at_most(events, trials, share) > tail)
    low = _solved(lambda share: at_most(events - 1, trials, share) > 1 - tail) if events else 0.0
    return low, high


def at_most(events: int, trials: int, share: float) -> float:
    """Return the probability of at most `events` of `trials` when each has the probability `share`, between 0 and 1."""
    count = np.arange(1, events + 1, dtype=np.float64)
    ways = np.concatenate([[0.0], np.cumsum(np.log(trials - count + 1) - np.log(count))])
    number = np.arange(events + 1)
    logs = ways + number * math.log(share) + (trials - number) * math.log1p(-share)
    return float(min(1.0, np.exp(logs).sum()))


def _solved(is_below: Callable[[float], bool]) -> float:
    """Return the share up to which `is_below` holds, by bisection to the last bit."""
    low, high = 0.0, 1.0
    while low < (middle := (low + high) / 2) < high:
        if is_below(middle):
            low = middle
        else:
            high = middle
    return high


def _wilson(events: int, trials: int) -> tuple[float, float]:
    share = events / trials
    scale = 1 + _Z * _Z / trials
    centre = (share + _Z * _Z / (2 * trials)) / scale
    half = _Z / scale * math.sqrt(share * (1 - share) / trials + (_Z / (2 * trials)) ** 2)
    return max(0.0, centre - half), min(1.0, centre + half)
