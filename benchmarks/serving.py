"""Latency of quick calls while 64 clients search: `python -m benchmarks.serving`. Measures, prints and judges.

Server, searching clients and the measuring client are three processes of this machine, so the clients' own work is in
the figures. An inference is one whole SearchFacesByImage of an otherwise idle server; the aim is that the p95 of
ListFaces stays below it. ListFaces gives its largest default page, 1000 faces, and a page of 10.
"""

import http.client
import itertools
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
from functools import partial
from multiprocessing.synchronize import Event
from typing import Any
from urllib.parse import urlsplit

import click
from PIL import Image
from rich.console import Console
from rich.table import Table

from tests.support import photos as photo_packages
from tests.support.variants import jpeg, opened

COLLECTION = "benchmark"
PAGES = (10, 1000)
SQUARE = 10
"""Portraits a side of a picture of many faces."""


class Caller:
    """One connection that stays open; calls are made without signing, which is the client's work and not ours."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self._connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=120)

    def call(self, operation: str, body: bytes) -> int:
        return self._ask(operation, body)[0]

    def response(self, operation: str, body: bytes) -> dict[str, Any]:
        status, response = self._ask(operation, body)
        assert status == 200, response
        parsed: dict[str, Any] = json.loads(response)
        return parsed

    def _ask(self, operation: str, body: bytes) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"RekognitionService.{operation}"}
        self._connection.request("POST", "/", body, headers)
        response = self._connection.getresponse()
        return response.status, response.read()


def timed_ms(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def keep_searching(url: str, body: bytes, clients: int, stop: Event, statuses: "multiprocessing.Queue[int]") -> None:
    """Run `clients` threads, each of which sends the next request as soon as it has the response."""

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
    """Start the server; return the process, its URL, and the seconds until its first response."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "openrek.runtime.cli.main", "serve", "--port", "0", "--data", folder]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    url = line[line.index("http://") :].split()[0]
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port)
    connection.request("GET", "/health")
    assert json.loads(connection.getresponse().read())["ok"]
    return process, url, time.perf_counter() - started


def fill(url: str, photos: dict[str, bytes]) -> int:
    """Index four portraits, and pictures of many faces until the largest page is full; return the number of faces."""
    caller = Caller(url)
    caller.call("CreateCollection", json.dumps({"CollectionId": COLLECTION}).encode())
    images = [photos[name] for name in ("obama.jpg", "obama2.jpg", "biden.jpg", "astronaut.png")]
    faces = 0
    for number in itertools.count():
        image = images[number] if number < len(images) else crowd(photos["biden.jpg"], number)
        body = {"CollectionId": COLLECTION, "Image": {"Bytes": b64encode(image).decode()}}
        assert caller.call("IndexFaces", json.dumps(body).encode()) == 200
        described = caller.response("DescribeCollection", json.dumps({"CollectionId": COLLECTION}).encode())
        faces = int(described["FaceCount"])
        if faces >= max(PAGES):
            return faces
    raise AssertionError


def crowd(portrait: bytes, number: int) -> bytes:
    """Return a portrait many times in one picture, and something that differs from picture to picture."""
    small = opened(portrait).resize((120, 150))
    picture = Image.new("RGB", (SQUARE * small.width, SQUARE * small.height), (number, number, number))
    for place in range(SQUARE**2 - 1):
        picture.paste(small, (place % SQUARE * small.width, place // SQUARE * small.height))
    return jpeg(picture)


def percentile(values: list[float], share: float) -> float:
    return statistics.quantiles(values, n=100)[round(share * 100) - 1]


def under_load(
    url: str, searching: bytes, listings: dict[int, bytes], clients: int, seconds: float
) -> tuple[dict[int, list[float]], Counter[int]]:
    """Return the times of listings in ms while `clients` search, and the number of searches by status."""
    caller = Caller(url)
    stop, statuses = multiprocessing.Event(), multiprocessing.Queue()
    load = multiprocessing.Process(target=keep_searching, args=(url, searching, clients, stop, statuses))
    load.start()
    time.sleep(2)
    busy: dict[int, list[float]] = {rows: [] for rows in listings}
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for rows, body in listings.items():
            busy[rows].append(timed_ms(partial(caller.call, "ListFaces", body)))
            time.sleep(0.005)
    stop.set()
    answered: Counter[int] = Counter()
    while load.is_alive() or not statuses.empty():
        try:
            answered[statuses.get(timeout=0.2)] += 1
        except multiprocessing.queues.Empty:
            continue
    return busy, answered


def report(
    console: Console,
    inference: list[float],
    idle: dict[int, list[float]],
    busy: dict[int, list[float]],
    clients: int,
) -> None:
    table = Table("Measured", "p50 ms", "p95 ms", "max ms", "calls")
    measured = {"SearchFacesByImage, alone": inference}
    for rows in PAGES:
        measured[f"ListFaces, {rows} faces, alone"] = idle[rows]
        measured[f"ListFaces, {rows} faces, {clients} clients searching"] = busy[rows]
    for name, values in measured.items():
        cells = (percentile(values, 0.5), percentile(values, 0.95), max(values))
        table.add_row(name, *(f"{cell:.1f}" for cell in cells), f"{len(values)}")
    console.print(table)
    one_ms = statistics.median(inference)
    for rows, values in busy.items():
        p95_ms = percentile(values, 0.95)
        met = "met" if p95_ms < one_ms else "NOT met"
        console.print(f"- {rows} faces: p95 of ListFaces {p95_ms:.1f} ms, one inference {one_ms:.1f} ms ({met})")


@click.command()
@click.option("--clients", default=64, show_default=True)
@click.option("--seconds", default=15.0, show_default=True)
def main(clients: int, seconds: float) -> None:
    photos = photo_packages.load()
    image = {"Bytes": b64encode(photos["obama3.jpg"]).decode()}
    searching = json.dumps({"CollectionId": COLLECTION, "Image": image}).encode()
    listings = {rows: json.dumps({"CollectionId": COLLECTION, "MaxResults": rows}).encode() for rows in PAGES}
    with tempfile.TemporaryDirectory() as folder:
        process, url, start_s = start_server(folder)
        faces = fill(url, photos)
        caller = Caller(url)
        inference = [timed_ms(lambda: caller.call("SearchFacesByImage", searching)) for _ in range(30)]
        idle = {
            rows: [timed_ms(partial(caller.call, "ListFaces", body)) for _ in range(300)]
            for rows, body in listings.items()
        }
        busy, answered = under_load(url, searching, listings, clients, seconds)
        process.terminate()
        stopped = process.wait()

    console = Console(width=120)
    report(console, inference, idle, busy, clients)
    console.print(f"Searches answered by status while loaded: {dict(answered)}")
    console.print(f"{faces} faces; start {start_s:.2f} s; exit {stopped}")


if __name__ == "__main__":
    main()
