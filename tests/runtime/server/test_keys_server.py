"""The local server with keys, over stub operations: who gets in, and how little a stranger can do."""

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from openrek.domain.access_keys import AccessKey
from openrek.domain.caller import Caller
from openrek.domain.permissions import Permissions
from openrek.runtime.keys.cached_keys import authenticator
from openrek.runtime.parts.adapters import Adapters
from openrek.runtime.server.health import Health
from openrek.runtime.server.run import local_app
from openrek.runtime.server.socket_server import listener
from openrek.runtime.settings import Settings
from openrek.wire.http import HttpRequest
from tests.support.server import HEALTHY, app_server, stub_server
from tests.support.signing import KeysInMemory, changed, new_key, signed

KEY = new_key()


class Stubs:
    def __init__(self) -> None:
        self.detected = 0
        self.examined = 0
        self.go = threading.Event()

    def list_collections(self, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        return {"CollectionIds": [caller.key_id]}

    def detect_faces(self, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        self.detected += 1
        return {"FaceDetails": []}

    def examine(self) -> Health:
        self.examined += 1
        assert self.go.wait(30)
        return Health(ok=True, store="in /secret/place", search="fast", models="loaded", version="1.2.3")


@pytest.fixture
def stubs() -> Stubs:
    return Stubs()


@pytest.fixture
def server(stubs: Stubs) -> Iterator[tuple[str, int]]:
    operations = {"ListCollections": stubs.list_collections, "DetectFaces": stubs.detect_faces}
    signatures = authenticator(KeysInMemory(KEY))
    with stub_server(operations, ["DetectFaces"], examine=stubs.examine, signatures=signatures) as address:
        yield address
        stubs.go.set()


def send(server: tuple[str, int], request: HttpRequest) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Status, body and headers of the answer to exactly this request."""
    with closing(http.client.HTTPConnection(*server, timeout=30)) as connection:
        connection.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
        for name, value in {**request.headers, "content-length": str(len(request.body))}.items():
            connection.putheader(name, value)
        connection.endheaders(request.body)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()), {name.lower(): text for name, text in answer.getheaders()}


def raw(server: tuple[str, int], sent: bytes) -> bytes:
    """The answer, up to the end of its body."""
    received = b""
    with socket.create_connection(server, timeout=3) as connection:
        connection.sendall(sent)
        while not received.endswith(b"}") and (piece := connection.recv(65536)):
            received += piece
    return received


def test_a_signed_request_is_answered_whatever_name_it_used_for_us(server: tuple[str, int]) -> None:
    request = signed(KEY)
    assert request.headers["host"] == "rekognition.example.com"
    assert send(server, request)[:2] == (200, {"CollectionIds": [KEY.key_id]})


def test_by_path_and_with_a_query_too(server: tuple[str, int]) -> None:
    headers = {"content-type": "application/x-amz-json-1.1"}
    for path in ("/ListCollections", "/ListCollections?a=b%20c&a"):
        assert send(server, signed(KEY, path=path, headers=headers))[0] == 200
    request = signed(KEY, path="/ListCollections?a=b", headers=headers)
    other = HttpRequest("POST", "/ListCollections?a=c", request.headers, request.body)
    assert send(server, other)[1]["__type"] == "InvalidSignatureException"


def test_the_path_that_was_signed_is_the_one_on_the_request_line(server: tuple[str, int]) -> None:
    headers = {"content-type": "application/x-amz-json-1.1"}
    encoded = signed(KEY, path="/%4CistCollections", headers=headers)
    assert send(server, encoded)[1]["__type"] == "UnknownOperationException"
    decoded = HttpRequest("POST", "/ListCollections", encoded.headers, encoded.body)
    assert send(server, decoded)[1]["__type"] == "InvalidSignatureException"


def test_repeated_headers_are_signed_as_one(server: tuple[str, int]) -> None:
    request = signed(KEY, headers={"x-amz-target": "RekognitionService.ListCollections", "x-twice": "1,2"})
    lines = [f"{name}: {value}" for name, value in request.headers.items() if name != "x-twice"]
    twice = ["POST / HTTP/1.1", *lines, "x-twice: 1", "content-length: 2", "x-twice: 2", "", "{}"]
    assert b"The Content-Type must be" in raw(server, "\r\n".join(twice).encode())


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (lambda: HttpRequest("POST", "/", {"host": "localhost"}, b"{}"), "MissingAuthenticationTokenException"),
        (lambda: HttpRequest("POST", "/Nonsense", {"host": "localhost"}, b"{}"), "MissingAuthenticationTokenException"),
        (lambda: changed(signed(KEY), x_amz_target="RekognitionService.DetectFaces"), "InvalidSignatureException"),
        (lambda: changed(signed(KEY), authorization="AWS4-HMAC-SHA256 x"), "IncompleteSignatureException"),
        (lambda: signed(new_key()), "UnrecognizedClientException"),
    ],
)
def test_strangers_are_refused(
    server: tuple[str, int], made: Callable[[], HttpRequest], code: str, stubs: Stubs
) -> None:
    status, body, headers = send(server, made())
    assert (status, body["__type"], body.keys()) == (400, code, {"__type", "message"})
    assert headers["x-openrek-reason"]
    assert stubs.detected == 0


@pytest.mark.parametrize(
    "lines",
    [
        b"Host: localhost\r\n",
        b"Host: localhost\r\nAuthorization: AWS4-HMAC-SHA256 Credential=a, SignedHeaders=b, Signature=c\r\n",
    ],
)
def test_the_body_of_a_stranger_is_not_waited_for(server: tuple[str, int], lines: bytes) -> None:
    answer = raw(server, b"POST /DetectFaces HTTP/1.1\r\n" + lines + b"Content-Length: 7000000\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("sent", [b"\xff\xfe\x80", b"AWS4-HMAC-SHA256 \xc3\xa9=\xff,=,,=", b"AWS4-" + b"\t=;/" * 3000])
def test_any_bytes_of_authorization_are_refused_in_form(server: tuple[str, int], sent: bytes) -> None:
    lines = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nAuthorization: " + sent + b"\r\n\r\n"
    answer = raw(server, lines)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'{"__type": "' in answer


def test_a_web_page_is_refused_even_when_it_can_sign(server: tuple[str, int]) -> None:
    status, body, headers = send(server, changed(signed(KEY), origin="https://example.com"))
    assert (status, body["__type"], body["Message"]) == (400, "AccessDeniedException", "Origin not allowed")
    assert "access-control-allow-origin" not in headers


def test_two_hosts_are_refused(server: tuple[str, int]) -> None:
    answer = raw(server, b"POST / HTTP/1.1\r\nHost: a\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
    assert b"A request has exactly one Host header." in answer


def test_there_is_no_page_and_health_says_no_more_than_it_must(server: tuple[str, int], stubs: Stubs) -> None:
    stubs.go.set()
    found = {}
    for path in ("/", "/health"):
        with closing(http.client.HTTPConnection(*server, timeout=30)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            found[path] = (answer.status, answer.read())
    assert (found["/"][0], json.loads(found["/"][1])["__type"]) == (405, "UnknownOperationException")
    assert found["/health"] == (200, b'{"ok":true}')


def health(server: tuple[str, int]) -> int:
    with closing(http.client.HTTPConnection(*server, timeout=30)) as connection:
        connection.request("GET", "/health")
        return connection.getresponse().status


def test_all_who_ask_for_health_at_once_get_one_answer_and_keep_no_call_waiting(
    server: tuple[str, int], stubs: Stubs
) -> None:
    with ExitStack() as stack:
        asking = [stack.enter_context(socket.create_connection(server, timeout=30)) for _ in range(40)]
        for connection in asking:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        assert send(server, signed(KEY))[0] == 200  # answered after all of them were read
        stubs.go.set()
        assert all(connection.recv(65536).startswith(b"HTTP/1.1 200 ") for connection in asking)
    assert stubs.examined == 1
    assert health(server) == 200
    assert stubs.examined == 2


def test_an_examination_that_failed_is_not_the_answer_to_the_next_question(stubs: Stubs) -> None:
    found: list[Health | Exception] = [OSError("no disk"), HEALTHY]

    def examine() -> Health:
        answer = found.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with stub_server({}, examine=examine, signatures=authenticator(KeysInMemory(KEY))) as server:
        assert [health(server), health(server)] == [500, 200]


def test_only_a_server_with_keys_binds_another_address() -> None:
    with listener("0.0.0.0", 0, anywhere=True) as bound:
        assert bound.getsockname()[0] == "0.0.0.0"


def test_a_key_for_no_collection_looks_at_photos_and_lists_nothing(tmp_path: Path) -> None:
    key, settings = new_key(Permissions(("*",))), replace(Settings.of({}), data=tmp_path)
    adapters = Adapters(settings)
    with app_server(local_app(adapters, settings, KeysInMemory(key))) as address:
        said = [send(address, asked(key, *each))[1] for each in (("DetectFaces", PHOTO), ("ListCollections", {}))]
    adapters.close()
    assert [each["__type"] for each in said] == ["InvalidImageFormatException", "AccessDeniedException"]


PHOTO = {"Image": {"Bytes": "aGVsbG8="}}


def asked(key: AccessKey, operation: str, request: dict[str, Any]) -> HttpRequest:
    headers = {"x-amz-target": f"RekognitionService.{operation}", "content-type": "application/x-amz-json-1.1"}
    return signed(key, body=json.dumps(request).encode(), headers=headers)
