"""Accepting of connections: a few at a time, counted, and never more than the limit allows.

asyncio's own way takes up to a whole backlog before anything else has its turn, knows no bound, and writes a traceback
for each connection that it cannot take.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Final

from openrek.runtime.server.connection_limit import ConnectionLimit

AT_ONCE: Final = 16
"""What is being answered has its turn after so many new connections."""
LOG_EVERY_S: Final = 1.0
AGAIN_AFTER_S: Final = 0.1
HANDSHAKE_S: Final = 15.0

log = logging.getLogger(__name__)


class Accepting:
    """The acceptor of a listening socket's connections, from now on until it is closed.

    `make` makes the protocol of each connection, which reports to the limit when it is opened, becomes busy or idle,
    and is closed. uvicorn takes this for one of asyncio's servers: it closes it and waits for it.
    """

    def __init__(
        self,
        listening: socket.socket,
        make: Callable[[], asyncio.Protocol],
        limit: ConnectionLimit,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._listening = listening
        self._make = make
        self._limit = limit
        self._tls = tls
        self._batch = max(1, min(AT_ONCE, limit.most // 8))
        self._connecting: set[asyncio.Task[None]] = set()
        self._logged_s = -LOG_EVERY_S
        self._closed = False
        self._go_on()

    def close(self) -> None:
        """Stop accepting connections; open ones are not touched."""
        self._closed = True
        self._loop.remove_reader(self._listening)

    async def wait_closed(self) -> None:
        """Return at once: there is nothing to wait for."""

    def _go_on(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._listening, self._accept)

    def _accept(self) -> None:
        """Take the connections that wait.

        At the limit, close some open ones first: new connections seldom come alone.
        """
        room = self._limit.most - self._limit.count
        if room <= 0:
            self._limit.make_room(self._batch)
            if self._limit.settling:
                return
        try:
            for _ in range(min(AT_ONCE, max(room, 1))):
                connection, _ = self._listening.accept()
                if room > 0:
                    self._start_connecting(connection)
                else:  # of requests, all of them
                    connection.close()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as error:
            self._on_accept_error(error)

    def _start_connecting(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._limit.accepted()
        task = self._loop.create_task(self._connect(connection))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect(self, connection: socket.socket) -> None:
        try:
            transport, _ = await self._loop.connect_accepted_socket(
                self._make, connection, ssl=self._tls, ssl_handshake_timeout=HANDSHAKE_S if self._tls else None
            )
        except OSError:
            self._limit.failed()
            connection.close()
            return
        if self._closed:  # after the open ones were asked to close
            transport.close()

    def _on_accept_error(self, error: OSError) -> None:
        """Log the error and pause.

        Most likely the process has no descriptor left, or the machine no memory: both come back.
        """
        if self._loop.time() - self._logged_s >= LOG_EVERY_S:
            self._logged_s = self._loop.time()
            log.error("no connection can be taken: %s (%d are open)", error.strerror, self._limit.count)
        self._limit.close_one()
        self._loop.remove_reader(self._listening)
        self._loop.call_later(AGAIN_AFTER_S, self._go_on)
