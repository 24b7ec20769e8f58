"""One connection of the local server: uvicorn's, with bounds on what is not the body of a request.

uvicorn bounds neither what a client sends around bodies (heads, the framing of chunks, trailers) nor the time that a
head may take; it never closes a connection on which nothing was ever sent, nor one whose client does not read.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from openrek.runtime.places import Places
from openrek.runtime.upgrades import UpgradelessParser

CHUNK_FRAME_BYTES = 16
"""What surrounds a chunk of a body is not counted up to here: its size in hex, two line ends."""


class BoundedConnection(HttpToolsProtocol):
    """Closes a connection whose client sends too much around a body, sends a head too slowly, sends requests without
    waiting for answers, or does not read them.
    """

    head_timeout_s = 15.0
    max_head_bytes = 64 * 1024
    """Of one request: its head, its trailers, and what surrounds its chunks."""
    max_waiting = 16
    """Requests that came before an earlier one was answered."""
    read_timeout_s = 30.0
    min_read_bytes = 32 * 1024
    """A client must take so much of what waits for it in `read_timeout_s`, or all of it."""

    def __init__(self, places: Places, **uvicorn: Any) -> None:
        """`places` hears whether it asks something."""
        super().__init__(**uvicorn)
        self._places = places
        self.parser: UpgradelessParser = UpgradelessParser(self)
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._unread_bytes = 0
        self._read_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._places.made(self)
        self._start_head_timer()
        self._look_whether_it_reads()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        if self._read_timer is not None:
            self._read_timer.cancel()
        super().connection_lost(exc)
        self._places.left(self)

    def data_received(self, data: bytes) -> None:
        if self._between_requests() and self._head_timer is None:
            self._start_head_timer()
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > self.max_head_bytes or len(self.pipeline) > self.max_waiting:
            self.transport.abort()

    def on_headers_complete(self) -> None:
        if not self.parser.offers_upgrade:
            self._stop_head_timer()
            self._places.asks(self)
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._head_bytes = max(0, self._head_bytes - len(body) - CHUNK_FRAME_BYTES)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if not self.parser.offers_upgrade:
            self._head_bytes = 0
            super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._between_requests():
            self._places.rests(self)

    @property
    def unsent(self) -> bool:
        return self.transport.get_write_buffer_size() > 0

    @property
    def answered(self) -> bool:
        cycle = self.cycle
        return cycle.response_started and cycle.chunked_encoding is False and cycle.expected_content_length == 0

    def send_away(self) -> None:
        self.transport.abort()

    def resume_writing(self) -> None:
        self._unread_bytes = 0
        super().resume_writing()

    def _between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _start_head_timer(self) -> None:
        self._head_timer = self.loop.call_later(self.head_timeout_s, self.transport.abort)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _look_whether_it_reads(self) -> None:
        """`_unread_bytes` waited at the last look, and not all of them have been taken since."""
        unread = self.transport.get_write_buffer_size()
        if unread and self._unread_bytes and unread > self._unread_bytes - self.min_read_bytes:
            self.transport.abort()
            return
        self._unread_bytes = unread
        self._read_timer = self.loop.call_later(self.read_timeout_s, self._look_whether_it_reads)
