"""API Gateway on this machine, in front of packaged functions: the routes of the CDK application, in both its modes.

It does to requests what the real one does: the stage is part of the path, Content-Length is dropped, bodies are text,
and what it cannot hand on is answered with the application's own gateway responses.
"""

import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any, Final, Literal
from uuid import uuid4

from infra.functions import OPERATIONS, ROUTER
from infra.node import use_node
from tests.support.lambda_service import PAYLOAD_BYTES, LambdaService
from tests.support.runtime_api import Answer, FunctionDied, QuietServer
from tests.support.vtl import Input, Map, rendered

use_node()

from infra.gateway_errors import INTERNAL, JSON, RESPONSES, body_of  # noqa: E402 - Node.js first
from infra.mapping import reply_template, request_template  # noqa: E402
from infra.settings import Deployment  # noqa: E402

Mode = Literal["router", "mapping"]
STAGE: Final = Deployment().stage
GATEWAY_BYTES: Final = 10 * 1024 * 1024
OFFERED: Final = [row.name for row in OPERATIONS]


class FrontDoor:
    def __init__(self, service: LambdaService, mode: Mode) -> None:
        self._service = service
        self._mode = mode
        self._request_template = request_template(Deployment(), OFFERED)
        self._reply_template = reply_template()
        self._server = QuietServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/{STAGE}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body."""
        stage, _, resource = path.removeprefix("/").partition("/")
        if stage != STAGE:
            return 403, {"x-amzn-ErrorType": "ForbiddenException"}, b'{"message":"Forbidden"}'
        if resource and resource not in OFFERED:
            return _own("MISSING_AUTHENTICATION_TOKEN")
        if len(body) > GATEWAY_BYTES:
            return _own("REQUEST_TOO_LARGE")
        kept = {name: value for name, value in headers.items() if name.lower() != "content-length"}
        try:
            if not resource and self._mode == "mapping":
                return self._mapped(path, kept, body.decode())
            return self._proxied(f"/{resource}", path, kept, body.decode())
        except FunctionDied:
            return _own("INTEGRATION_FAILURE")

    def _proxied(
        self, resource: str, path: str, headers: Mapping[str, str], body: str
    ) -> tuple[int, Mapping[str, str], bytes]:
        """A Lambda proxy integration."""
        name = resource.removeprefix("/") or ROUTER.name
        event = json.dumps(
            {
                "resource": resource,
                "path": resource,
                "httpMethod": "POST",
                "headers": headers,
                "multiValueHeaders": {each: [value] for each, value in headers.items()},
                "queryStringParameters": None,
                "requestContext": self._context(path, resource),
                "body": body,
                "isBase64Encoded": False,
            }
        ).encode()
        if len(event) > PAYLOAD_BYTES:
            return _own("REQUEST_TOO_LARGE")
        answer = self._service.invoke(name, event)
        if answer.error:
            return _own("INTEGRATION_FAILURE")
        said = answer.json
        return said["statusCode"], said["headers"], said["body"].encode()

    def _mapped(self, path: str, headers: Mapping[str, str], body: str) -> tuple[int, Mapping[str, str], bytes]:
        """A Lambda integration with templates for the request and for the answer."""
        context = Map(
            {
                **{name: _plain(value) for name, value in self._context(path, "/").items()},
                "requestOverride": Map(path=Map(function=None), header=Map(), querystring=Map()),
                "responseOverride": Map(header=Map()),
            }
        )
        event = rendered(self._request_template, Input(body, headers), context)
        if len(event.encode()) > PAYLOAD_BYTES:
            return _own("REQUEST_TOO_LARGE")
        function = context["requestOverride"]["path"]["function"].removeprefix("openrek-").removesuffix(":live")
        answer = self._service.invoke(function, event.encode())
        if answer.error:
            return 500, {"Content-Type": JSON}, body_of(INTERNAL).encode()
        return self._reply(answer, context)

    def _reply(self, answer: Answer, context: Map) -> tuple[int, Mapping[str, str], bytes]:
        text = rendered(self._reply_template, Input(answer.payload.decode()), context)
        override = context["responseOverride"]
        headers = {"Content-Type": JSON, "x-amzn-RequestId": str(uuid4()), **override["header"]}
        return override["status"], headers, text.encode()

    def _context(self, path: str, resource: str) -> dict[str, Any]:
        host = self._server.server_address[0]
        return {
            "stage": STAGE,
            "path": path,
            "resourcePath": resource,
            "httpMethod": "POST",
            "requestId": str(uuid4()),
            "domainName": str(host),
            "identity": {"sourceIp": "192.0.2.1"},
        }


def _plain(value: Any) -> Any:
    return Map(value) if isinstance(value, dict) else value


def _own(response: str) -> tuple[int, Mapping[str, str], bytes]:
    """What the application tells the gateway to say by itself."""
    error = RESPONSES[response]
    request_id = str(uuid4())
    headers = {"Content-Type": JSON, "x-openrek-reason": error.reason, "x-amzn-RequestId": request_id}
    return error.status, headers, body_of(error).replace("$context.requestId", request_id).encode()


def _handler(door: FrontDoor) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_: object) -> None: ...

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers, said = door.answer(self.path, dict(self.headers.items()), body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

    return Handler
