"""One connection of the local server: uvicorn's, with bounds on what is not the body of a request.

uvicorn bounds neither what a client sends around bodies (heads, the framing of chunks, trailers) nor the time that a
head may take; it never closes a connection on which nothing was ever sent, nor one whose client does not read.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from openrek.runtime.server.connection_limit import ConnectionLimit
from openrek.runtime.server.http_upgrades import UpgradelessParser

CHUNK_FRAME_BYTES = 16
"""What surrounds a chunk of a body is not counted up to here: its size in hex, two line ends."""
FIELD_FRAME_BYTES = len(": \r\n")
HEAD_FRAME_BYTES = len("  HTTP/1.1\r\n\r\n")


class HeadTooLarge(Exception):
    """A request's head, with its trailers, is larger than it may be."""


class BoundedConnection(HttpToolsProtocol):
    """A connection that is closed when its client sends too much around a body, sends a head too slowly, sends requests
    without waiting for responses, or does not read them.
    """

    head_timeout_s = 15.0
    max_head_bytes = 64 * 1024
    """Of one request: its head, its trailers, and what surrounds its chunks."""
    max_waiting = 16
    """Requests that came before an earlier one was answered."""
    read_timeout_s = 30.0
    min_read_bytes = 32 * 1024
    """A client must take so much of what waits for it in `read_timeout_s`, or all of it."""

    def __init__(self, limit: ConnectionLimit, **uvicorn: Any) -> None:
        """Report to `limit` when the connection opens, becomes busy or idle, and closes."""
        super().__init__(**uvicorn)
        self._limit = limit
        self.parser: UpgradelessParser = UpgradelessParser(self)
        self._around_bytes = 0
        self._head_bytes = 0
        self._head_ended = False
        self._head_timer: asyncio.TimerHandle | None = None
        self._unread_bytes = 0
        self._read_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._limit.opened(self)
        self._start_head_timer()
        self._check_reader()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_head_timer()
        if self._read_timer is not None:
            self._read_timer.cancel()
        super().connection_lost(exc)
        self._limit.closed(self)

    def data_received(self, data: bytes) -> None:
        if self._between_requests() and self._head_timer is None:
            self._start_head_timer()
        self._around_bytes += len(data)
        super().data_received(data)
        if self._around_bytes > self.max_head_bytes or len(self.pipeline) > self.max_waiting:
            self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """Refuse a request that the parser cannot read.

        A head that is too large is one; the connection is then aborted.
        """
        if self._head_bytes > self.max_head_bytes:
            self.transport.abort()
        else:
            super().send_400_response(msg)

    def on_message_begin(self) -> None:
        self._head_bytes = 0
        self._head_ended = False
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header, or count a trailer and drop it: whether trailers arrive before the application reads the head
        is chance.
        """
        self._count(len(name) + len(value) + FIELD_FRAME_BYTES)
        if not self._head_ended:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if not self.parser.offers_upgrade:
            self._count(len(self.parser.get_method()) + HEAD_FRAME_BYTES)
            self._head_ended = True
            self._stop_head_timer()
            self._limit.became_busy(self)
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._around_bytes = max(0, self._around_bytes - len(body) - CHUNK_FRAME_BYTES)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if not self.parser.offers_upgrade:
            self._around_bytes = 0
            super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._between_requests():
            self._limit.became_idle(self)

    @property
    def has_unsent(self) -> bool:
        return self.transport.get_write_buffer_size() > 0

    @property
    def answered_early(self) -> bool:
        cycle = self.cycle
        return cycle.response_started and cycle.chunked_encoding is False and cycle.expected_content_length == 0

    def abort(self) -> None:
        self.transport.abort()

    def resume_writing(self) -> None:
        self._unread_bytes = 0
        super().resume_writing()

    def _count(self, head_bytes: int) -> None:
        """Count bytes of a head, as the parser gives it, and so the same however it arrived; `_around_bytes` bounds the
        bytes that it has not given yet.
        """
        self._head_bytes += head_bytes
        if self._head_bytes > self.max_head_bytes:
            raise HeadTooLarge  # which ends the parser

    def _between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _start_head_timer(self) -> None:
        self._head_timer = self.loop.call_later(self.head_timeout_s, self.transport.abort)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _check_reader(self) -> None:
        """Abort the connection if too little of the `_unread_bytes` of the last look was taken since."""
        unread = self.transport.get_write_buffer_size()
        if unread and self._unread_bytes and unread > self._unread_bytes - self.min_read_bytes:
            self.transport.abort()
            return
        self._unread_bytes = unread
        self._read_timer = self.loop.call_later(self.read_timeout_s, self._check_reader)
