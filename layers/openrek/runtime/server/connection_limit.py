"""The limit on open connections, and the choice of those to close at the limit. Knows nothing of sockets.

A connection counts from the moment it is accepted, whether anything is ever sent on it or not. At the limit, idle ones
(no request is being received or answered) are closed first, and of them those that have been idle longest. Half a head
is no request yet: else a client that sends half a head would outlast an honest one that has only just connected. Then
come those that were refused and still send.
"""

from collections import OrderedDict
from typing import Protocol


class LimitedConnection(Protocol):
    """An open connection."""

    @property
    def has_unsent(self) -> bool:
        """Return True while a part of a response still waits to be sent."""
        ...

    @property
    def answered_early(self) -> bool:
        """Return True if the response was complete before the request was; the rest of the request is dropped."""
        ...

    def abort(self) -> None:
        """Close the connection soon; then it calls `closed`."""
        ...


class ConnectionLimit:
    """A limit of `most` open connections. Used from the event loop only."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._opening = 0
        self._busy: dict[LimitedConnection, None] = {}
        self._idle: OrderedDict[LimitedConnection, None] = OrderedDict()
        self._closing: set[LimitedConnection] = set()

    @property
    def count(self) -> int:
        return self._opening + len(self._busy) + len(self._idle) + len(self._closing)

    @property
    def settling(self) -> bool:
        """Return True if there will soon be room, or a connection that can be closed, without any call."""
        return bool(self._opening or self._closing)

    def accepted(self) -> None:
        """Count a connection that was accepted; `opened` or `failed` follows."""
        self._opening += 1

    def failed(self) -> None:
        self._opening -= 1

    def opened(self, connection: LimitedConnection) -> None:
        self._opening -= 1
        self._idle[connection] = None

    def became_busy(self, connection: LimitedConnection) -> None:
        """Note that a request has begun: its head is complete."""
        if connection in self._idle:
            del self._idle[connection]
            self._busy[connection] = None

    def became_idle(self, connection: LimitedConnection) -> None:
        """Note that every request has its response."""
        if connection in self._busy:
            del self._busy[connection]
            self._idle[connection] = None

    def closed(self, connection: LimitedConnection) -> None:
        self._idle.pop(connection, None)
        self._busy.pop(connection, None)
        self._closing.discard(connection)

    def make_room(self, wanted: int) -> None:
        """Close as many connections as have to go, and may, until there is room for `wanted`."""
        excess = self.count - len(self._closing) + wanted - self.most
        while excess > 0 and self.close_one():
            excess -= 1

    def close_one(self) -> bool:
        """Close the first connection that may go; return False if there is none."""
        idle = (each for each in self._idle if not each.has_unsent)
        refused = (each for each in self._busy if each.answered_early and not each.has_unsent)
        connection = next(idle, None) or next(refused, None)
        if connection is None:
            return False
        self.closed(connection)
        self._closing.add(connection)
        connection.abort()
        return True
