"""Wiping the embedded store twice a day, so that what was deleted is out of its files in time."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from openrek.store.items import Contended, OutcomeUnknown, Put
from openrek.store.sqlite_items import SqliteItems
from openrek.store.table import deployment_key

WIPE_AFTER_S: Final = 11 * 3600.0
"""Deleted vectors leave items and blobs in half of the 24 hours that are promised, and the files in the other half."""


def wipe_if_due(items: SqliteItems, *, clock: Callable[[], float] = time.time) -> bool:
    """Wipe unless any process did within `WIPE_AFTER_S`; whether this one did. What was in the way is left to the next
    call. `clock` gives epoch seconds."""
    key = deployment_key("wiped")
    found = items.get(key)
    now_s = clock()
    if found is not None and 0.0 <= now_s - found.attributes["at_ms"] / 1000.0 < WIPE_AFTER_S:
        return False
    if not items.wipe():
        return False
    with suppress(Contended, OutcomeUnknown):  # then it is wiped again a little sooner
        items.transact([Put(key, {"at_ms": int(now_s * 1000)})])
    return True
