"""Access keys at work: the step that verifies signatures, and what spares the store of keys."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from threading import Lock

from openrek.domain.access_keys import AccessKey
from openrek.domain.caller import NO_ACCOUNT
from openrek.domain.errors import Throttling
from openrek.domain.ports import Keys
from openrek.wire.sigv4 import SigV4

KNOWN_S = 300.0
UNKNOWN_S = 30.0
MOST_KEPT = 1024
STRANGERS = 100
STRANGERS_S = 60.0


def authenticator(keys: Keys, *, account: str = NO_ACCOUNT) -> SigV4:
    """For `Door(authenticate=...)`: every request must be signed with one of `keys`, for any region."""
    return SigV4(keys, account=account)


class CachedKeys:
    """Keys that are costly to look up, kept for 5 minutes: that long a revoked key may still be good.

    An id that is unknown stays so for 30 s. Strangers who try ever new ids cost at most 100 lookups a minute and little
    memory; above that, ids that were never found are answered with Throttling, which SDKs try again. Whoever has been
    found is looked up again whatever strangers do.

    `clock` tells epoch seconds and not those since the start, which stand still while a Lambda function is frozen.
    """

    def __init__(self, keys: Keys, *, clock: Callable[[], float] = time.time) -> None:
        self._keys = keys
        self._clock = clock
        self._lock = Lock()
        self._kept: OrderedDict[str, tuple[float, AccessKey]] = OrderedDict()
        self._unknown: OrderedDict[str, float] = OrderedDict()
        self._misses: deque[float] = deque(maxlen=STRANGERS)

    def find(self, key_id: str) -> AccessKey | None:
        """Raises Throttling, and what the keys behind it raise."""
        now = self._clock()
        with self._lock:
            kept = self._kept.get(key_id)
            if kept and 0 <= now - kept[0] < KNOWN_S:
                return kept[1]
            if key_id in self._unknown and 0 <= now - self._unknown[key_id] < UNKNOWN_S:
                return None
            if not kept and len(self._misses) == STRANGERS and 0 <= now - self._misses[0] < STRANGERS_S:
                raise Throttling(reason="Too many unknown access keys were tried; try again in a minute.")
        found = self._keys.find(key_id)
        with self._lock:
            self._remember(key_id, found, now)
        return found

    def _remember(self, key_id: str, found: AccessKey | None, now: float) -> None:
        """`now` is when the lookup began, so that a lookup that takes long keeps a revoked key no longer."""
        self._kept.pop(key_id, None)
        self._unknown.pop(key_id, None)
        if found:
            self._kept[key_id] = (now, found)
        else:
            self._unknown[key_id] = now
            self._misses.append(now)
        for kept in (self._kept, self._unknown):
            if len(kept) > MOST_KEPT:
                kept.popitem(last=False)
