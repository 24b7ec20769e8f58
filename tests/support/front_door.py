"""API Gateway's HTTP API on this machine, in front of packaged functions: the routes of the CDK application.

It does to requests what the real one does, as far as that is known: headers arrive as they were sent, the path has no
stage in it, and bodies of a type that it does not know for text arrive as base64. What it says by itself is its own.
"""

import json
import threading
from base64 import b64encode
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any, Final
from uuid import uuid4

from infra.functions import OPERATIONS, ROUTER
from tests.support.lambda_service import PAYLOAD_BYTES, LambdaService
from tests.support.runtime_api import FunctionDied, QuietServer

GATEWAY_BYTES: Final = 10 * 1024 * 1024
OFFERED: Final = [row.name for row in OPERATIONS]
TEXTS: Final = ("text/", "application/json", "application/javascript", "application/xml")
"""How the types begin that an HTTP API hands on as text; of what people saw on AWS, its manual does not say."""

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

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Status, headers and body."""
        if len(body) > GATEWAY_BYTES:
            return _own(413, "Request Entity Too Large")
        direct = method == "POST" and path[1:] in OFFERED
        event = self._event(method, path, path if direct else "$default", headers, body)
        payload = json.dumps(event).encode()
        if len(payload) > PAYLOAD_BYTES:
            return _own(413, "Request Entity Too Large")
        try:
            answer = self._service.invoke(path[1:] if direct else ROUTER.name, payload)
        except FunctionDied:
            return _own(500, "Internal Server Error")
        if answer.error:
            return _own(500, "Internal Server Error")
        said = answer.json
        return said["statusCode"], {"Apigw-Requestid": str(uuid4()), **said["headers"]}, said["body"].encode()

    def _event(self, method: str, path: str, resource: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """Format 1.0."""
        kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
        text = kind.startswith(TEXTS)
        return {
            "version": "1.0",
            "resource": resource,
            "path": path,
            "httpMethod": method,
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "queryStringParameters": None,
            "requestContext": {
                "stage": "$default",
                "path": path,
                "resourcePath": resource,
                "httpMethod": method,
                "requestId": str(uuid4()),
                "domainName": str(self._server.server_address[0]),
                "identity": {"sourceIp": "192.0.2.1"},
            },
            "body": body.decode() if text else b64encode(body).decode(),
            "isBase64Encoded": not text,
        }


def _own(status: int, message: str) -> Response:
    return status, {"Content-Type": "application/json"}, json.dumps({"message": message}).encode()


def _handler(door: FrontDoor) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_: object) -> None: ...

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers, said = door.answer("POST", self.path, dict(self.headers.items()), body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

    return Handler
