"""How connections are taken from the kernel: a few at a time, counted, and never more than there are places for.

asyncio's own way takes up to a whole backlog before anything else has its turn, knows no bound, and writes a traceback
for each connection that it cannot take.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Final

from openrek.runtime.server.connection_limit import Places

AT_ONCE: Final = 16
"""What is being answered has its turn after so many new connections."""
TOLD_EVERY_S: Final = 1.0
AGAIN_AFTER_S: Final = 0.1

log = logging.getLogger(__name__)


class Accepting:
    """Takes connections of a listening socket from now on, until it is closed; `make` makes each one's protocol, which
    tells the places when its connection is made, asks, rests, and has left.

    uvicorn holds this for one of asyncio's servers: it closes it and waits for it.
    """

    def __init__(self, listening: socket.socket, make: Callable[[], asyncio.Protocol], places: Places) -> None:
        self._loop = asyncio.get_running_loop()
        self._listening = listening
        self._make = make
        self._places = places
        self._batch = max(1, min(AT_ONCE, places.most // 8))
        self._welcomes: set[asyncio.Task[None]] = set()
        self._told_s = -TOLD_EVERY_S
        self._closed = False
        self._go_on()

    def close(self) -> None:
        """No connection is taken any more; open ones are not touched."""
        self._closed = True
        self._loop.remove_reader(self._listening)

    async def wait_closed(self) -> None:
        """There is nothing to wait for."""

    def _go_on(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._listening, self._accept)

    def _accept(self) -> None:
        """Called when somebody waits. Where all places are taken, some are made free at once: whoever comes now is
        seldom alone.
        """
        room = self._places.most - self._places.taken
        if room <= 0:
            self._places.free(self._batch)
            if self._places.settling:
                return
        try:
            for _ in range(min(AT_ONCE, max(room, 1))):
                connection, _ = self._listening.accept()
                if room > 0:
                    self._welcome(connection)
                else:  # of requests, all of them
                    connection.close()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as error:
            self._cannot(error)

    def _welcome(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._places.come()
        task = self._loop.create_task(self._connect(connection))
        self._welcomes.add(task)
        task.add_done_callback(self._welcomes.discard)

    async def _connect(self, connection: socket.socket) -> None:
        try:
            transport, _ = await self._loop.connect_accepted_socket(self._make, connection)
        except OSError:
            self._places.missed()
            connection.close()
            return
        if self._closed:  # after the others were told to end
            transport.close()

    def _cannot(self, error: OSError) -> None:
        """Most likely the process has no descriptor left, or the machine no memory: both come back."""
        if self._loop.time() - self._told_s >= TOLD_EVERY_S:
            self._told_s = self._loop.time()
            log.error("no connection can be taken: %s (%d are open)", error.strerror, self._places.taken)
        self._places.send_one_away()
        self._loop.remove_reader(self._listening)
        self._loop.call_later(AGAIN_AFTER_S, self._go_on)
