"""Lanes: each kind of work has its own threads and its own bounded queue, so that no kind waits behind another."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

from openrek.domain.errors import Throttling

Result = TypeVar("Result")


class Lane:
    """A bounded queue with threads: `threads` calls run at once and `queue` more may wait; any further one is refused
    at once.
    """

    def __init__(self, name: str, *, threads: int, queue: int) -> None:
        self._name = name
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"openrek-{name}")
        self._room = threads + queue
        self._accepted = 0
        self._lock = Lock()

    async def run(self, work: Callable[[], Result]) -> Result:
        """Run `work` and return its result. Raises Throttling when the lane is full.

        Cancelling takes waiting work out of the queue. Running work goes on and keeps its place until it is done.
        """
        self._enter()
        waiting = [work]
        future = self._pool.submit(lambda: waiting.pop()())
        future.add_done_callback(self._leave)
        try:
            return await asyncio.wrap_future(future)
        finally:
            if future.cancelled():  # the pool holds it until a thread is free; what the work holds is let go now
                waiting.clear()

    def close(self) -> None:
        """Wait for running work; drop work that is still queued."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _enter(self) -> None:
        with self._lock:
            if self._accepted >= self._room:
                raise Throttling(reason=f"{self._room} requests for {self._name} are already running or waiting.")
            self._accepted += 1

    def _leave(self, _: "Future[Result]") -> None:
        with self._lock:
            self._accepted -= 1
