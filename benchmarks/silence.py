"""How clients fare beside strangers who hold connections open: `python -m benchmarks.silence`. Measures and judges.

The strangers open their connections as fast as they can and then say nothing; what the server closes they open again,
all at once, every few seconds. `--kind half` has them send half a head, `--kind asked` one whole request first. Clients
are boto3's, without retries, and search one after the other; with `--keys` they sign. Server, clients and strangers are
processes of this machine. The aims: p95 of a search below 1 s (with 8 clients), no errors, a log below 100 kB, and no
more sockets than the documented bound.
"""

import errno
import json
import math
import multiprocessing
import os
import resource
import select
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from rich.console import Console
from rich.table import Table

from openrek.domain.access_keys import AccessKey, new_access_key
from openrek.domain.permissions import EVERYTHING
from openrek.runtime.keys.file_keys import FileKeys
from openrek.runtime.server.open_files import room_for_connections
from tests.support import photos as photo_packages
from tests.support.server import client
from tests.support.signing import new_key, signed

COLLECTION = "benchmark"
SPARE_FILES = 64
ALONE_S = 5.0
LOOK_EVERY_S = 0.5
"""Looking at thousands of descriptors is work, too."""
AIM_S = 1.0
AIM_LOG_BYTES = 100_000


@dataclass
class Measured:
    """Of the clients: seconds of each answered search, and what went wrong how often; what the server worked for all of
    it, which a busy machine changes less.
    """

    answered_s: list[float] = field(default_factory=list)
    server_cpu_s: float = 0.0
    failed: Counter[str] = field(default_factory=Counter)


def keep_searching(
    url: str, key: AccessKey | None, image: bytes, clients: int, seconds: float, told: "multiprocessing.Queue[Measured]"
) -> None:
    """A process of `clients` threads, each asking again as soon as it is answered."""
    measured = Measured()

    def loop() -> None:
        rekognition = client(url, key, max_pool_connections=1, connect_timeout=60, read_timeout=60)
        until_s = time.monotonic() + seconds
        while (began_s := time.monotonic()) < until_s:
            try:
                rekognition.search_faces_by_image(CollectionId=COLLECTION, Image={"Bytes": image})
                measured.answered_s.append(time.monotonic() - began_s)
            except Exception as error:  # noqa: BLE001 (whatever it is, it is counted)
                measured.failed[type(error).__name__] += 1

    threads = [threading.Thread(target=loop) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told.put(measured)


def keep_silent(url: str, first: bytes, connections: int, every_s: float, stop: Event) -> None:
    """A process that holds `connections`, on each of which it sends `first` and nothing else."""
    at = urlsplit(url)
    held: dict[int, socket.socket] = {}
    poll = select.poll()
    while True:
        while len(held) < connections:
            each = _opened((at.hostname or "", at.port or 0), first)
            held[each.fileno()] = each
            poll.register(each, select.POLLIN)
        if stop.wait(every_s):
            return
        for number, _ in poll.poll(0):
            with suppress(OSError):
                if held[number].recv(65536):
                    continue
            poll.unregister(number)
            held.pop(number).close()


def _opened(address: tuple[str, int], first: bytes) -> socket.socket:
    """Connecting or connected: nobody waits for it."""
    connection = socket.socket()
    connection.setblocking(False)
    if connection.connect_ex(address) not in (0, errno.EINPROGRESS):
        raise OSError("cannot connect")
    if first:
        writable = select.poll()
        writable.register(connection, select.POLLOUT)
        writable.poll(1000)
        with suppress(OSError):
            connection.send(first)
    return connection


class Server:
    """`openrek serve` as a process with a log of its own, and what it takes at most while it is watched."""

    def __init__(self, folder: Path, keys: bool) -> None:
        self.log = folder / "log"
        self.key: AccessKey | None = None
        arguments = ["--port", "0", "--data", str(folder / "data")]
        if keys:
            self.key = new_access_key(EVERYTHING, now_s=time.time())
            FileKeys(folder / "data" / "keys.json").add(self.key)
            arguments.append("--keys")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "openrek.runtime.cli.main", "serve", *arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "http://" in line, self.log.read_text()
        self.url = line[line.index("http://") :].split()[0]
        self.files = self.sockets = self.rss_mb = 0
        self._watched = threading.Event()
        self._watch = threading.Thread(target=self._look)
        self._watch.start()

    def _look(self) -> None:
        place = Path("/proc") / str(self.process.pid)
        while not self._watched.wait(LOOK_EVERY_S):
            kinds: Counter[bool] = Counter()
            for each in os.listdir(place / "fd"):
                with suppress(OSError):
                    kinds[os.readlink(f"{place}/fd/{each}").startswith("socket:")] += 1
            self.files = max(self.files, kinds.total())
            self.sockets = max(self.sockets, kinds[True])
            pages = int((place / "statm").read_text().split()[1])
            self.rss_mb = max(self.rss_mb, pages * resource.getpagesize() >> 20)

    @property
    def cpu_s(self) -> float:
        user, system = (Path("/proc") / str(self.process.pid) / "stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> int:
        self._watched.set()
        self._watch.join()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


def searched(server: Server, image: bytes, clients: int, seconds: float) -> Measured:
    told: multiprocessing.Queue[Measured] = multiprocessing.Queue()
    searching = multiprocessing.Process(
        target=keep_searching, args=(server.url, server.key, image, clients, seconds, told)
    )
    before_s = server.cpu_s
    searching.start()
    measured = told.get()
    measured.server_cpu_s = server.cpu_s - before_s
    searching.join()
    return measured


def first_bytes(kind: str, url: str, key: AccessKey | None) -> bytes:
    if kind == "silent":
        return b""
    request = signed(key or new_key())
    headers = {**request.headers, "host": urlsplit(url).netloc} if key is None else request.headers
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    whole = "".join(["POST / HTTP/1.1\r\n", *lines, f"content-length: {len(request.body)}\r\n\r\n"]).encode()
    return whole + request.body if kind == "asked" else whole[:100]


def percentile(values: list[float], share: float) -> float:
    return statistics.quantiles(values, n=100)[round(share * 100) - 1] if len(values) > 1 else math.nan


def report(rows: dict[str, Measured], server: Server, room: int, code: int) -> None:
    table = Table("Searches", "p50 s", "p95 s", "max s", "answered", "failed", "CPU s each")
    for name, measured in rows.items():
        found = measured.answered_s or [math.nan]
        cells = (percentile(found, 0.5), percentile(found, 0.95), max(found))
        failed = json.dumps(measured.failed) if measured.failed else "0"
        each = f"{measured.server_cpu_s / max(1, len(measured.answered_s)):.3f}"
        table.add_row(name, *(f"{cell:.3f}" for cell in cells), f"{len(measured.answered_s)}", failed, each)
    console = Console(width=120)
    console.print(table)
    own = 4  # the listening socket, the event loop's pair, and one that is being refused
    beside = list(rows.values())[-1]
    log_bytes = server.log.stat().st_size
    judged = {
        f"p95 below {AIM_S:g} s": percentile(beside.answered_s, 0.95) < AIM_S,
        "no search failed": not beside.failed,
        f"log of {log_bytes:,} bytes": log_bytes < AIM_LOG_BYTES,
        f"{server.sockets:,} sockets at most, {own} of them its own; the bound is {room:,}": server.sockets - own
        <= room,
    }
    for what, met in judged.items():
        console.print(f"- {what}: {'met' if met else 'NOT met'}")
    console.print(f"{server.files:,} descriptors and {server.rss_mb:,} MB at most; exit {code}")
    console.print(server.log.read_text("utf-8", errors="replace")[:2000], end="")


@click.command()
@click.option("--silent", default=5000, show_default=True, help="Connections that strangers hold.")
@click.option("--kind", default="silent", show_default=True, type=click.Choice(["silent", "half", "asked"]))
@click.option("--every", default=5.0, show_default=True, help="Seconds until they open again what was closed.")
@click.option("--clients", default=8, show_default=True)
@click.option("--seconds", default=30.0, show_default=True)
@click.option("--keys", is_flag=True, help="The server answers only signed requests.")
def main(silent: int, kind: str, every: float, clients: int, seconds: float, keys: bool) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    image = photo_packages.load()["obama3.jpg"]
    context: Any = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder), keys)
        try:
            rekognition = client(server.url, server.key)
            rekognition.create_collection(CollectionId=COLLECTION)
            rekognition.index_faces(CollectionId=COLLECTION, Image={"Bytes": image})
            rows = {"alone": searched(server, image, clients, min(ALONE_S, seconds))}
            each = hard - SPARE_FILES
            hold = partial(keep_silent, server.url, first_bytes(kind, server.url, server.key))
            stop = context.Event()
            strangers = [
                context.Process(target=hold, args=(min(each, silent - start), every, stop))
                for start in range(0, silent, each)
            ]
            for stranger in strangers:
                stranger.start()
            rows[f"beside {silent:,} connections ({kind})"] = searched(server, image, clients, seconds)
            stop.set()
            for stranger in strangers:
                stranger.join()
                assert stranger.exitcode == 0
        finally:
            code = server.stop()
        report(rows, server, room_for_connections(0), code)


if __name__ == "__main__":
    main()
