"""A log of errors of the store that repeats each at most once a minute."""

import logging
from threading import Lock
from typing import Final

from openrek.domain.clock import SYSTEM_CLOCK, Clock

AGAIN_AFTER_S: Final = 60.0

log = logging.getLogger(__name__)


class ThrottledLog:
    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._logged_s: dict[str, float] = {}
        self._lock = Lock()

    def __call__(self, sentence: str) -> None:
        """Log the sentence as an error, unless that was done within the last minute."""
        with self._lock:
            now_s = self._clock.steady_s()
            self._logged_s = {logged: at_s for logged, at_s in self._logged_s.items() if now_s - at_s < AGAIN_AFTER_S}
            if sentence in self._logged_s:
                return
            self._logged_s[sentence] = now_s
        log.error("%s", sentence)
