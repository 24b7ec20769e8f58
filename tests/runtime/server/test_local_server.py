"""The local server over stub operations: who is answered, what is bounded, and that overload is never a hang."""

import gc
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Any

import pytest

from openrek.domain.caller import Caller
from openrek.runtime.server.app import QUICK_THREADS
from openrek.runtime.server.connection import BoundedConnection
from openrek.runtime.server.health import Health
from openrek.runtime.server.socket_server import listener
from openrek.wire.http import HttpRequest
from tests.support.server import HEALTHY, soon, stub_server

AWS_JSON = "application/x-amz-json-1.1"
LIMIT = 15 * 1024 * 1024 // 2
IMAGE = {"Image": {"Bytes": "aGVsbG8="}}


class Stubs:
    """DetectFaces blocks until it is let go; ListCollections answers at once and says where it was asked from."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.running = threading.Semaphore(0)
        self.finished = 0

    def detect_faces(self, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        self.running.release()
        assert self.go.wait(30)
        self.finished += 1
        return {"FaceDetails": []}

    def list_collections(self, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        return {"CollectionIds": [caller.region]}

    def compare_faces(self, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        return {"FaceMatches": []}


@pytest.fixture
def stubs() -> Stubs:
    return Stubs()


@pytest.fixture
def server(stubs: Stubs) -> Iterator[tuple[str, int]]:
    operations = {
        "DetectFaces": stubs.detect_faces,
        "ListCollections": stubs.list_collections,
        "CompareFaces": stubs.compare_faces,
    }
    with stub_server(operations, ["DetectFaces", "CompareFaces"]) as address:
        yield address
        stubs.go.set()


def call(
    server: tuple[str, int],
    operation: str = "ListCollections",
    body: bytes = b"{}",
    headers: dict[str, str] | None = None,
    method: str = "POST",
    path: str = "/",
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers (lower case) and body."""
    sent = {"Content-Type": AWS_JSON, "X-Amz-Target": f"RekognitionService.{operation}", **(headers or {})}
    with closing(http.client.HTTPConnection(*server, timeout=30)) as connection:
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


def raw(server: tuple[str, int], *pieces: bytes) -> bytes:
    """Everything that the server sends back until it closes the connection."""
    with socket.create_connection(server, timeout=30) as connection:
        for piece in pieces:
            connection.sendall(piece)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received


def code(body: bytes) -> str:
    found: str = json.loads(body)["__type"]
    return found


def head(*lines: str, target: str = "ListCollections") -> bytes:
    start = ["POST / HTTP/1.1", f"X-Amz-Target: RekognitionService.{target}", f"Content-Type: {AWS_JSON}"]
    return "\r\n".join([*start, *lines, "", ""]).encode()


def test_answers_an_operation(server: tuple[str, int]) -> None:
    status, headers, body = call(server)
    assert status == 200
    assert json.loads(body) == {"CollectionIds": ["us-east-1"]}
    assert headers["content-type"] == AWS_JSON
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers


def test_the_operation_may_stand_in_the_path(server: tuple[str, int]) -> None:
    with closing(http.client.HTTPConnection(*server, timeout=30)) as connection:
        connection.request("POST", "/ListCollections", b"{}", {"Content-Type": AWS_JSON})
        assert connection.getresponse().status == 200


def test_one_connection_serves_many_requests(server: tuple[str, int]) -> None:
    headers = {"Content-Type": AWS_JSON, "X-Amz-Target": "RekognitionService.ListCollections"}
    with closing(http.client.HTTPConnection(*server, timeout=30)) as connection:
        connection.connect()
        first = connection.sock
        for _ in range(3):
            connection.request("POST", "/", b"{}", headers)
            assert json.loads(connection.getresponse().read()) == {"CollectionIds": ["us-east-1"]}
        assert connection.sock is first


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:1", "127.9.9.9", "[::1]:8080", "LOCALHOST"])
def test_loopback_names_are_answered(server: tuple[str, int], host: str) -> None:
    assert call(server, headers={"Host": host})[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "localhost.example.com",
        "127.0.0.1.example.com",
        "example.com:8080",
        "localhost@example.com",
        "0.0.0.0",
        "192.168.1.5:8080",
        "[::2]",
        "localhost:8080, example.com",
        "",
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/"), ("GET", "/"), ("GET", "/health")])
def test_a_foreign_host_is_refused(server: tuple[str, int], host: str, method: str, path: str) -> None:
    status, headers, body = call(server, headers={"Host": host}, method=method, path=path)
    assert (status, code(body)) == (400, "AccessDeniedException")
    assert "keys" in headers["x-openrek-reason"]


def test_a_request_without_or_with_two_hosts_is_refused(server: tuple[str, int]) -> None:
    assert b"AccessDenied" in raw(server, b"POST / HTTP/1.0\r\nContent-Length: 0\r\n\r\n")
    assert b" 400 " in raw(server, head("Host: localhost", "Host: evil.example", "Content-Length: 0")).split(b"\r\n")[0]


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:8080", ""])
@pytest.mark.parametrize("method", ["POST", "OPTIONS", "GET"])
def test_a_web_page_is_refused(server: tuple[str, int], origin: str, method: str) -> None:
    status, headers, body = call(server, headers={"Origin": origin}, method=method)
    assert (status, code(body)) == (400, "AccessDeniedException")
    assert not [name for name in headers if name.startswith("access-control")]


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "application/x-www-form-urlencoded", "", "a/b"])
def test_a_foreign_content_type_is_refused(server: tuple[str, int], kind: str) -> None:
    status, headers, body = call(server, headers={"Content-Type": kind})
    assert (status, code(body)) == (400, "UnknownOperationException")
    assert not [name for name in headers if name.startswith("access-control")]


@pytest.mark.parametrize(("operation", "limit"), [("DetectFaces", LIMIT), ("CompareFaces", 29 * 1024 * 1024 // 2)])
def test_a_body_over_the_limit_is_refused_and_the_client_hears_why(
    server: tuple[str, int], stubs: Stubs, operation: str, limit: int
) -> None:
    stubs.go.set()
    over = call(server, operation, b" " * (limit + 1))
    assert (over[0], code(over[2])) == (400, "ImageTooLargeException")
    assert "S3Object" in over[1]["x-openrek-reason"]
    fits = call(server, operation, b" " * limit)
    assert code(fits[2]) == "SerializationException"


def test_operations_without_an_image_take_small_bodies(server: tuple[str, int]) -> None:
    status, headers, body = call(server, body=b" " * (1024 * 1024 + 1))
    assert (status, code(body)) == (400, "SerializationException")
    assert headers["x-openrek-reason"] == "The request body is larger than 1 MiB."
    assert call(server, body=b"{}".ljust(1024 * 1024))[0] == 200


def test_a_declared_size_over_the_limit_is_refused_before_the_body_comes(server: tuple[str, int]) -> None:
    with socket.create_connection(server, timeout=30) as connection:
        connection.sendall(head("Host: localhost", "Content-Length: 99999999999", target="DetectFaces"))
        received = b""
        while b"ImageTooLargeException" not in received:
            chunk = connection.recv(65536)
            assert chunk
            received += chunk


def test_a_chunked_body_over_the_limit_is_refused(server: tuple[str, int]) -> None:
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    received = raw(
        server,
        head("Host: localhost", "Transfer-Encoding: chunked", target="DetectFaces"),
        *[chunk] * 9,
        b"0\r\n\r\n",
    )
    assert b"ImageTooLargeException" in received


def test_a_chunked_body_within_the_limit_is_read(server: tuple[str, int]) -> None:
    pieces = [
        head("Host: localhost", "Transfer-Encoding: chunked", "Connection: close"),
        b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
    ]
    assert b" 200 " in raw(server, *pieces).split(b"\r\n")[0]


def test_lengths_that_contradict_each_other_are_refused(server: tuple[str, int]) -> None:
    both = head("Host: localhost", "Content-Length: 2", "Transfer-Encoding: chunked")
    assert b" 400 " in raw(server, both).split(b"\r\n")[0]
    assert b" 400 " in raw(server, head("Host: localhost", "Content-Length: -2")).split(b"\r\n")[0]


def test_a_head_without_end_is_cut_off(server: tuple[str, int]) -> None:
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        raw(server, b"POST / HTTP/1.1\r\nX: ", *[b"x" * 65536] * 1000)


class HastyConnection(BoundedConnection):
    head_timeout_s = 0.3


@pytest.mark.parametrize("sent", [b"", b"POST / HTTP/1.1\r\nHost: loc"])
def test_a_connection_that_asks_nothing_is_closed(sent: bytes) -> None:
    with stub_server({}, connection=HastyConnection) as server:
        assert raw(server, sent) == b""


def test_answers_are_not_held_back_by_the_network_stack() -> None:
    with listener("127.0.0.1", 0) as bound:
        assert bound.proto == socket.IPPROTO_TCP


def test_overload_is_answered_with_throttling_and_quick_calls_go_on(server: tuple[str, int], stubs: Stubs) -> None:
    image = json.dumps(IMAGE).encode()
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(call, server, "DetectFaces", image) for _ in range(8)]
        assert stubs.running.acquire(timeout=10)
        while sum(answer.done() for answer in waiting) < 5:
            time.sleep(0.01)
        assert json.loads(call(server)[2]) == {"CollectionIds": ["us-east-1"]}
        stubs.go.set()
        answers = [answer.result() for answer in waiting]
    throttled = [answer for answer in answers if answer[0] != 200]
    assert stubs.finished == 3
    assert len(throttled) == 5
    assert {code(body) for _, _, body in throttled} == {"ThrottlingException"}
    assert all("inference" in headers["x-openrek-reason"] for _, headers, _ in throttled)


def test_quick_calls_have_a_full_queue_too(stubs: Stubs) -> None:
    with stub_server({"ListCollections": stubs.detect_faces}, queue=2) as server, ThreadPoolExecutor(15) as pool:
        waiting = [pool.submit(call, server) for _ in range(15)]
        while sum(answer.done() for answer in waiting) < 15 - QUICK_THREADS - 2:
            time.sleep(0.01)
        stubs.go.set()
        answers = [answer.result() for answer in waiting]
    throttled = [answer for answer in answers if answer[0] != 200]
    assert stubs.finished == QUICK_THREADS + 2
    assert {(code(body), headers["x-openrek-reason"]) for _, headers, body in throttled} == {
        ("ThrottlingException", "10 requests for quick calls are already running or waiting.")
    }


def test_what_all_bodies_hold_is_bounded_before_they_come(server: tuple[str, int]) -> None:
    size = 29 * 1024 * 1024 // 2
    sent = head("Host: localhost", f"Content-Length: {size}", target="CompareFaces")
    with ExitStack() as stack:
        for _ in range(512 * 1024 * 1024 // size):
            stack.enter_context(socket.create_connection(server, timeout=30)).sendall(sent)
        assert soon(lambda: b"Too many large requests at once." in first_answer(server, sent))
        assert call(server)[0] == 200
    assert soon(lambda: b"Too many large requests" not in first_answer(server, sent))


def test_requests_are_counted_before_anything_is_read(server: tuple[str, int]) -> None:
    sent = head("Host: localhost", "Content-Length: 2")
    with ExitStack() as stack:
        for _ in range(1024):
            stack.enter_context(socket.create_connection(server, timeout=30)).sendall(sent)
        assert soon(lambda: b"1024 requests are already being answered." in first_answer(server, sent))
    assert soon(lambda: call(server)[0] == 200)


def first_answer(server: tuple[str, int], sent: bytes) -> bytes:
    """Return the bytes that come within a moment."""
    with socket.create_connection(server, timeout=0.3) as connection:
        connection.sendall(sent)
        try:
            return connection.recv(65536)
        except TimeoutError:
            return b""


def test_work_whose_client_left_is_not_done(server: tuple[str, int], stubs: Stubs) -> None:
    image = json.dumps(IMAGE).encode()
    request = head("Host: localhost", f"Content-Length: {len(image)}", target="DetectFaces") + image
    with socket.create_connection(server, timeout=30) as first:
        first.sendall(request)
        assert stubs.running.acquire(timeout=10)
        for _ in range(2):
            with socket.create_connection(server, timeout=30) as impatient:
                impatient.sendall(request)
                time.sleep(0.2)
        time.sleep(0.2)
        with ThreadPoolExecutor(2) as pool:
            patient = [pool.submit(call, server, "DetectFaces", image) for _ in range(2)]
            time.sleep(0.2)
            stubs.go.set()
            assert [answer.result()[0] for answer in patient] == [200, 200]
    assert stubs.finished == 3


def test_the_body_of_a_client_that_left_is_not_kept_until_its_turn(server: tuple[str, int], stubs: Stubs) -> None:
    image = json.dumps(IMAGE).encode()
    large = b" " * 1_000_000 + image
    with socket.create_connection(server, timeout=30) as first:
        first.sendall(head("Host: localhost", f"Content-Length: {len(image)}", target="DetectFaces") + image)
        assert stubs.running.acquire(timeout=10)
        with socket.create_connection(server, timeout=30) as impatient:
            impatient.sendall(head("Host: localhost", f"Content-Length: {len(large)}", target="DetectFaces") + large)
            assert soon(lambda: bodies(len(large)) == 1)
        assert soon(lambda: bodies(len(large)) == 0)
    assert not stubs.go.is_set()


def bodies(size: int) -> int:
    """Return the number of requests with a body of this size that this process holds."""
    return sum(isinstance(each, HttpRequest) and len(each.body) == size for each in gc.get_objects())


def test_stopping_finishes_what_is_running(stubs: Stubs) -> None:
    image = json.dumps(IMAGE).encode()
    with ThreadPoolExecutor(1) as pool:
        with stub_server({"DetectFaces": stubs.detect_faces}, ["DetectFaces"]) as server:
            running = pool.submit(call, server, "DetectFaces", image)
            assert stubs.running.acquire(timeout=10)
            threading.Timer(0.5, stubs.go.set).start()
        assert running.result()[0] == 200


def test_the_page_says_what_this_is_and_how_to_use_it(server: tuple[str, int]) -> None:
    status, headers, body = call(server, method="GET", path="/")
    text = body.decode()
    assert status == 200
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert headers["x-frame-options"] == "DENY"
    assert f'endpoint_url="http://{server[0]}:{server[1]}"' in text
    assert f"AWS_ENDPOINT_URL_REKOGNITION=http://{server[0]}:{server[1]}" in text
    assert text.count("export AWS_DEFAULT_REGION=us-east-1 AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any") == 2
    assert "healthy" in text
    assert "DetectFaces" in text


def test_head_is_answered_like_get_without_a_body(server: tuple[str, int]) -> None:
    for path in ("/", "/health"):
        status, headers, body = call(server, method="HEAD", path=path)
        assert (status, body) == (200, b"")
        assert int(headers["content-length"]) > 0


def test_health_is_examined_each_time(stubs: Stubs) -> None:
    found = [
        Health(True, "reachable", "fast", "loaded", "1"),
        Health(False, "cannot be read: disk", "fast", "loaded", "1"),
    ]
    with stub_server({}, examine=lambda: found.pop(0)) as server:
        fine, broken = (call(server, method="GET", path="/health") for _ in range(2))
    assert (fine[0], json.loads(fine[2])["ok"]) == (200, True)
    assert (broken[0], json.loads(broken[2])["store"]) == (503, "cannot be read: disk")


def test_health_that_takes_too_long_is_ill(stubs: Stubs) -> None:
    def examine() -> Health:
        assert stubs.go.wait(30)
        return HEALTHY

    with stub_server({}, examine=examine, health_timeout_s=0.2) as server:
        status, _, body = call(server, method="GET", path="/health")
        page = call(server, method="GET", path="/")
        stubs.go.set()
    assert (status, json.loads(body)["ok"], json.loads(body)["store"]) == (503, False, "no answer within 0.2 s")
    assert b"not able to work" in page[2]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/nowhere"), ("PUT", "/"), ("OPTIONS", "/"), ("DELETE", "/health")]
)
def test_other_methods_are_not_allowed(server: tuple[str, int], method: str, path: str) -> None:
    status, headers, body = call(server, method=method, path=path)
    assert (status, code(body)) == (405, "UnknownOperationException")
    assert headers["x-openrek-reason"].startswith("Ask with POST /")
    assert headers["x-amzn-requestid"]
    assert headers["allow"]


def test_an_unknown_operation_is_refused(server: tuple[str, int]) -> None:
    for operation in ("Nonsense", "StartFaceDetection"):
        status, headers, body = call(server, operation)
        assert (status, code(body)) == (400, "UnknownOperationException")
        assert operation in headers["x-openrek-reason"]
