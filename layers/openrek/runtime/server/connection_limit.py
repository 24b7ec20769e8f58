"""Who may stay when places for connections run short. Knows nothing of sockets.

A connection has a place from the moment it is taken, whether anything is ever sent on it or not. When places run short,
those on which nothing is being asked or answered go first, and of them those of which that has been true longest. Half
a head is no request yet: else whoever sends half a head would outlast an honest client that has only just connected.
Then go those that were refused and still send.
"""

from collections import OrderedDict
from typing import Protocol


class Guest(Protocol):
    """An open connection."""

    @property
    def unsent(self) -> bool:
        """Whether a part of an answer still waits to be sent."""
        ...

    @property
    def answered(self) -> bool:
        """Whether its request was answered before all of it came, and what still comes is thrown away."""
        ...

    def send_away(self) -> None:
        """Ends the connection soon; then it tells the places that it has left."""
        ...


class Places:
    """At most `most` connections. Used from the event loop only."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._coming = 0
        self._busy: dict[Guest, None] = {}
        self._idle: OrderedDict[Guest, None] = OrderedDict()
        self._leaving: set[Guest] = set()

    @property
    def taken(self) -> int:
        return self._coming + len(self._busy) + len(self._idle) + len(self._leaving)

    @property
    def settling(self) -> bool:
        """Whether, without anybody's help, there will soon be a free place or somebody who can be sent away."""
        return bool(self._coming or self._leaving)

    def come(self) -> None:
        """A connection was taken; it will say that it was `made`, or else it was `missed`."""
        self._coming += 1

    def missed(self) -> None:
        self._coming -= 1

    def made(self, guest: Guest) -> None:
        self._coming -= 1
        self._idle[guest] = None

    def asks(self, guest: Guest) -> None:
        """A request has begun: its head is complete."""
        if guest in self._idle:
            del self._idle[guest]
            self._busy[guest] = None

    def rests(self, guest: Guest) -> None:
        """Everything that was asked has its answer."""
        if guest in self._busy:
            del self._busy[guest]
            self._idle[guest] = None

    def left(self, guest: Guest) -> None:
        self._idle.pop(guest, None)
        self._busy.pop(guest, None)
        self._leaving.discard(guest)

    def free(self, wanted: int) -> None:
        """Sends as many away as have to go, and may, until `wanted` places are free."""
        excess = self.taken - len(self._leaving) + wanted - self.most
        while excess > 0 and self.send_one_away():
            excess -= 1

    def send_one_away(self) -> bool:
        """False if nobody may go."""
        idle = (each for each in self._idle if not each.unsent)
        refused = (each for each in self._busy if each.answered and not each.unsent)
        guest = next(idle, None) or next(refused, None)
        if guest is None:
            return False
        self.left(guest)
        self._leaving.add(guest)
        guest.send_away()
        return True
