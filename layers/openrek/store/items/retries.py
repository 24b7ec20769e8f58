"""Retries of a transaction, while the store is busy or its outcome is unknown."""

import random
from collections.abc import Sequence
from enum import Enum
from typing import Final

from openrek.domain.clock import Clock
from openrek.domain.errors import InternalServerError, Refusal, StoreUnavailable, Throttling
from openrek.store.items.port import ConditionFailed, Contended, Items, OutcomeUnknown, Write

RESENDS: Final = 8
PATIENCE_S: Final = 10.0
FIRST_PAUSE_S: Final = 0.002
LONGEST_PAUSE_S: Final = 0.25


class Sent(Enum):
    """The outcome of a transaction that was sent with retries."""

    WRITTEN = "written"
    REFUSED = "a condition does not hold; it was not written and never will be"
    DOUBTFUL = "a condition does not hold, perhaps because an earlier attempt was written after all"
    BUSY = "the store stayed busy; it was not written and never will be"
    UNKNOWN = "the store did not say; it may be written, or may still be"


def send(items: Items, writes: Sequence[Write], *, clock: Clock, token: str | None = None) -> Sent:
    """Send it until the store says what became of it, a bounded number of times and about `PATIENCE_S` seconds long.

    Raises StoreUnavailable when it was not written and never will be.
    """
    give_up_s = clock.steady_s() + PATIENCE_S
    unknown = False
    for attempt in range(RESENDS):
        try:
            items.transact(writes, token=token)
            return Sent.WRITTEN
        except Contended:
            pass
        except OutcomeUnknown:
            unknown = True
        except StoreUnavailable:
            if unknown:  # an attempt before this one may have been written
                break
            raise
        except ConditionFailed:
            return Sent.DOUBTFUL if unknown else Sent.REFUSED
        if clock.steady_s() > give_up_s:
            break
        clock.sleep(jittered_s(attempt))
    return Sent.UNKNOWN if unknown else Sent.BUSY


def refusal_of(sent: Sent) -> Refusal:
    """Return the error for a transaction that ended BUSY, or whose outcome could not be read either."""
    if sent is Sent.BUSY:
        return Throttling(reason="The store is too busy; nothing was written.")
    return InternalServerError(reason="The store did not say whether it wrote the change; ask again to find out.")


def jittered_s(attempt: int) -> float:
    """Return the pause before the next attempt, in seconds: exponential backoff with full jitter."""
    return random.uniform(0.0, min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**attempt))  # noqa: S311 (not a secret)
