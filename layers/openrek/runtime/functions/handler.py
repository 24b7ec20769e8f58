"""An operation as an AWS Lambda function behind API Gateway: proxy event in, proxy response out.

The event says what the caller sent; the door does the rest, exactly as in the local server. What can be made before the
first event is made while the function starts: then it has more of the processor, and a snapshot can keep it.
"""

import os
import time
from collections.abc import Callable, Collection
from typing import Any, TypeAlias

from openrek.domain.errors import SerializationError
from openrek.domain.ports import Collections
from openrek.operations.registry import (
    OPERATIONS,
    TOUCH_NO_COLLECTION,
    Operation,
    OperationFunction,
    implied_collections,
    row_of,
)
from openrek.runtime.functions.gateway_event import Event, Handler, request_of, response_of
from openrek.runtime.functions.invocation_notes import Notes, noted
from openrek.runtime.functions.prefetch import AheadCollections
from openrek.runtime.parts.adapters import Adapters, bind, needs
from openrek.runtime.parts.lazy import Lazy
from openrek.runtime.settings import Settings, SettingsError
from openrek.wire.door import Door
from openrek.wire.http import HttpReply
from openrek.wire.reply import refuse

OnReply: TypeAlias = Callable[[Notes, HttpReply, Any, float], None]
"""`on_reply(notes, reply, context, ms)`, once an invocation is answered."""


def serve(operation: OperationFunction, settings: Settings | None = None) -> Handler:
    """Return the Lambda handler of one operation, by default with the settings of the environment.

    Raises SettingsError for settings that it cannot work with: that is for the operator's log.
    """
    settings = settings or _environment()
    row = row_of(operation)
    notes = Notes()
    adapters = Adapters(settings, on_scan=notes.scan)
    ports = needs(operation)
    on_reply = _begin(row, ports, adapters, settings)
    bound = noted(bind(operation, adapters, row.packs, **_ahead(row, ports, adapters)), notes, row.listed)
    door = Door(
        {row.name: bound},
        authenticate=adapters.authenticate(),
        elsewhere=OPERATIONS.__contains__,
        touch_no_collection=TOUCH_NO_COLLECTION,
        implied=implied_collections(settings.celebrities.collection_id),
    )

    def handler(event: Event, context: Any) -> dict[str, Any]:
        began_s = time.perf_counter()
        notes.clear()
        try:
            reply = door.respond(request_of(event))
        except ValueError:
            reply = refuse(SerializationError(reason="The event's body is not base64."))
        if on_reply is not None:
            on_reply(notes, reply, context, 1000 * (time.perf_counter() - began_s))
        return response_of(reply)

    return handler


def _environment() -> Settings:
    settings = Settings.of(os.environ)
    if settings.aws is None and settings.data is None:
        raise SettingsError("Set OPENREK_TABLE and OPENREK_BUCKET, or OPENREK_DATA: there is no place for the data.")
    return settings


def _ahead(row: Operation, ports: Collection[str], adapters: Adapters) -> dict[str, Lazy[Collections]]:
    """Return a Collections part that opens the collection while the photo is read, where a search follows."""
    if not (row.infers and {"collections", "search"} <= set(ports)):
        return {}
    return {
        "collections": Lazy(
            lambda: AheadCollections(adapters.collections(), lambda found: adapters.search().prepare(found))
        )
    }


def _begin(row: Operation, ports: Collection[str], adapters: Adapters, settings: Settings) -> OnReply | None:
    """Make the parts and return the telemetry; on a developer's machine make nothing before its first use, and return
    None.
    """
    if settings.aws is None:
        return None
    from openrek.runtime.functions.cold_start import start
    from openrek.runtime.functions.telemetry import Telemetry

    start(row, ports, adapters)
    return Telemetry(row, cold=not settings.aws.provisioned)
