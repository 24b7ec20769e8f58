"""Vacuums of the embedded store, twice a day at most, so that deleted data is out of its files in time."""

from contextlib import suppress
from typing import Final

from openrek.domain.clock import SYSTEM_CLOCK, Clock
from openrek.domain.errors import StoreUnavailable
from openrek.store.items.port import Contended, OutcomeUnknown, Put
from openrek.store.items.sqlite import SqliteItems
from openrek.store.log.keys import deployment_key

VACUUM_AFTER_S: Final = 11 * 3600.0
"""Deleted vectors leave items and blobs in half of the 24 hours that are promised, and the files in the other half."""

AGAIN_AFTER_S: Final = 3600.0
"""After an attempt that failed: the disk is too small for the copy, or somebody reads without a pause."""


def vacuum_if_due(items: SqliteItems, *, clock: Clock = SYSTEM_CLOCK) -> bool:
    """Vacuum the database if that was requested since the last time, which must be `VACUUM_AFTER_S` ago, or
    `AGAIN_AFTER_S` if it came to nothing; return whether this call did it.

    Raises apsw.Error when the disk is full.
    """
    key = deployment_key("wiped")
    requests = items.vacuum_requests()  # before the vacuum: requests that come meanwhile remain for the next
    found = items.get(key)
    now_s = clock.now_s()
    if found is not None:
        last = found.attributes
        wait_s = VACUUM_AFTER_S if last.get("done", True) else AGAIN_AFTER_S
        if last.get("forgotten") == requests or 0.0 <= now_s - last["at_ms"] / 1000.0 < wait_s:
            return False
    done = False
    try:
        done = items.vacuum()
    finally:
        outcome = {"done": True, "forgotten": requests} if done else {"done": False}
        with suppress(Contended, OutcomeUnknown, StoreUnavailable):  # then it is wiped again a little sooner
            items.transact([Put(key, {"at_ms": int(now_s * 1000), **outcome})])
    return done
