"""API Gateway's HTTP API on this machine, in front of packaged functions: the routes of the CDK application.

It treats requests as the real one does, as far as that is known: headers arrive as they were sent, the path has no
stage in it, and bodies of a type that it does not know for text arrive as base64. The texts of its own errors are ours.
"""

import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from typing import Final
from uuid import uuid4

from infra.functions import OPERATIONS, ROUTER
from openrek.wire.http import HttpRequest
from tests.support.gateway_events import event_1
from tests.support.lambda_service import PAYLOAD_BYTES, LambdaService
from tests.support.runtime_api import FunctionDied, QuietServer

GATEWAY_BYTES: Final = 10 * 1024 * 1024
OFFERED: Final = [row.name for row in OPERATIONS]
Response = tuple[int, Mapping[str, str], bytes]


class FrontDoor:
    def __init__(self, service: LambdaService) -> None:
        self._service = service
        self._server = QuietServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def respond(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Return status, headers and body."""
        if len(body) > GATEWAY_BYTES:
            return _own(413, "Request Entity Too Large")
        operation = path.partition("?")[0][1:]
        direct = method == "POST" and operation in OFFERED
        request = HttpRequest(method, path, headers, body)
        payload = json.dumps(event_1(request, f"/{operation}" if direct else "$default")).encode()
        if len(payload) > PAYLOAD_BYTES:
            return _own(413, "Request Entity Too Large")
        try:
            response = self._service.invoke(operation if direct else ROUTER.name, payload)
        except FunctionDied:
            return _own(500, "Internal Server Error")
        if response.error:
            return _own(500, "Internal Server Error")
        said = response.json
        return said["statusCode"], {"Apigw-Requestid": str(uuid4()), **said["headers"]}, said["body"].encode()


def _own(status: int, message: str) -> Response:
    return status, {"Content-Type": "application/json"}, json.dumps({"message": message}).encode()


def _handler(door: FrontDoor) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_: object) -> None: ...

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers, said = door.respond("POST", self.path, dict(self.headers.items()), body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

    return Handler
