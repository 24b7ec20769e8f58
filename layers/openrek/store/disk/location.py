"""The place of an embedded store on disk: is it still the one that was opened, and can it be written?"""

import errno
import os
from pathlib import Path
from typing import Final

from openrek.domain.clock import SYSTEM_CLOCK, Clock
from openrek.domain.errors import StoreUnavailable
from openrek.store.disk.throttled_log import ThrottledLog

LOST: Final = "The data folder was removed or replaced under openrek: put it back, or restart openrek."
FULL: Final = "The disk of the store is full, or as much of it is used as openrek may use."
_WITHOUT_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class DataLocation:
    """A file or a folder that was opened. Errors that keep it from being written are logged, at most once a minute."""

    def __init__(self, path: Path, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._path = path.absolute()
        self._log_error = ThrottledLog(clock)
        self._opened = self._now()
        self.full = False

    def require(self) -> None:
        """Raise StoreUnavailable when the path no longer leads to what was opened: a write would go into a file that
        nobody finds any more, or into another store.
        """
        if self._now() != self._opened:
            self._log_error(f"{self._path}: {LOST}")
            raise StoreUnavailable(reason=LOST)

    def report_full(self) -> StoreUnavailable:
        """Note that there was no room for a write; return the error to raise for it."""
        self.full = True
        self._log_error(f"{self._path}: {FULL}")
        return StoreUnavailable(reason=FULL)

    def report_written(self) -> None:
        """Note that a write succeeded."""
        self.full = False

    def _now(self) -> tuple[int, int] | None:
        try:
            facts = os.stat(self._path)
        except OSError:
            return None
        return facts.st_dev, facts.st_ino


def is_without_room(number: int | None) -> bool:
    """Return True if an error number of the operating system says that a file cannot grow."""
    return number in _WITHOUT_ROOM
