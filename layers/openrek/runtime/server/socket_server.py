"""The local server's socket and its event loop, from start to graceful stop."""

import asyncio
import logging
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import current_thread, main_thread
from typing import cast

import uvicorn
from starlette.types import ASGIApp

from openrek.runtime.server.accepting import Accepting
from openrek.runtime.server.connection import BoundedConnection
from openrek.runtime.server.connection_limit import ConnectionLimit
from openrek.runtime.server.guard import is_loopback
from openrek.runtime.server.signals import signals_to
from openrek.runtime.settings import SettingsError

KEEP_ALIVE_S = 75
GRACEFUL_STOP_S = 30
BACKLOG = 4096
"""Of those who come at once nobody should be dropped, for they would try again only after a second. The kernel may
take fewer."""
UNSENT_BYTES = 64 * 1024
"""The kernel takes so much before the client does: a slow reader costs little memory, and shows soon that it reads."""


class LocalServer(uvicorn.Server):
    """uvicorn's server; a signal stops it gracefully and is then done with, so that the process ends with 0.

    `ready` is called when connections are accepted; at most `room` may be open. They speak `tls` if that is given.
    """

    def __init__(
        self,
        app: ASGIApp,
        ready: Callable[[], None] = lambda: None,
        *,
        room: int,
        connection: type[BoundedConnection] = BoundedConnection,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._ready = ready
        self._tls = tls
        self._limit = ConnectionLimit(room)
        self._make = connection
        super().__init__(
            uvicorn.Config(
                app,
                http=connection,
                loop="asyncio",
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                log_level=logging.ERROR,  # its warnings are about mistakes of strangers, who can make any number
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=GRACEFUL_STOP_S,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections with `Accepting`, where uvicorn's own method would let asyncio do it."""
        for each in sockets or []:
            each.setblocking(False)
            each.listen(BACKLOG)
        accepting = [Accepting(each, self._connection, self._limit, self._tls) for each in sockets or []]
        self.servers = cast("list[asyncio.base_events.Server]", accepting)
        self.started = True
        self._ready()

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Run until a signal, on the event loop that `Accepting` needs, which on Windows is not the usual one."""
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(self.serve(sockets=sockets))

    def _connection(self) -> BoundedConnection:
        return self._make(self._limit, config=self.config, server_state=self.server_state, app_state={})

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if current_thread() is not main_thread():  # only the main thread gets signals
            yield
            return
        with signals_to(self.handle_exit):
            yield


def tls_of(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return what a server needs to speak TLS (1.2 or later). Raises SettingsError."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        tls.load_cert_chain(certificate, key, password=_no_password)
    except OSError as error:
        unreadable = isinstance(error, FileNotFoundError | PermissionError)
        why = error.strerror if unreadable else "they are no certificate with its key"
        raise SettingsError(f"The certificate {certificate} and the key {key} cannot be used: {why}.") from None
    return tls


def _no_password() -> str:
    raise SettingsError("The key of the certificate has a password; openrek needs one without.")


def listener(host: str, port: int, *, anywhere: bool = False) -> socket.socket:
    """Return a socket bound to the address; port 0 takes a free one.

    Only to a loopback address, unless `anywhere`. Raises SettingsError.
    """
    if not anywhere and not is_loopback(host):
        raise SettingsError(
            f"openrek does not serve {host}: without access keys it answers only this machine (127.0.0.1)."
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named by its protocol, because asyncio turns off Nagle's algorithm only then; else each answer waits 40 ms.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if sys.platform != "win32":
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)  # of the connections, too
    try:
        bound.bind((host, port))
    except (OSError, OverflowError) as error:
        bound.close()
        reason = error.strerror if isinstance(error, OSError) else "there is no such port"
        raise SettingsError(f"The address {host} port {port} cannot be used: {reason}.") from None
    return bound


def url_of(bound: socket.socket, *, tls: bool = False) -> str:
    host, port = bound.getsockname()[:2]
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return f"{'https' if tls else 'http'}://{place}"
