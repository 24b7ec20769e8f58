"""A stand-in for S3 with S3's pace: so many bytes a second to each connection, and to all of them together.

Serves the requests that storing and opening segments need: PutObject, and GetObject with a range. Objects are files of
a folder. Run in a process of its own, it prints its port: python -m benchmarks.slow_s3 FOLDER
"""

import argparse
import re
import threading
import time
from contextlib import suppress
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

CHUNK_BYTES: Final = 256 << 10
CREDIT_S: Final = 0.01
"""All connections together may be so far behind their pace and still make up for it."""

PATH: Final = re.compile(r"/[a-z0-9-]+/([a-z0-9]+/[a-z0-9.-]+)")
RANGE: Final = re.compile(r"bytes=(\d+)-(\d*)")


class Pace:
    """The bandwidth of all connections together."""

    def __init__(self, bytes_per_s: float) -> None:
        self._bytes_per_s = bytes_per_s
        self._lock = threading.Lock()
        self._free_at_s = 0.0

    def due_s(self, count: int) -> float:
        """Return the time when `count` more bytes may have been sent."""
        with self._lock:
            self._free_at_s = max(self._free_at_s, time.monotonic() - CREDIT_S) + count / self._bytes_per_s
            return self._free_at_s


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, folder: Path, connection_mb_s: float, total_mb_s: float, latency_s: float) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder, self.latency_s, self.connection_bytes_per_s = folder, latency_s, connection_mb_s * 1e6
        self.total = Pace(total_mb_s * 1e6)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        file = self._file()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        self._respond(200, 0, ETag=f'"{md5(content, usedforsecurity=False).hexdigest()}"')

    def do_GET(self) -> None:
        file = self._file()
        if not file.is_file():
            self._respond(404, 0)
            return
        size = file.stat().st_size
        asked = RANGE.fullmatch(self.headers.get("Range", "bytes=0-"))
        assert asked
        start, stop = int(asked[1]), min(int(asked[2] or size - 1) + 1, size)
        time.sleep(self.server.latency_s)
        with file.open("rb") as opened:
            opened.seek(start)
            content = memoryview(opened.read(stop - start))
        self._respond(206, len(content), ETag='"one"', **{"Content-Range": f"bytes {start}-{stop - 1}/{size}"})
        with suppress(ConnectionError):
            self._send(content)

    def _send(self, content: memoryview) -> None:
        """Send so that at no time more bytes have gone than the time since the response began allows."""
        began_s = time.monotonic()
        for at in range(0, len(content), CHUNK_BYTES):
            part = content[at : at + CHUNK_BYTES]
            due_s = began_s + (at + len(part)) / self.server.connection_bytes_per_s
            time.sleep(max(0.0, max(due_s, self.server.total.due_s(len(part))) - time.monotonic()))
            self.connection.sendall(part)

    def log_message(self, *_: object) -> None: ...

    def _file(self) -> Path:
        path = PATH.fullmatch(self.path.partition("?")[0])
        assert path
        return self.server.folder / path[1]

    def _respond(self, status: int, length: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--connection-mb-s", type=float, default=100.0)
    parser.add_argument("--total-mb-s", type=float, default=600.0)
    parser.add_argument("--latency-ms", type=float, default=20.0)
    options = parser.parse_args()
    server = Server(options.folder, options.connection_mb_s, options.total_mb_s, options.latency_ms / 1000)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
