"""Access keys while requests are served: the step that verifies signatures, and the cache of keys."""

import math
from collections import OrderedDict, deque
from threading import Lock

from openrek.domain.access_keys import AccessKey
from openrek.domain.caller import NO_ACCOUNT
from openrek.domain.clock import SYSTEM_CLOCK, Clock
from openrek.domain.errors import Throttling
from openrek.domain.ports import Keys, ListedKeys
from openrek.wire.sigv4 import SigV4

KNOWN_S = 300.0
UNKNOWN_S = 30.0
FAILED_S = 1.0
MAX_CACHED = 1024
MAX_UNKNOWN_LOOKUPS = 100
UNKNOWN_LOOKUPS_S = 60.0


def authenticator(keys: Keys, *, account: str = NO_ACCOUNT) -> SigV4:
    """Return the step for `Door(authenticate=...)`: every request must be signed with one of `keys`, for any region."""
    return SigV4(keys, account=account)


class CachedKeys:
    """Keys that are costly to look up, kept for 5 minutes: that long a revoked key may still be good.

    An id that is unknown stays so for 30 s. Strangers who try ever new ids cost at most 100 lookups a minute and little
    memory. Above that, an id is looked up only if it has been found before or is in the list of all ids, which is read
    at most every 30 s: whatever strangers do, a caller with a key gets in, and an id that is in no list is unknown.

    Their age is told by the time of day: steady seconds stand still while a Lambda function is frozen.
    """

    def __init__(self, keys: ListedKeys, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._keys = keys
        self._clock = clock
        self._lock = Lock()
        self._kept: OrderedDict[str, tuple[float, AccessKey]] = OrderedDict()
        self._unknown: OrderedDict[str, float] = OrderedDict()
        self._misses: deque[float] = deque(maxlen=MAX_UNKNOWN_LOOKUPS)
        self._listing = Lock()
        self._listed: tuple[float, frozenset[str] | None] = (-math.inf, None)

    def find(self, key_id: str) -> AccessKey | None:
        """Return the key, or None. Raises Throttling, and the errors of the keys behind it."""
        now = self._clock.now_s()
        with self._lock:
            kept = self._kept.get(key_id)
            if kept and 0 <= now - kept[0] < KNOWN_S:
                return kept[1]
            if key_id in self._unknown and 0 <= now - self._unknown[key_id] < UNKNOWN_S:
                return None
            crowded = len(self._misses) == MAX_UNKNOWN_LOOKUPS and 0 <= now - self._misses[0] < UNKNOWN_LOOKUPS_S
        if crowded and not kept and key_id not in self._ids(now):
            return None
        found = self._keys.find(key_id)
        with self._lock:
            self._remember(key_id, found, now)
        return found

    def _ids(self, now: float) -> frozenset[str]:
        """Return the ids of all keys, as they were at most 30 s ago. Calls during a lookup wait for it.

        Raises the errors of the keys behind it, and Throttling where they failed less than a second ago.
        """
        with self._listing:
            listed_s, ids = self._listed
            if not 0 <= now - listed_s < UNKNOWN_S:
                self._listed = (now - UNKNOWN_S + FAILED_S, None)
                ids = self._keys.ids()
                self._listed = (now, ids)
            if ids is None:
                raise Throttling(reason="Too many unknown access keys were tried; try again in a few seconds.")
            return ids

    def _remember(self, key_id: str, found: AccessKey | None, now: float) -> None:
        """Store the result. `now` is the start of the lookup, so that a lookup that takes long keeps a revoked key no
        longer.
        """
        self._kept.pop(key_id, None)
        self._unknown.pop(key_id, None)
        if found:
            self._kept[key_id] = (now, found)
        else:
            self._unknown[key_id] = now
            self._misses.append(now)
        for kept in (self._kept, self._unknown):
            if len(kept) > MAX_CACHED:
                kept.popitem(last=False)
