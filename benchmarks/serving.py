"""How quick calls fare while 64 clients search: `python -m benchmarks.serving`. Measures and prints; asserts nothing.

Server, searching clients and the measuring client are three processes of this machine, so the clients' own work is in
the figures. An inference is one whole SearchFacesByImage of an otherwise idle server.
"""

import http.client
import json
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from multiprocessing.synchronize import Event
from urllib.parse import urlsplit

import click
from rich.console import Console
from rich.table import Table

from tests.support import photos as photo_packages

COLLECTION = "benchmark"


class Caller:
    """One connection that stays open; calls are made without signing, which is the client's work and not ours."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self._connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=120)

    def call(self, operation: str, body: bytes) -> int:
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"RekognitionService.{operation}"}
        self._connection.request("POST", "/", body, headers)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status


def timed_ms(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def keep_searching(url: str, body: bytes, clients: int, stop: Event, statuses: "multiprocessing.Queue[int]") -> None:
    """A process of `clients` threads, each asking again as soon as it is answered."""

    def loop() -> None:
        caller = Caller(url)
        while not stop.is_set():
            statuses.put(caller.call("SearchFacesByImage", body))

    threads = [threading.Thread(target=loop) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def start_server(folder: str) -> tuple[subprocess.Popen[str], str, float]:
    """The process, its URL, and the seconds until it answered."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "openrek.runtime.cli", "serve", "--port", "0", "--data", folder]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    url = line[line.index("http://") :].split()[0]
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port)
    connection.request("GET", "/health")
    assert json.loads(connection.getresponse().read())["ok"]
    return process, url, time.perf_counter() - started


def fill(url: str, photos: dict[str, bytes]) -> None:
    caller = Caller(url)
    caller.call("CreateCollection", json.dumps({"CollectionId": COLLECTION}).encode())
    for name in ("obama.jpg", "obama2.jpg", "biden.jpg", "astronaut.png"):
        image = {"Bytes": b64encode(photos[name]).decode()}
        body = {"CollectionId": COLLECTION, "Image": image, "ExternalImageId": name}
        assert caller.call("IndexFaces", json.dumps(body).encode()) == 200


def percentile(values: list[float], share: float) -> float:
    return statistics.quantiles(values, n=100)[round(share * 100) - 1]


@click.command()
@click.option("--clients", default=64, show_default=True)
@click.option("--seconds", default=15.0, show_default=True)
def main(clients: int, seconds: float) -> None:
    photos = photo_packages.load()
    image = {"Bytes": b64encode(photos["obama3.jpg"]).decode()}
    searching = json.dumps({"CollectionId": COLLECTION, "Image": image}).encode()
    listing = json.dumps({"CollectionId": COLLECTION}).encode()
    with tempfile.TemporaryDirectory() as folder:
        process, url, start_s = start_server(folder)
        fill(url, photos)
        caller = Caller(url)
        inference = [timed_ms(lambda: caller.call("SearchFacesByImage", searching)) for _ in range(30)]
        idle = [timed_ms(lambda: caller.call("ListFaces", listing)) for _ in range(300)]

        stop, statuses = multiprocessing.Event(), multiprocessing.Queue()
        load = multiprocessing.Process(target=keep_searching, args=(url, searching, clients, stop, statuses))
        load.start()
        time.sleep(2)
        busy: list[float] = []
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            busy.append(timed_ms(lambda: caller.call("ListFaces", listing)))
            time.sleep(0.005)
        stop.set()
        answered: Counter[int] = Counter()
        while load.is_alive() or not statuses.empty():
            try:
                answered[statuses.get(timeout=0.2)] += 1
            except multiprocessing.queues.Empty:
                continue
        process.terminate()
        stopped = process.wait()

    table = Table("Measured", "p50 ms", "p95 ms", "max ms", "calls")
    for name, values in (
        ("SearchFacesByImage, alone", inference),
        ("ListFaces, alone", idle),
        (f"ListFaces, {clients} clients searching", busy),
    ):
        cells = (percentile(values, 0.5), percentile(values, 0.95), max(values))
        table.add_row(name, *(f"{cell:.1f}" for cell in cells), f"{len(values)}")
    console = Console()
    console.print(table)
    console.print(f"Searches answered by status while loaded: {dict(answered)}; start {start_s:.2f} s; exit {stopped}")


if __name__ == "__main__":
    main()
