"""The local server over stub operations: who is answered, which bodies are read, and what is shown."""

import http.client
import json
import socket
from contextlib import closing

import pytest

from openrek.runtime.server.connection import BoundedConnection
from openrek.runtime.server.health import Health
from openrek.runtime.server.socket_server import listener
from tests.runtime.server.stub_calls import AWS_JSON, Stubs, call, code, head, raw
from tests.support.server import HEALTHY, stub_server

LIMIT = 15 * 1024 * 1024 // 2


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
