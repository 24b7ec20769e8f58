"""The local server's socket and its event loop, from start to graceful stop."""

import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread

import uvicorn
from starlette.types import ASGIApp

from openrek.runtime.connection import BoundedConnection
from openrek.runtime.guard import is_loopback
from openrek.runtime.settings import SettingsError
from openrek.runtime.stopping import signals_to

KEEP_ALIVE_S = 75
GRACEFUL_STOP_S = 30
BACKLOG = 1024
UNSENT_BYTES = 64 * 1024
"""The kernel takes so much before the client does: whoever reads slowly costs little, and that it reads shows soon."""
MAX_CONNECTIONS = 2048


class LocalServer(uvicorn.Server):
    """uvicorn's server; a signal stops it gracefully and is then done with, so that the process ends with 0.

    `ready` is called when connections are accepted.
    """

    def __init__(
        self,
        app: ASGIApp,
        ready: Callable[[], None] = lambda: None,
        *,
        connection: type[BoundedConnection] = BoundedConnection,
    ) -> None:
        self._ready = ready
        super().__init__(
            uvicorn.Config(
                app,
                http=connection,
                loop="asyncio",
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=GRACEFUL_STOP_S,
                limit_concurrency=room_for_connections(),
                backlog=BACKLOG,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if current_thread() is not main_thread():  # only the main thread gets signals
            yield
            return
        with signals_to(self.handle_exit):
            yield


def room_for_connections() -> int:
    """How many connections may be open: at most half of the files that this process may have open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MAX_CONNECTIONS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return MAX_CONNECTIONS if soft == resource.RLIM_INFINITY else min(MAX_CONNECTIONS, soft // 2)


def listener(host: str, port: int, *, signed: bool = False) -> socket.socket:
    """A socket bound to the address; port 0 takes a free one. Unless requests are `signed`, only to a loopback address.

    Raises SettingsError.
    """
    if not signed and not is_loopback(host):
        raise SettingsError(
            f"openrek does not serve {host}: without access keys it answers only this machine (127.0.0.1)."
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named by its protocol, because asyncio turns off Nagle's algorithm only then; else each answer waits 40 ms.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)  # of the connections, too
    try:
        bound.bind((host, port))
    except (OSError, OverflowError) as error:
        bound.close()
        reason = error.strerror if isinstance(error, OSError) else "there is no such port"
        raise SettingsError(f"The address {host} port {port} cannot be used: {reason}.") from None
    return bound


def url_of(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
