"""The time: what everything that asks for it or waits is given, so that a test can let a day pass at once."""

import time
from typing import Final, Protocol


class Clock(Protocol):
    """The time of day, the time that has passed, and waiting."""

    def now_s(self) -> float:
        """Return the time of day in epoch seconds. It may be set, back as well: store it, never measure with it."""
        ...

    def steady_s(self) -> float:
        """Return seconds since some moment. It is never set, but may stand still while the machine sleeps or a Lambda
        function is frozen: measure with it, never store it."""
        ...

    def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""
        ...


class SystemClock:
    """The clocks of the operating system."""

    def now_s(self) -> float:
        """Return epoch seconds."""
        return time.time()

    def steady_s(self) -> float:
        """Return seconds of the monotonic clock."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let this thread sleep."""
        time.sleep(seconds)


SYSTEM_CLOCK: Final = SystemClock()
