"""The local server under load: what is bounded, whose work is not done, and that overload is never a hang."""

import gc
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from openrek.runtime.server.app import QUICK_THREADS
from openrek.wire.http import HttpRequest
from tests.runtime.server.stub_calls import IMAGE, Stubs, call, code, head
from tests.support.server import soon, stub_server


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
