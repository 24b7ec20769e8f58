"""Many connections at once, through real sockets: who is answered, what stays open, and what is told to the log."""

import asyncio
import errno
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from openrek.domain.access_keys import new_access_key
from openrek.domain.caller import Caller
from openrek.domain.permissions import EVERYTHING
from openrek.runtime.keys.file_keys import FileKeys
from openrek.runtime.server.accepting import Accepting
from openrek.runtime.server.connection_limit import ConnectionLimit
from openrek.runtime.server.socket_server import listener
from tests.support.server import ServerProcess, client, soon, stub_server

ROOM = 40
SILENT = 300
Address = tuple[str, int]


class Stubs:
    """DetectFaces blocks until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.running = threading.Semaphore(0)

    def detect_faces(self, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        self.running.release()
        assert self.go.wait(30)
        return {"FaceDetails": []}

    def list_collections(self, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        return {"CollectionIds": []}


@pytest.fixture
def stubs() -> Stubs:
    return Stubs()


@pytest.fixture
def server(stubs: Stubs) -> Iterator[Address]:
    operations = {"ListCollections": stubs.list_collections, "DetectFaces": stubs.detect_faces}
    # A queue as the product has it: those who ask once must not fill it.
    with stub_server(operations, ["DetectFaces"], workers=ROOM, queue=128, room=ROOM) as address:
        yield address
        stubs.go.set()


def request(operation: str, body: bytes = b"{}") -> bytes:
    head = f"POST /{operation} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.1\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


DETECT = request("DetectFaces", b'{"Image": {"Bytes": "aGVsbG8="}}')


def opened(stack: ExitStack, server: Address, first: bytes = b"") -> socket.socket:
    connection = stack.enter_context(socket.create_connection(server, timeout=30))
    connection.sendall(first)
    return connection


def is_open(connection: socket.socket) -> bool:
    """Whether nothing came, not even its end."""
    connection.setblocking(False)
    try:
        return bool(connection.recv(1))
    except BlockingIOError:
        return True
    except ConnectionResetError:
        return False


def asked(connection: HTTPConnection) -> int:
    connection.request("POST", "/ListCollections", b"{}", {"Content-Type": "application/x-amz-json-1.1"})
    with connection.getresponse() as answer:
        answer.read()
        return answer.status


ONE_REQUEST = request("ListCollections")


@pytest.mark.parametrize("first", [b"", b"POST / HTTP/1.1\r\nHost: loc", ONE_REQUEST])
def test_whoever_asks_is_answered_however_many_say_nothing(server: Address, first: bytes) -> None:
    with ExitStack() as stack:
        kept = stack.enter_context(closing(HTTPConnection(*server, timeout=30)))
        assert asked(kept) == 200
        kept.auto_open = 0
        for _ in range(SILENT // 10):
            for _ in range(10):
                opened(stack, server, first)
            assert asked(kept) == 200
            with closing(HTTPConnection(*server, timeout=30)) as new:
                assert asked(new) == 200


def test_those_who_say_nothing_go_oldest_first_and_never_more_stay_than_there_are_places(server: Address) -> None:
    with ExitStack() as stack:
        connections = [opened(stack, server) for _ in range(SILENT)]
        assert soon(lambda: sum(map(is_open, connections)) <= ROOM)
        found = list(map(is_open, connections))
        assert found == sorted(found)
        assert sum(found) >= ROOM - ROOM // 8


def test_what_is_being_answered_is_answered(server: Address, stubs: Stubs) -> None:
    with ExitStack() as stack:
        asking = [opened(stack, server, DETECT) for _ in range(ROOM // 2)]
        for _ in asking:
            assert stubs.running.acquire(timeout=30)
        for _ in range(SILENT):
            opened(stack, server)
        stubs.go.set()
        assert all(connection.recv(65536).startswith(b"HTTP/1.1 200 ") for connection in asking)


def test_when_all_ask_something_the_next_is_hung_up_on(server: Address, stubs: Stubs) -> None:
    with ExitStack() as stack:
        asking = [opened(stack, server, DETECT) for _ in range(ROOM)]
        for _ in asking:
            assert stubs.running.acquire(timeout=30)
        assert opened(stack, server).recv(1) == b""
        stubs.go.set()
        assert all(connection.recv(65536).startswith(b"HTTP/1.1 200 ") for connection in asking)
        with closing(HTTPConnection(*server, timeout=30)) as new:
            assert asked(new) == 200


def test_who_was_refused_and_still_sends_makes_place(server: Address) -> None:
    refused = b"POST /DetectFaces HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(ROOM):
            assert opened(stack, server, refused).recv(65536).startswith(b"HTTP/1.1 400 ")
        with closing(HTTPConnection(*server, timeout=30)) as new:
            assert asked(new) == 200


class Exhausted:
    """A listening socket of a process that can open no file; a moment later it can."""

    def __init__(self, listening: socket.socket, failures: int) -> None:
        self.listening = listening
        self.failures = failures

    def fileno(self) -> int:
        return self.listening.fileno()

    def accept(self) -> tuple[socket.socket, Any]:
        if self.failures:
            self.failures -= 1
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return self.listening.accept()


def test_what_keeps_connections_out_is_told_once_a_second_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    async def meet(listening: Any, address: Address) -> None:
        made = asyncio.Event()

        class Made(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                made.set()
                transport.close()

        accepting = Accepting(listening, Made, ConnectionLimit(ROOM))
        _, writer = await asyncio.open_connection(*address)
        await made.wait()
        writer.close()
        accepting.close()
        await asyncio.sleep(0.01)

    with listener("127.0.0.1", 0) as bound, caplog.at_level(logging.WARNING):
        bound.setblocking(False)
        bound.listen()
        asyncio.run(meet(Exhausted(bound, failures=3), bound.getsockname()))
    assert caplog.messages == ["no connection can be taken: Too many open files (0 are open)"]
    assert caplog.records[0].exc_info is None


def limited(files: int, *arguments: str) -> list[str]:
    """A command that runs Python with at most so many files open."""
    code = "import os, resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]),) * 2); "
    return [
        sys.executable,
        "-c",
        f"{code}os.execv(sys.executable, sys.argv[2:])",
        str(files),
        sys.executable,
        *arguments,
    ]


@pytest.mark.parametrize("signed", [False, True])
def test_few_files_are_enough_for_a_few_clients_beside_many_who_say_nothing(
    tmp_path: Path, weights_folder: Path, photos: dict[str, bytes], signed: bool
) -> None:
    key = None
    if signed:
        key = new_access_key(EVERYTHING, now_s=0.0)
        FileKeys(tmp_path / "keys.json").add(key)
    server = ServerProcess(
        tmp_path, weights_folder, ["--keys"] if signed else [], python=limited(64), OPENREK_WORKERS="1"
    )
    try:
        place = server.url.removeprefix("http://").split(":")
        # As users have them: an idle connection may be closed just when the next request is sent, and SDKs try again.
        clients = [client(server.url, key, retries={"mode": "standard"}) for _ in range(4)]
        clients[0].create_collection(CollectionId="staff")
        clients[0].index_faces(CollectionId="staff", Image={"Bytes": photos["obama.jpg"]})
        with ExitStack() as stack:
            for _ in range(10):
                for _ in range(SILENT // 10):
                    opened(stack, (place[0], int(place[1])))
                for each in clients:
                    assert each.list_collections()["CollectionIds"] == ["staff"]
            image = {"Bytes": photos["obama2.jpg"]}
            assert clients[0].search_faces_by_image(CollectionId="staff", Image=image)["FaceMatches"]
            assert len(os.listdir(f"/proc/{server.process.pid}/fd")) <= 64
    finally:
        ended = server.stop()
    assert ended == (0, "")


def test_with_too_few_files_the_server_says_so_and_does_not_start(tmp_path: Path) -> None:
    command = limited(40, "-m", "openrek.runtime.cli.main", "serve", "--port", "0", "--data", str(tmp_path))
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OPENREK_WORKERS": "1"})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "Error: This process may have only 40 files open, and openrek needs 52 for itself and at least 4 for "
        "connections; raise the limit (ulimit -n 56, or more).\n"
    )


ROOMS = """
import resource
from openrek.runtime.server.open_files import room_for_connections
resource.setrlimit(resource.RLIMIT_NOFILE, (200, 1000))
print(room_for_connections(10), *resource.getrlimit(resource.RLIMIT_NOFILE))
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
print(room_for_connections(10))
"""


def test_the_server_lets_itself_open_as_many_files_as_it_may() -> None:
    told = subprocess.run([sys.executable, "-c", ROOMS], check=True, stdout=subprocess.PIPE, text=True).stdout
    assert told == "500 1000 1000\n18\n"
