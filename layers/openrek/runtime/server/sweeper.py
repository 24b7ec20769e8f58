"""The background thread that compacts collections and erases what deletions and abandoned calls left behind."""

import logging
from collections.abc import Callable
from threading import Event, Thread
from traceback import format_tb

from openrek.domain.errors import Refusal
from openrek.store.items.port import DamagedItem

INTERVAL_S = 60.0

log = logging.getLogger(__name__)


class Sweeper:
    """A thread that calls `sweep` at once and then every `interval_s`, until it is stopped.

    A sweep that fails is tried again next time; the errors in `tolerate` are expected now and then, and logged as
    warnings.
    """

    def __init__(
        self, sweep: Callable[[], object], *, tolerate: tuple[type[Exception], ...], interval_s: float = INTERVAL_S
    ) -> None:
        self._sweep = sweep
        self._tolerate = tolerate
        self._interval_s = interval_s
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="openrek-sweeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread; return when a sweep that is under way has ended."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                self._sweep()
            except self._tolerate as error:
                log.warning("upkeep is behind, and will be tried again: %s", _words(error))
            except Exception as error:  # noqa: BLE001 (the last resort of a thread)
                # Nobody waits for this thread: if it ended, nothing would be erased any more, and nobody would know.
                # The error's text is left out: it may name a person.
                where = "".join(format_tb(error.__traceback__))
                log.error("upkeep failed, and will be tried again: %s\n%s", type(error).__name__, where)
            if self._stopping.wait(self._interval_s):
                return


def _words(error: Exception) -> object:
    """Return the reason of an error for the log, without the name of a person."""
    if isinstance(error, DamagedItem):
        return error.for_the_log
    return error.reason if isinstance(error, Refusal) else error
