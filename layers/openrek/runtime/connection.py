"""One connection of the local server: uvicorn's, with bounds on what comes before a request's body.

uvicorn bounds neither the size of a request's head nor the time it may take, and never closes a connection on which
nothing was ever sent.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class BoundedConnection(HttpToolsProtocol):
    """Closes the connection when a request's head is too long or too slow."""

    head_timeout_s = 15.0
    max_head_bytes = 64 * 1024

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._between_requests():
            if self._head_timer is None:
                self._start_head_timer()
            self._head_bytes += len(data)
        super().data_received(data)
        if self._between_requests() and self._head_bytes > self.max_head_bytes:
            self.transport.abort()

    def on_headers_complete(self) -> None:
        self._stop_head_timer()
        self._head_bytes = 0
        super().on_headers_complete()

    def _between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _start_head_timer(self) -> None:
        self._head_timer = self.loop.call_later(self.head_timeout_s, self.transport.abort)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
