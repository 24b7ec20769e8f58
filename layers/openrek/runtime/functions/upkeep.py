"""The upkeep function: compaction, garbage collection, erasure.

Its event is `{}` from a schedule, for everything that is due, or `{"collection": "<id>"}` from a write that left a long
log.

It ends well before its time is over, and the next invocation does the remaining work. Being started twice does no harm.
"""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from openrek.runtime.functions.cold_start import seed_copies
from openrek.runtime.functions.gateway_event import Event
from openrek.runtime.parts.adapters import Adapters
from openrek.runtime.settings import Settings, SettingsError
from openrek.store.upkeep.upkeep import BUSY

RESERVE_MS: Final = 120_000
"""No step begins with less time left: the largest one reads and writes 256 MB."""

Result = dict[str, Any]


def serve_upkeep(settings: Settings | None = None) -> Callable[[Event, Any], Result]:
    """Return the Lambda handler. It raises errors of a collection, and Lambda then counts the invocation as failed.

    Raises SettingsError unless the settings name a table and a bucket.
    """
    settings = settings or Settings.of(os.environ)
    if settings.aws is None:
        raise SettingsError("OPENREK_TABLE and OPENREK_BUCKET are missing: upkeep needs a deployed store.")
    from aws_lambda_powertools.logging import Logger

    seed_copies()
    log = Logger(service="openrek", level="INFO", use_rfc3339=True)
    upkeep = Adapters(replace(settings, aws=replace(settings.aws, upkeep=None))).upkeep()  # it asks nobody else

    def handler(event: Event, context: Any) -> Result:
        began_s = time.perf_counter()
        collection_id = _collection_id(event)

        def should_stop() -> bool:
            remaining_ms: int = context.get_remaining_time_in_millis()
            return remaining_ms < RESERVE_MS

        try:
            done = (
                upkeep.sweep_until(should_stop) if collection_id is None else upkeep.compact(collection_id, should_stop)
            )
        except BUSY as busy:
            done = False
            log.warning("others were in the way", extra={"collection": collection_id, "kind": type(busy).__name__})
        ms = round(1000 * (time.perf_counter() - began_s), 1)
        facts = {"collection": collection_id, "done": done, "ms": ms, "function_request_id": context.aws_request_id}
        log.info("upkeep", extra=facts)
        return {"done": done}

    return handler


def _collection_id(event: Event) -> str | None:
    """Return the id of the event's collection, or None. Raises ValueError for anything else."""
    named = event.get("collection")
    if named is None or (isinstance(named, str) and 0 < len(named) <= 255):
        return named
    raise ValueError("An event names a collection by its id, or none.")
