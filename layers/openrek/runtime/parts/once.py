"""A part of the process that is made when it is first asked for."""

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

Part = TypeVar("Part")


class Once(Generic[Part]):
    """Makes its part at the first call; threads that ask meanwhile wait for that one."""

    def __init__(self, make: Callable[[], Part]) -> None:
        self._make = make
        self._lock = Lock()
        self._made: list[Part] = []

    def __call__(self) -> Part:
        if not self._made:
            with self._lock:
                if not self._made:
                    self._made.append(self._make())
        return self._made[0]

    @property
    def made(self) -> bool:
        return bool(self._made)
