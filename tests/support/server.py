"""Servers for tests: the real one as a process of its own, and one over stub operations in a thread."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from openrek.domain.access_keys import AccessKey
from openrek.runtime.server.app import LocalApp
from openrek.runtime.server.connection import BoundedConnection
from openrek.runtime.server.health import Health
from openrek.runtime.server.open_files import room_for_connections
from openrek.runtime.server.socket_server import LocalServer, listener, url_of
from openrek.wire.door import BoundOperation
from openrek.wire.sigv4 import SigV4

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient

HEALTHY = Health(ok=True, store="reachable", search="fast", models="loaded", version="0")


def client(
    url: str, key: AccessKey | None = None, session: boto3.Session | None = None, **options: Any
) -> "RekognitionClient":
    """Return a stock boto3 client of the server at `url`, which does not retry unless `options` say so.

    Without a `key` its signature is worth nothing.
    """
    settings = {"retries": {"total_max_attempts": 1}, "max_pool_connections": 64, **options}
    return (session or boto3).client(
        "rekognition",
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id=key.key_id if key else "any",
        aws_secret_access_key=key.secret if key else "any",
        config=Config(**settings),
    )


class ServerProcess:
    """`openrek serve` on a free port, as a user runs it."""

    def __init__(
        self,
        data: Path,
        weights: Path | None = None,
        arguments: Sequence[str] = (),
        *,
        python: Sequence[str] = (sys.executable,),
        only: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        **environ: str,
    ) -> None:
        """Start it with the variables of this process, or with those of `only`, and with `environ`."""
        environment = {**(os.environ if only is None else only), **environ}
        if weights is not None:
            environment["OPENREK_WEIGHTS"] = str(weights)
        command = [*python, "-m", "openrek.runtime.cli.main", "serve", "--port", "0", "--data", str(data)]
        command += arguments
        self.process = subprocess.Popen(
            command, env=environment, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        first_line = self.process.stdout.readline()
        place = re.search(r"https?://\S+", first_line)
        if place is None:
            _, errors = self.process.communicate(timeout=30)
            raise AssertionError(f"the server did not start: {first_line}{errors}")
        self.url = place[0]

    def stop(self, number: signal.Signals = signal.SIGTERM, timeout_s: float = 40) -> tuple[int, str]:
        """Stop the process; return the exit code and its stderr."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=timeout_s)
        return self.process.returncode, errors


@pytest.fixture(scope="session")
def live_server(weights_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the URL of the real server over an empty data folder, shared by all tests of the run."""
    server = ServerProcess(tmp_path_factory.mktemp("data"), weights_folder)
    yield server.url
    code, errors = server.stop()
    assert (code, errors) == (0, "")


@pytest.fixture(scope="session")
def rekognition(live_server: str) -> "RekognitionClient":
    return client(live_server)


@contextmanager
def stub_server(
    operations: Mapping[str, BoundOperation],
    heavy: Collection[str] = (),
    *,
    examine: Callable[[], Health] = lambda: HEALTHY,
    workers: int = 1,
    queue: int = 2,
    connection: type[BoundedConnection] = BoundedConnection,
    room: int | None = None,
    signatures: SigV4 | None = None,
    **more: Any,
) -> Iterator[tuple[str, int]]:
    """Yield host and port of the real HTTP server over stub operations; `more` is for LocalApp."""
    app = LocalApp(operations, heavy, examine=examine, workers=workers, queue=queue, signatures=signatures, **more)
    with app_server(app, connection, room) as address:
        yield address


@contextmanager
def app_server(
    app: LocalApp, connection: type[BoundedConnection] = BoundedConnection, room: int | None = None
) -> Iterator[tuple[str, int]]:
    """Host and port of the real HTTP server over an application, which is closed in the end."""
    bound = listener("127.0.0.1", 0)
    server = LocalServer(app.asgi, connection=connection, room=room or room_for_connections(0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    url = url_of(bound)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    host, port = url.removeprefix("http://").split(":")
    try:
        yield host, int(port)
    finally:
        server.should_exit = True
        thread.join(timeout=60)
        app.close()
        assert not thread.is_alive()


def soon(happens: Callable[[], bool]) -> bool:
    """Return True as soon as `happens` does; False after 10 s."""
    deadline_s = time.monotonic() + 10
    while not happens():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.02)
    return True
