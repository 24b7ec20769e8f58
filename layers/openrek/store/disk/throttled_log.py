"""The log, told what is wrong with the store, at most once a minute each."""

import logging
import time
from collections.abc import Callable
from threading import Lock
from typing import Final

AGAIN_AFTER_S: Final = 60.0

log = logging.getLogger(__name__)


class Telling:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told_s: dict[str, float] = {}
        self._lock = Lock()

    def __call__(self, sentence: str) -> None:
        """Logs it as an error, unless that was done within the last minute."""
        with self._lock:
            now_s = self._clock()
            self._told_s = {told: at_s for told, at_s in self._told_s.items() if now_s - at_s < AGAIN_AFTER_S}
            if sentence in self._told_s:
                return
            self._told_s[sentence] = now_s
        log.error("%s", sentence)
