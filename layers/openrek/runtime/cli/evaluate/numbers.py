"""Figures in words: shares, intervals, and "1 in so many"."""

from openrek.runtime.evaluation.rates import Rate

FEW = 30
"""Of fewer events no figure is given without its interval."""


def percent(rate: Rate) -> str:
    """Return the share of true matches with its interval, like "97.9 % (97.2 to 98.5)"; "-" without pairs."""
    if rate.share is None:
        return "-"
    return f"{100 * rate.share:.1f} % ({100 * rate.low:.1f} to {100 * rate.high:.1f})"


def rare(rate: Rate) -> str:
    """Return the share of false matches with its interval, like "3.0e-4 (2.1e-4 to 4.2e-4)"; "-" without pairs."""
    if rate.share is None:
        return "-"
    return f"{_small(rate.share)} ({_small(rate.low)} to {_small(rate.high)})"


def one_in(rate: Rate) -> str:
    """Return the share as once in so many, like "1 in 3,330"; without an event what the interval's end allows."""
    if not rate.pairs:
        return "-"
    if not rate.events:
        return f"none in {rate.pairs:,}; fewer than 1 in {rounded(1 / rate.high):,}"
    return f"1 in {rounded(rate.pairs / rate.events):,}"


def rounded(number: float) -> int:
    """Return a whole number of about three figures that count."""
    whole = round(number)
    return int(float(f"{number:.3g}")) if whole >= 1000 else whole


def _small(share: float) -> str:
    if share == 0:
        return "0"
    if share >= 0.1:
        return f"{share:.2f}"
    digits, _, power = f"{share:.1e}".partition("e")
    return f"{digits}e{int(power)}"
