"""A clock that tests set. Nobody waits by it: who sleeps puts it forward."""

import time
from dataclasses import dataclass, field


@dataclass
class FakeClock:
    """Stands still until somebody sleeps or sets it.

    `at_s`: the time of day in epoch seconds, by default that at which it is made; `passed_s`: the steady seconds.
    """

    at_s: float = field(default_factory=time.time)
    passed_s: float = 0.0

    def now_s(self) -> float:
        return self.at_s

    def steady_s(self) -> float:
        return self.passed_s

    def sleep(self, seconds: float) -> None:
        self.at_s += seconds
        self.passed_s += seconds
