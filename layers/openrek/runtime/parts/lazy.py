"""A part of the process that is made at its first use."""

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

Part = TypeVar("Part")


class Lazy(Generic[Part]):
    """A cached part: the first call makes it, and threads that call meanwhile wait for that one."""

    def __init__(self, make: Callable[[], Part]) -> None:
        self._make = make
        self._lock = Lock()
        self._made: list[Part] = []

    def __call__(self) -> Part:
        """Return the part; make it if there is none yet.

        An error of `make` is raised, and the next call tries again.
        """
        if not self._made:
            with self._lock:
                if not self._made:
                    self._made.append(self._make())
        return self._made[0]

    @property
    def made(self) -> bool:
        return bool(self._made)
