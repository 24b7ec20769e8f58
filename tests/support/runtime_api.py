"""A packaged function as Lambda runs it: under awslambdaric, in a process that sees its own folder, its layers and the
contents of Lambda's runtime, and nothing of the source tree or of the tests' environment.

The Runtime API is AWS's (2018-06-01): the process asks for the next event and posts its response.
"""

import importlib.util
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

RUNTIME_MODULES = ("awslambdaric", "runtime_client", "snapshot_restore_py", "simplejson")
ROOT = "/2018-06-01/runtime"


@dataclass(frozen=True, slots=True)
class FunctionResponse:
    """The response of a function.

    `error` is the type of an exception that the handler raised, and `payload` then describes it.
    """

    payload: bytes
    error: str | None = None

    @property
    def json(self) -> Any:
        return json.loads(self.payload)


class FunctionDied(Exception):
    """The process ended, or could not start; the text is its output."""


class QuietServer(ThreadingHTTPServer):
    """A server that prints no error when a process that waits for an event is stopped and so hangs up."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class ApiHandler(BaseHTTPRequestHandler):
    """The HTTP side of the Runtime API: bodies in, chunked or not, and responses out."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None: ...

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _say(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class RuntimeApi:
    """One process's side of Lambda: `invoke` sends it an event and waits for the response."""

    def __init__(self) -> None:
        self._events: queue.Queue[tuple[str, bytes, int]] = queue.Queue()
        self._responses: dict[str, queue.Queue[FunctionResponse]] = {}
        self.snapshot = threading.Event()
        self.restored = threading.Event()
        self.failed_start: queue.Queue[FunctionResponse] = queue.Queue()
        self._server = QuietServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.address = f"127.0.0.1:{self._server.server_port}"

    def ask(self, event: bytes, timeout_s: float) -> "queue.Queue[FunctionResponse]":
        request_id = str(uuid4())
        response: queue.Queue[FunctionResponse] = queue.Queue()
        self._responses[request_id] = response
        self._events.put((request_id, event, int((time.time() + timeout_s) * 1000)))
        return response

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(ApiHandler):
            def do_GET(self) -> None:
                if self.path == f"{ROOT}/restore/next":
                    api.snapshot.set()
                    api.restored.wait()
                    return self._say(200, b"")
                request_id, event, deadline_ms = api._events.get()
                return self._say(
                    200,
                    event,
                    {
                        "Content-Type": "application/json",
                        "Lambda-Runtime-Aws-Request-Id": request_id,
                        "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
                        "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:f",
                        "Lambda-Runtime-Trace-Id": "Root=1-0-0;Sampled=0",
                    },
                )

            def do_POST(self) -> None:
                payload = self._body()
                error = self.headers.get("Lambda-Runtime-Function-Error-Type")
                if self.path == f"{ROOT}/init/error":
                    api.failed_start.put(FunctionResponse(payload, error))
                else:
                    *_, request_id, kind = self.path.split("/")
                    said = FunctionResponse(payload, None if kind == "response" else json.loads(payload)["errorType"])
                    api._responses.pop(request_id).put(said)
                self._say(202, b"{}")

        return Handler


class FunctionProcess:
    """One execution environment of a function. `folders` come first on its path, in this order."""

    def __init__(
        self, folder: Path, layers: Sequence[Path], runtime: Path, log: Path, environ: Mapping[str, str]
    ) -> None:
        """Start the process and wait for nothing.

        `runtime` holds the contents of Lambda's runtime; `log` is written to.
        """
        self._api = RuntimeApi()
        self._log = log
        path = [folder, *(layer / "python" for layer in layers), runtime]
        with log.open("ab") as sink:
            self.process = subprocess.Popen(
                [base_python(), "-S", "-m", "awslambdaric", "handler.handler"],
                cwd=folder,
                env={
                    "PATH": os.environ["PATH"],
                    "PYTHONPATH": os.pathsep.join(map(str, path)),
                    "PYTHONDONTWRITEBYTECODE": "1",
                    "AWS_LAMBDA_RUNTIME_API": self._api.address,
                    "AWS_LAMBDA_FUNCTION_NAME": folder.name,
                    "LAMBDA_TASK_ROOT": str(folder),
                    **environ,
                },
                stdout=sink,
                stderr=subprocess.STDOUT,
            )

    def invoke(self, event: bytes, timeout_s: float = 60.0) -> FunctionResponse:
        """Send an event and return the response; the function sees `timeout_s` as its time. Raises FunctionDied."""
        self._api.restored.set()
        response = self._api.ask(event, timeout_s)
        while True:
            try:
                return response.get(timeout=0.2)
            except queue.Empty:
                if self.process.poll() is not None:
                    raise FunctionDied(self._log.read_text("utf-8")) from None

    def await_snapshot(self, timeout_s: float = 60.0) -> None:
        """Return when the function is ready for a snapshot; it goes on at `invoke`."""
        assert self._api.snapshot.wait(timeout_s)

    def connections(self) -> int:
        """Return the TCP connections of the process, but for the one to the Runtime API."""
        own = {os.readlink(link) for link in Path(f"/proc/{self.process.pid}/fd").iterdir()}
        inodes = {name.removeprefix("socket:[").removesuffix("]") for name in own if name.startswith("socket:")}
        port = f":{int(self._api.address.rpartition(':')[2]):04X}"
        lines = [line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]]
        return sum(line[9] in inodes and not line[2].endswith(port) for line in lines)

    def failure_to_start(self, timeout_s: float = 60.0) -> FunctionResponse:
        """Return the error that the process posts when its module cannot be imported."""
        return self._api.failed_start.get(timeout=timeout_s)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)
        self._api.close()


def base_python() -> str:
    """Return the interpreter without this environment's packages."""
    found: str = getattr(sys, "_base_executable", sys.executable)
    return found


@contextmanager
def runtime_folder(folder: Path, brought: Path) -> Iterator[Path]:
    """Yield a folder with the runtime client and the packages in `brought`, which Lambda has beside it."""
    folder.mkdir()
    for package in brought.iterdir():
        (folder / package.name).symlink_to(package)
    for name in RUNTIME_MODULES:
        spec = importlib.util.find_spec(name)
        assert spec is not None, name
        assert spec.origin is not None, name
        origin = Path(spec.origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        (folder / source.name).symlink_to(source)
    yield folder
