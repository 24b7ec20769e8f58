"""Stub operations for the local server, and requests to them as HTTP clients and as bytes."""

import http.client
import json
import socket
import threading
from contextlib import closing
from typing import Any

from openrek.domain.caller import Caller

AWS_JSON = "application/x-amz-json-1.1"
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
