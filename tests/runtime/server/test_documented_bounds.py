"""The bounds that docs/ARCHITECTURE.md tells are those that the code has."""

import re
from pathlib import Path

from openrek.runtime.functions import upkeep
from openrek.runtime.parts import lambda_calls
from openrek.runtime.server import bodies, socket_server
from openrek.runtime.server.api import MAX_BODIES_BYTES, MAX_REQUESTS
from openrek.runtime.server.app import HEALTH_TIMEOUT_S, QUICK_THREADS
from openrek.runtime.server.connection import BoundedConnection
from openrek.runtime.server.open_files import MAX_CONNECTIONS
from openrek.runtime.settings import Settings
from openrek.store.log.head import FOLD_BYTES, FOLD_ENTRIES
from openrek.store.search.cache import MAX_BYTES
from openrek.vision.faces.tiles import LARGEST_GRID, strips
from openrek.vision.images.decode import MOST_INTERLACED_PX, MOST_PNG_BYTES, MOST_PX, MOST_SCANNED_PX, MOST_SCANS
from openrek.wire.limits import MIB, max_body_bytes
from openrek.wire.model import service_model

TEXT = (Path(__file__).parents[3] / "docs" / "ARCHITECTURE.md").read_text("utf-8")
ONE_LINE = " ".join(TEXT.split())


def test_the_table() -> None:
    section = TEXT.partition("## The local server's bounds")[2].partition("\n## ")[0]
    told = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|", section, re.MULTILINE))
    one, two, none = (
        f"{max_body_bytes(service_model(), operation) / MIB:g} MiB"
        for operation in ("DetectFaces", "CompareFaces", "ListFaces")
    )
    connection, queue = BoundedConnection, Settings.of({}).queue
    expected = {
        "request head": f"{connection.max_head_bytes >> 10} KiB, {connection.head_timeout_s:g} s",
        "trailers, and what surrounds chunks": f"{connection.max_head_bytes >> 10} KiB with the head",
        "requests sent before the first is answered": f"{connection.max_waiting} waiting",
        "an answer that waits to be read": (
            f"{connection.min_read_bytes >> 10} KiB taken in {connection.read_timeout_s:g} s"
        ),
        "request body": (
            f"{one}; CompareFaces {two}; without an image {none}; "
            f"{bodies.IDLE_TIMEOUT_S:g} s without a byte; {bodies.GRACE_S:g} s, and 1 s more for each "
            f"{bodies.LEAST_BYTES_PER_S >> 10} KiB that came"
        ),
        "all bodies in memory": (
            f"{MAX_BODIES_BYTES // MIB} MiB (bodies up to {bodies.FREE_BYTES >> 10} KiB not counted)"
        ),
        "inferences": f"as many as cores (`OPENREK_WORKERS`), {queue} waiting (`OPENREK_QUEUE`)",
        "quick calls": f"{QUICK_THREADS} at once, {queue} waiting",
        "health checks": f"1 examination at once, shared by all who ask meanwhile, {HEALTH_TIMEOUT_S:g} s",
        "requests": f"{MAX_REQUESTS}",
        "connections, from when they are made": (
            f"{MAX_CONNECTIONS}, half of the open-files limit, or what openrek's own files leave of it"
        ),
        "idle connection": f"{socket_server.KEEP_ALIVE_S} s",
        "stop (SIGTERM, SIGINT)": f"{socket_server.GRACEFUL_STOP_S} s for what is running",
    }
    assert {what: told.get(what) for what in expected} == expected
    assert set(told) == {"what", *told_pictures(told), *expected}


def told_pictures(told: dict[str, str]) -> tuple[str, ...]:
    """Return the rows that are about pictures; what they say of the bounds is checked."""
    png = "a PNG; an interlaced one"
    assert told[png].startswith(f"{MOST_PNG_BYTES // 1_000_000} MB unpacked, ")
    assert told[png].endswith(f"; {MOST_INTERLACED_PX // 1_000_000} megapixels")
    memory = "memory for a picture"
    assert memory in told
    scans = "scans of a progressive JPEG"
    assert told[scans].startswith(f"{MOST_SCANS}; all together {MOST_SCANNED_PX // 1_000_000:,} megapixels")
    photo, tiles = "a photo", "tiles of a picture"
    assert told[photo] == f"{MOST_PX // 1_000_000} megapixels, its sides as long as may be"
    most = len(strips((80, 65_535)))
    assert told[tiles].startswith(f"{most} of a long narrow one")
    assert told[tiles].endswith(f"; {LARGEST_GRID**2} of a crowd")
    return scans, png, memory, photo, tiles


def test_what_is_told_elsewhere() -> None:
    drained = f"up to {bodies.DRAIN_BYTES // MIB} MiB of the body are then read and thrown away for up to "
    assert f"{drained}{bodies.DRAIN_TIMEOUT_S:g} s" in ONE_LINE
    assert f"({MAX_BYTES >> 30} GiB in the local server)" in ONE_LINE
    assert f"at {FOLD_BYTES // MIB} MiB or {FOLD_ENTRIES:,} entries" in ONE_LINE
    assert f"at most every {lambda_calls.AGAIN_AFTER_S:g} s per collection and process" in ONE_LINE
    assert f"begins no step in its last {upkeep.RESERVE_MS // 60_000} minutes" in ONE_LINE
