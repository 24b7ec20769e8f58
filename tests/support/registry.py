"""A stand-in for package registries over real HTTP, which breaks, stalls or lies as its plan says."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

JSON_PAGE = "application/vnd.pypi.simple.v1+json"


class Registry(ThreadingHTTPServer):
    """Answers for each file as its plan says, then well: an entry is a status, or after how many bytes the line breaks.

    `files` maps paths to contents; a path that ends with a slash is a page of an index, which breaks never. With `held`
    cleared, files are not sent until it is set. `asked` has the path, Range and Authorization of every request.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.plans: dict[str, list[int]] = {}
        self.page_type = JSON_PAGE
        self.ranges = True
        self.password: str | None = None
        self.held = threading.Event()
        self.held.set()
        self.asked: list[tuple[str, str | None, str | None]] = []

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that hang up."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def offer_wheel(self, path: Path, package: str) -> str:
        """Offer a wheel, listed in an index at /simple; return its path."""
        content = path.read_bytes()
        self.files[f"/files/{path.name}"] = content
        sha256 = hashlib.sha256(content).hexdigest()
        listed = [{"filename": path.name, "url": f"../../files/{path.name}", "hashes": {"sha256": sha256}}]
        page = {"meta": {"api-version": "1.0"}, "name": package, "files": listed}
        html = f'<!DOCTYPE html><html><body><a href="../../files/{path.name}#sha256={sha256}">{path.name}</a></body>'
        self.files[f"/simple/{package}/"] = json.dumps(page).encode() if self.page_type == JSON_PAGE else html.encode()
        return f"/files/{path.name}"

    def offer_tarball(self, package: str, version: str, content: bytes) -> str:
        """Offer an npm package at /npm; return its path."""
        path = f"/npm/{package}/-/{package.rpartition('/')[2]}-{version}.tgz"
        self.files[path] = content
        return path

    def ranges_of(self, path: str) -> list[str | None]:
        return [wanted for asked, wanted, _ in self.asked if asked == path]


class _Handler(BaseHTTPRequestHandler):
    server: Registry

    def do_GET(self) -> None:
        wanted, authorization = self.headers["Range"], self.headers["Authorization"]
        self.server.asked.append((self.path, wanted, authorization))
        if self.server.password and authorization != _basic(self.server.password):
            self.send_error(401)
        elif self.path not in self.server.files:
            self.send_error(404)
        elif self.path.endswith("/"):
            self._send(self.server.files[self.path], 0, self.server.page_type)
        else:
            self._file(self.server.files[self.path], wanted)

    def _file(self, content: bytes, wanted: str | None) -> None:
        self.server.held.wait(60)
        plan = self.server.plans.get(self.path, [])
        step = plan.pop(0) if plan else len(content)
        if 300 < step < 600:
            self.send_error(step)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.server.ranges else 0
        self._send(content, start, "application/octet-stream", step)

    def _send(self, content: bytes, start: int, kind: str, most: int | None = None) -> None:
        body = content[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:most])

    def log_message(self, *_: object) -> None:
        return


def _basic(password: str) -> str:
    return "Basic " + base64.b64encode(password.encode()).decode()


@contextmanager
def registry_server() -> Iterator[Registry]:
    """A registry that answers until the end of the block."""
    with Registry() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.held.set()
            server.shutdown()
            thread.join()
