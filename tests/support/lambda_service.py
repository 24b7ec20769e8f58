"""AWS Lambda on this machine: the Invoke API over HTTP, and packaged functions behind it, each in its own process."""

import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from infra.functions import OPERATIONS, ROUTER, UPKEEP, Function
from tests.support.runtime_api import FunctionDied, FunctionProcess, FunctionResponse, QuietServer

PAYLOAD_BYTES: Final = 6_291_556
INVOKE: Final = re.compile(r"/2015-03-31/functions/(?P<name>[^/]+)/invocations")
ROWS: Final = {row.name: row for row in (*OPERATIONS, ROUTER, UPKEEP)}


@dataclass(frozen=True, slots=True)
class Refused(Exception):
    """A refusal of the call by Lambda itself."""

    status: int
    code: str


@dataclass
class LambdaService:
    """Functions of one deployment, `openrek-<Name>:live`; each starts when it is first called."""

    package: Path
    """What `infra.package` made."""
    runtime: Path
    logs: Path
    environ: Mapping[str, str]
    """Of every function; what differs is added."""
    calls: list[tuple[str, str]] = field(default_factory=list)
    """(function, kind of invocation), in the order of arrival."""
    refusals: list[Refused] = field(default_factory=list)
    """The next calls from outside are answered with these."""

    def __post_init__(self) -> None:
        self._processes: dict[str, FunctionProcess] = {}
        self._locks: dict[str, threading.Lock] = {name: threading.Lock() for name in ROWS}
        self._later = ThreadPoolExecutor(1, "later")
        self._server = QuietServer(("127.0.0.1", 0), _handler(self._called))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def row(self, folder: str) -> Function:
        return next(row for row in ROWS.values() if row.folder == folder)

    def invoke(self, name: str, event: object) -> FunctionResponse:
        """Call the function by its row's name. Raises FunctionDied."""
        payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        with self._locks[name]:
            if name not in self._processes:
                self._processes[name] = self.start(ROWS[name])
            return self._processes[name].invoke(payload, ROWS[name].timeout_s)

    def start(
        self,
        row: Function,
        *,
        folder: Path | None = None,
        layers: Sequence[Path] | None = None,
        without: str = "",
        **more: str,
    ) -> FunctionProcess:
        """Start one more execution environment of the function, or of the package in `folder` with these `layers`.

        Its variables are those of the function, `without` one and with `more`.
        """
        packaged = self.package / "functions" / row.folder
        own = [self.package / "layers" / layer for layer in row.all_layers]
        environ = {**self.environment(row), **more}
        environ.pop(without, None)
        log = self.logs / f"{row.folder}.log"
        return FunctionProcess(folder or packaged, own if layers is None else layers, self.runtime, log, environ)

    def forget(self, name: str) -> None:
        """Make the next call start the function anew."""
        if name in self._processes:
            self._processes.pop(name).stop()

    def log(self, name: str) -> str:
        """Return the function's log so far."""
        file = self.logs / f"{ROWS[name].folder}.log"
        return file.read_text("utf-8") if file.is_file() else ""

    def settle(self) -> None:
        """Return when every call that nobody waits for has ended."""
        self._later.submit(lambda: None).result()

    def close(self) -> None:
        self._later.shutdown()
        for process in self._processes.values():
            process.stop()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def environment(self, row: Function) -> dict[str, str]:
        """Return the function's variables, as the CDK application sets them."""
        environ = {**self.environ, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(row.memory_mb)}
        environ |= {"AWS_ENDPOINT_URL_LAMBDA": self.url}
        if row.weights:
            environ["OPENREK_WEIGHTS"] = str(self.package / "layers" / row.all_layers[-1] / "weights")
        if row is not UPKEEP:
            environ["OPENREK_UPKEEP"] = f"openrek-{UPKEEP.name}:live"
        if row is ROUTER:
            environ["OPENREK_FUNCTIONS"] = "openrek-{operation}:live"
        return environ

    def _called(self, function: str, kind: str, payload: bytes) -> FunctionResponse | None:
        """Call the function; return None for a call that nobody waits for. Raises Refused."""
        self.calls.append((function, kind))
        if self.refusals:
            raise self.refusals.pop(0)
        if len(payload) > PAYLOAD_BYTES:
            raise Refused(413, "RequestTooLargeException")
        name = function.removeprefix("openrek-").removesuffix(":live")
        if name not in ROWS or not (self.package / "functions" / ROWS[name].folder).is_dir():
            raise Refused(404, "ResourceNotFoundException")
        if kind == "Event":
            self._later.submit(self.invoke, name, payload)
            return None
        try:
            return self.invoke(name, payload)
        except FunctionDied as died:
            return FunctionResponse(json.dumps({"errorMessage": str(died)}).encode(), "Runtime.ExitError")


def _handler(called: Callable[[str, str, bytes], FunctionResponse | None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_: object) -> None: ...

        def do_POST(self) -> None:
            payload = self.rfile.read(int(self.headers["Content-Length"]))
            found = INVOKE.fullmatch(unquote(self.path))
            assert found is not None, self.path
            try:
                response = called(found["name"], self.headers["X-Amz-Invocation-Type"], payload)
            except Refused as refused:
                self._say(refused.status, b"{}", {"x-amzn-ErrorType": refused.code})
                return
            if response is None:
                self._say(202, b"", {})
            else:
                error = {"X-Amz-Function-Error": "Unhandled"} if response.error else {}
                self._say(200, response.payload, error)

        def _say(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
