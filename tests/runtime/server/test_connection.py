"""What a client may send around bodies, and how fast it must read, through real sockets."""

import gc
import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from openrek.domain.caller import Caller
from openrek.runtime.server.connection import BoundedConnection
from tests.support.server import soon, stub_server

ANSWER_BYTES = 3 * 1024 * 1024
Address = tuple[str, int]


class Stubs:
    """DetectFaces blocks until it is let go; ListFaces has a large answer."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.answered = 0

    def list_collections(self, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        self.answered += 1
        return {"CollectionIds": [request.get("NextToken", "")]}

    def detect_faces(self, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        assert self.go.wait(30)
        return {"FaceDetails": []}

    def list_faces(self, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        return {"NextToken": "x" * ANSWER_BYTES}


class Watched(BoundedConnection):
    read_timeout_s = 0.4


@pytest.fixture
def stubs() -> Stubs:
    return Stubs()


@pytest.fixture
def server(stubs: Stubs) -> Iterator[Address]:
    operations = {
        "ListCollections": stubs.list_collections,
        "DetectFaces": stubs.detect_faces,
        "ListFaces": stubs.list_faces,
    }
    with stub_server(operations, ["DetectFaces"], connection=Watched) as address:
        yield address
        stubs.go.set()


def request(operation: str, *lines: str, body: bytes = b"{}", sized: bool = True) -> bytes:
    start = [f"POST /{operation} HTTP/1.1", "Host: localhost", "Content-Type: application/x-amz-json-1.1"]
    size = [f"Content-Length: {len(body)}"] if sized else []
    return "\r\n".join([*start, *size, *lines, "", ""]).encode() + body


def received(connection: socket.socket) -> bytes:
    """Everything up to the end of the connection."""
    whole = b""
    while piece := connection.recv(65536):
        whole += piece
    return whole


def sent_until_closed(server: Address, first: bytes, then: bytes, most_bytes: int) -> int:
    """Return the number of bytes of `then`, again and again, that the server takes before it hangs up."""
    with socket.create_connection(server, timeout=30) as connection:
        connection.sendall(first)
        sent = 0
        try:
            while sent < most_bytes:
                connection.sendall(then)
                sent += len(then)
        except (ConnectionResetError, BrokenPipeError):
            return sent
    return sent


FACES = b'{"CollectionId": "staff"}'
TOKEN = b'{"NextToken": "one"}'
MOST = 64 * 1024 * 1024
FIELD = b"a: " + b"b" * 60000 + b"\r\n"
CHUNKED = request("ListCollections", "Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\n", sized=False)
IMAGE = request("DetectFaces", body=json.dumps({"Image": {"Bytes": "aGVsbG8="}}).encode())


def test_trailers_without_end_are_cut_off(server: Address) -> None:
    assert sent_until_closed(server, CHUNKED, FIELD, MOST) < MOST


def test_the_head_of_the_next_request_is_bounded_while_one_runs(server: Address) -> None:
    assert sent_until_closed(server, IMAGE + b"POST / HTTP/1.1\r\n", FIELD, MOST) < MOST


def test_what_surrounds_chunks_is_bounded(server: Address) -> None:
    first = request("ListCollections", "Transfer-Encoding: chunked", body=b"", sized=False)
    assert sent_until_closed(server, first, b"1;" + b"a" * 60000 + b"\r\n \r\n", MOST) < MOST


def test_a_body_in_small_chunks_and_a_trailer_are_read(server: Address) -> None:
    body = json.dumps({"NextToken": "one", "Unknown": "x" * 50000}).encode()
    pieces = [body[start : start + 3] for start in range(0, len(body), 3)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    assert len(chunks) - len(body) > 64 * 1024
    with socket.create_connection(server, timeout=30) as connection:
        sent = request("ListCollections", "Transfer-Encoding: chunked", "Connection: close", body=chunks, sized=False)
        connection.sendall(sent + b"0\r\nchecksum: abc\r\n\r\n")
        answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b'["one"]' in answer


def answers(server: Address, sent: bytes, pieces: str) -> bytes:
    """All answers, without what differs each time; nothing where the server hung up."""
    cuts = {"one": len(sent), "two": len(sent) - 3, "many": 1000, "bytes": 1}
    with socket.create_connection(server, timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for start in range(0, len(sent), cuts[pieces]):
                connection.sendall(sent[start : start + cuts[pieces]])
                time.sleep(0.002 if pieces != "one" else 0)
            told = received(connection)
        except (ConnectionResetError, BrokenPipeError):
            return b""
    return re.sub(rb"(?mi)^(date|x-amzn-requestid): .*\r\n", b"", told)


TRAILERS = [
    b"Host: example.com\r\n",
    b"Origin: http://example.com\r\n",
    b"X-Amz-Target: RekognitionService.DetectFaces\r\n",
    b"Content-Type: text/plain\r\n",
    b"Expect: 100-continue\r\n",
    b"Connection: upgrade\r\nUpgrade: h2c\r\n",
]


@pytest.mark.parametrize("trailers", TRAILERS)
def test_trailers_are_no_headers_however_they_arrive(server: Address, trailers: bytes) -> None:
    lines = ("X-Amz-Target: RekognitionService.ListCollections", "Transfer-Encoding: chunked", "Connection: close")
    sent = request("ListCollections", *lines, body=b"14\r\n" + TOKEN + b"\r\n0\r\n", sized=False)
    without = answers(server, sent + b"\r\n", "one")
    assert b'["one"]' in without
    for pieces in ("one", "two", "many", "bytes"):
        assert answers(server, sent + trailers + b"\r\n", pieces) == without


def head_of(size: int, *, lines: bool) -> bytes:
    """The head of a request for health, so many bytes long: with one long line, or with as many as there can be."""
    start = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    left = size - len(start) - 2
    many = b"a: b\r\n" * ((left - 100) // 6 if lines else 0)
    return start + many + b"X: " + b"x" * (left - len(many) - 5) + b"\r\n\r\n"


@pytest.mark.parametrize("pieces", ["one", "two", "many"])
@pytest.mark.parametrize("lines", [False, True])
def test_a_head_is_bounded_exactly_however_it_arrives(server: Address, pieces: str, lines: bool) -> None:
    most = BoundedConnection.max_head_bytes
    assert len(head_of(most, lines=lines)) == most
    assert answers(server, head_of(most, lines=lines), pieces).startswith(b"HTTP/1.1 200 ")
    assert answers(server, head_of(most + 1, lines=lines), pieces) == b""
    assert answers(server, head_of(100_000, lines=lines), pieces) == b""


def test_the_head_of_a_request_behind_another_is_bounded_as_well(server: Address) -> None:
    first = request("ListCollections", body=TOKEN)
    most = BoundedConnection.max_head_bytes
    assert answers(server, first + head_of(most, lines=True), "one").count(b"HTTP/1.1 200 ") == 2
    assert (
        b"HTTP/1.1 200 OK" not in answers(server, first + head_of(most + 1, lines=True), "one").partition(b'["one"]')[2]
    )


def test_trailers_count_with_the_head(server: Address) -> None:
    body = b"14\r\n" + TOKEN + b"\r\n0\r\n"
    lines = ("Transfer-Encoding: chunked", "Connection: close", "X: " + "x" * 40_000)
    sent = request("ListCollections", *lines, body=body, sized=False)
    assert b'["one"]' in answers(server, sent + b"Y: " + b"y" * 20_000 + b"\r\n\r\n", "one")
    for pieces in ("one", "two", "many"):
        assert answers(server, sent + b"Y: " + b"y" * 30_000 + b"\r\n\r\n", pieces) == b""


def test_strangers_mistakes_do_not_fill_the_log(server: Address, caplog: pytest.LogCaptureFixture) -> None:
    assert answers(server, b"nonsense\r\n\r\n", "one").startswith(b"HTTP/1.1 400 ")
    assert answers(server, head_of(100_000, lines=False), "one") == b""
    assert caplog.records == []


def test_some_requests_may_be_sent_before_the_first_is_answered(server: Address, stubs: Stubs) -> None:
    with socket.create_connection(server, timeout=30) as connection:
        connection.sendall(request("ListCollections") * 9 + request("ListCollections", "Connection: close"))
        assert received(connection).count(b"HTTP/1.1 200 ") == 10


def test_a_connection_is_not_used_up_by_many_requests(server: Address) -> None:
    with closing(http.client.HTTPConnection(*server, timeout=30)) as connection:
        connection.connect()
        connection.auto_open = 0
        for _ in range(20):
            assert health(connection, Padding="x" * 8000) == 200


def test_what_follows_the_last_request_of_a_connection_does_no_harm(server: Address) -> None:
    last = request("ListCollections", "Connection: close", body=TOKEN)
    with socket.create_connection(server, timeout=30) as connection:
        connection.sendall(last + b"\r\nnonsense")
        assert b'["one"]' in received(connection)


def test_requests_without_end_are_cut_off_when_none_is_answered(server: Address, stubs: Stubs) -> None:
    assert sent_until_closed(server, IMAGE, request("ListCollections") * 100, MOST) < MOST
    assert stubs.answered == 0


@pytest.mark.parametrize("line", ["Connection: keep-alive", "Connection: close"])
def test_a_client_that_does_not_read_is_hung_up_on(server: Address, line: str) -> None:
    """Also when the server is done with the connection and only waits to be rid of the rest of the answer."""
    with slow_reader(server) as connection:
        connection.sendall(request("ListFaces", line, body=FACES))
        time.sleep(5 * Watched.read_timeout_s)
        assert len(received(connection)) < ANSWER_BYTES


class Eager(Watched):
    min_read_bytes = 2 * 1024 * 1024


def test_a_client_that_reads_too_slowly_is_hung_up_on(stubs: Stubs) -> None:
    with stub_server({"ListFaces": stubs.list_faces}, connection=Eager) as server, slow_reader(server) as connection:
        connection.sendall(request("ListFaces", "Connection: close", body=FACES))
        taken = 0
        while piece := connection.recv(64 * 1024):
            taken += len(piece)
            time.sleep(0.05)
    assert taken < ANSWER_BYTES


def test_a_connection_that_ended_is_forgotten(server: Address) -> None:
    with closing(http.client.HTTPConnection(*server, timeout=30)) as connection:
        assert health(connection) == 200
        assert connections() == 1
    assert soon(lambda: connections() == 0)


class Hurried(BoundedConnection):
    head_timeout_s = 0.3


def test_an_answer_may_take_longer_than_a_head(stubs: Stubs) -> None:
    with stub_server({"DetectFaces": stubs.detect_faces}, ["DetectFaces"], connection=Hurried) as server:
        letting_go = threading.Timer(4 * Hurried.head_timeout_s, stubs.go.set)
        letting_go.start()
        with closing(http.client.HTTPConnection(*server, timeout=30)) as connection:
            connection.connect()
            connection.auto_open = 0
            for _ in range(2):
                assert detection(connection) == {"FaceDetails": []}
        letting_go.join()


def detection(connection: http.client.HTTPConnection) -> Any:
    headers = {"Content-Type": "application/x-amz-json-1.1"}
    connection.request("POST", "/DetectFaces", json.dumps({"Image": {"Bytes": "aGVsbG8="}}), headers)
    with connection.getresponse() as answer:
        return json.loads(answer.read())


def health(connection: http.client.HTTPConnection, **headers: str) -> int:
    connection.request("GET", "/health", headers=headers)
    with connection.getresponse() as answer:
        answer.read()
        return answer.status


def connections() -> int:
    gc.collect()
    return sum(isinstance(each, Watched) for each in gc.get_objects())


def test_a_client_that_reads_slowly_gets_all(server: Address) -> None:
    with slow_reader(server) as connection:
        connection.sendall(request("ListFaces", body=FACES) + request("ListFaces", "Connection: close", body=FACES))
        taken = 0
        began_s = time.monotonic()
        while piece := connection.recv(256 * 1024, socket.MSG_WAITALL):
            taken += len(piece)
            time.sleep(0.04)
    assert taken > 2 * ANSWER_BYTES
    assert time.monotonic() - began_s > 4 * Watched.read_timeout_s


def slow_reader(server: Address) -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    connection.settimeout(30)
    connection.connect(server)
    return connection


OFFER = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk")


@pytest.mark.parametrize(
    "pieces",
    [
        [request("ListCollections", *OFFER, body=TOKEN)],
        [request("ListCollections", *OFFER, f"Content-Length: {len(TOKEN)}", body=b"", sized=False), TOKEN],
        [
            request("ListCollections", *OFFER, "Transfer-Encoding: chunked", body=b"", sized=False),
            b"14\r\n" + TOKEN,
            b"\r\n0\r\n\r\n",
        ],
        [request("ListCollections", "Connection: Upgrade", "Upgrade: websocket", body=TOKEN)],
    ],
)
def test_an_offer_of_another_protocol_is_ignored_and_the_body_read(
    server: Address, pieces: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_connection(server, timeout=30) as connection:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(0.05)
        connection.sendall(request("ListCollections", "Connection: close", body=b'{"NextToken": "two"}'))
        answers = received(connection)
    assert answers.count(b"HTTP/1.1 200 ") == 2
    assert answers.index(b'["one"]') < answers.index(b'["two"]')
    assert caplog.records == []


def test_the_last_request_of_a_connection_may_offer_one_too(server: Address) -> None:
    closing = ("Connection: close, Upgrade", "Upgrade: h2c")
    with socket.create_connection(server, timeout=30) as connection:
        connection.sendall(request("ListCollections", *closing, body=TOKEN))
        assert b'["one"]' in received(connection)


def test_nothing_comes_of_an_offer_to_be_a_tunnel(server: Address) -> None:
    with socket.create_connection(server, timeout=30) as connection:
        connection.sendall(b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert received(connection).startswith(b"HTTP/1.1 400 ")


def test_offers_without_end_are_cut_off(server: Address) -> None:
    offers = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\n" * 3000
    assert sent_until_closed(server, IMAGE, offers, MOST) < MOST
