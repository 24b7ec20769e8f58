"""The local server as an ASGI application: the guard, the page for people, the health check for scripts, and the API.

Knows nothing of sockets, of the environment or of what the operations need.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from types import MappingProxyType

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from openrek.domain.errors import Refusal, UnknownOperation
from openrek.runtime.server import page
from openrek.runtime.server.api import Api
from openrek.runtime.server.guard import Guard
from openrek.runtime.server.health import Health, timed_out
from openrek.runtime.server.lanes import Lane
from openrek.runtime.server.responses import SECURITY_HEADERS, response
from openrek.wire.door import HOW_TO_ASK, BoundOperation, Door
from openrek.wire.reply import refuse
from openrek.wire.scope import caller_by_scope
from openrek.wire.sigv4 import SigV4

QUICK_THREADS = 8
HEALTH_TIMEOUT_S = 5.0


def threads_of(workers: int) -> int:
    """Return the number of threads that an application has."""
    return workers + QUICK_THREADS + 1


class LocalApp:
    """The application over `operations` by API name; those named in `heavy` run inferences, `workers` at once.
    `touch_no_collection` and `implied`: see Door.

    With `signatures` every call must be signed. Strangers can then reach the server, so there is no page for them, and
    the health check says only yes or no. One check runs at a time, in a lane of its own, and its result goes to all
    requests for it that come meanwhile: however many these are, they delay neither calls nor probes.
    """

    def __init__(
        self,
        operations: Mapping[str, BoundOperation],
        heavy: Collection[str],
        *,
        examine: Callable[[], Health],
        workers: int,
        queue: int,
        touch_no_collection: Collection[str] = (),
        implied: Mapping[str, str] = MappingProxyType({}),
        signatures: SigV4 | None = None,
        health_timeout_s: float = HEALTH_TIMEOUT_S,
    ) -> None:
        self._operations = sorted(operations)
        self._examine = examine
        self._health_timeout_s = health_timeout_s
        self._signed = signatures is not None
        self._inference = Lane("inference", threads=workers, queue=queue)
        self._quick = Lane("quick calls", threads=QUICK_THREADS, queue=queue)
        self._health_lane = Lane("health", threads=1, queue=0)
        self._examination: asyncio.Task[Health] | None = None
        authenticate = signatures or caller_by_scope
        api = Api(
            Door(operations, authenticate=authenticate, touch_no_collection=touch_no_collection, implied=implied),
            heavy,
            inference=self._inference,
            quick=self._quick,
            examine=signatures.examine if signatures else lambda _: None,
        )
        page = [] if signatures else [Route("/", self._page, methods=["GET"])]
        routes = [
            *page,
            Route("/health", self._health, methods=["GET"]),
            Route("/{operation:path}", api, methods=["POST"]),
        ]
        app = Starlette(routes=routes, exception_handlers={Refusal: _refused, HTTPException: _not_found})
        self.asgi: ASGIApp = Guard(app, signed=self._signed)

    def close(self) -> None:
        """Wait for the work that is running."""
        self._inference.close()
        self._quick.close()
        self._health_lane.close()

    async def _page(self, request: Request) -> Response:
        url = f"http://{request.headers['host']}"
        html, policy = page.render(await self._current_health(), url, self._operations)
        return HTMLResponse(html, headers={**SECURITY_HEADERS, "content-security-policy": policy})

    async def _health(self, _: Request) -> Response:
        health = await self._current_health()
        content = {"ok": health.ok} if self._signed else asdict(health)
        return JSONResponse(content, 200 if health.ok else 503, SECURITY_HEADERS)

    async def _current_health(self) -> Health:
        if self._examination is None or self._examination.done():
            self._examination = asyncio.create_task(self._health_lane.run(self._examine))
        try:
            async with asyncio.timeout(self._health_timeout_s):
                return await asyncio.shield(self._examination)
        except TimeoutError:
            return timed_out(self._health_timeout_s)


async def _refused(_: Request, refusal: Exception) -> Response:
    return response(refuse(refusal if isinstance(refusal, Refusal) else Refusal()))


async def _not_found(_: Request, error: Exception) -> Response:
    """Return the reply for a path or a method that there is nothing for."""
    refused = response(refuse(UnknownOperation(reason=HOW_TO_ASK)))
    if isinstance(error, HTTPException):
        refused.status_code = error.status_code
        refused.headers.update(error.headers or {})
    return refused
