"""The API of the local server: from an ASGI request through the door to an ASGI response.

In order: count the requests, check the caller as far as the head shows it, find the operation, check the size, read the
body, queue in the operation's lane, respond. Refusals come before the body is read wherever they can.
"""

import asyncio
from collections.abc import Callable, Collection

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from openrek.domain.errors import Refusal, Throttling
from openrek.runtime.server.bodies import BodyBudget, ClientGone, read_body, wait_for_disconnect
from openrek.runtime.server.lanes import Lane
from openrek.runtime.server.responses import early, response
from openrek.wire.door import Door
from openrek.wire.http import HttpReply, HttpRequest, headers_of
from openrek.wire.limits import body_too_large, max_body_bytes
from openrek.wire.reply import refuse

MAX_REQUESTS = 1024
MAX_BODIES_BYTES = 512 * 1024 * 1024


class Api:
    """ASGI app. Operations named in `heavy` run in the inference lane, all others in the quick one.

    `examine` raises a Refusal for a request whose head alone shows that it comes from nobody with permission, so that
    strangers can neither have bodies read nor take places in a lane. It must be quick.
    """

    def __init__(
        self,
        door: Door,
        heavy: Collection[str],
        *,
        inference: Lane,
        quick: Lane,
        examine: Callable[[HttpRequest], object] = lambda _: None,
    ) -> None:
        self._door = door
        self._examine = examine
        self._heavy = frozenset(heavy)
        self._inference = inference
        self._quick = quick
        self._budget = BodyBudget(MAX_BODIES_BYTES)
        self._open_requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._open_requests += 1
        try:
            result = await self._respond(scope, receive)
        except Refusal as refusal:
            result = early(refusal)
        except ClientGone:
            return
        finally:
            self._open_requests -= 1
        await result(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive) -> Response:
        if self._open_requests > MAX_REQUESTS:
            raise Throttling(reason=f"{MAX_REQUESTS} requests are already being answered.")
        headers = headers_of((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
        head = HttpRequest(scope["method"], _target(scope), headers, b"")
        self._examine(head)
        operation = self._door.target(head)
        limit = max_body_bytes(self._door.model, operation)
        declared = headers.get("content-length")
        size = int(declared) if declared is not None else limit
        too_large = body_too_large(self._door.model, operation)
        if size > limit:
            raise too_large
        with self._budget.hold(size):
            body = await read_body(receive, limit, too_large)
            request = HttpRequest(head.method, head.path, headers, body)
            lane = self._inference if operation in self._heavy else self._quick
            try:
                return response(await _run(lane, self._door, request, receive))
            except Throttling as full:
                return response(refuse(full))


async def _run(lane: Lane, door: Door, request: HttpRequest, receive: Receive) -> HttpReply:
    """Return the door's reply, made in the lane.

    Raises Throttling, or ClientGone when the client hangs up while it waits.
    """
    working = asyncio.create_task(lane.run(lambda: door.respond(request)))
    leaving = asyncio.create_task(wait_for_disconnect(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGone
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()


def _target(scope: Scope) -> str:
    """Return path and query as on the request line, as they were signed."""
    path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path
