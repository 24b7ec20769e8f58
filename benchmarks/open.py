"""Time to open a collection in a new process, beside numpy reading the same bytes.

    python -m benchmarks.open [--rows 1000000] [--dimensions 128] [--rounds 5]
                              [--connection-mb-s 100] [--total-mb-s 600] [--latency-ms 20]

Baseline: `np.load` of one .npy file with as many bytes as the segments have. All read from the page cache, in turns;
the tables give medians. "opened" is the first search of an empty `CollectionCache`: head, manifest, segments with all
their checksums, and the log since then. Reports bytes per face on disk and resident, too.

The second table opens the same segments from a local stand-in for S3 (benchmarks/slow_s3.py) through stock boto3. It
gives so many bytes a second to one connection, so many to all, and the first byte of a response after a while. `limit`
is the bytes at the full bandwidth; `plain` are as many connections that do nothing but read all parts, `one alone` is
the bytes at one connection's bandwidth.
"""

import argparse
import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from openrek.domain.clock import SYSTEM_CLOCK
from openrek.domain.collections import Collection
from openrek.domain.models import FaceModel
from openrek.store.blobs.folder import FolderBlobs
from openrek.store.blobs.port import Blobs
from openrek.store.blobs.s3 import PART_BYTES, S3Blobs
from openrek.store.blobs.s3 import THREADS as S3_THREADS
from openrek.store.collections.collections import StoredCollections
from openrek.store.items.port import Put
from openrek.store.items.sqlite import SqliteItems
from openrek.store.log.head import require_head
from openrek.store.search.cache import CollectionCache
from openrek.store.segments.columns import Table, text_column
from openrek.store.segments.manifest import Manifest, SegmentRef, blob_name, encode_manifest
from openrek.store.segments.segment_file import encode_segment
from openrek.store.upkeep.manifest_swap import swap_manifest

ROWS_PER_SEGMENT = 300_000
COLLECTION_ID = "large"
BUCKET = "segments"
PACES = {"connection-mb-s": 100.0, "total-mb-s": 600.0, "latency-ms": 20.0}
"""About what S3 gives to a function in Lambda."""

AWS = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": "us-east-1"}


def table(rows: int, dimensions: int, rng: np.random.Generator) -> Table:
    """Return random faces with an ExternalImageId of 12 characters each."""
    names = [f"person-{number:05}" for number in rng.integers(0, 100_000, rows).tolist()]
    return Table(
        ids=rng.integers(0, 256, (rows, 16), dtype=np.uint8),
        seqs=np.ones(rows, np.uint64),
        images=rng.integers(0, 256, (rows, 16), dtype=np.uint8),
        geometry=rng.random((rows, 5), dtype=np.float32),
        scales=np.full(rows, 0.0024, np.float32),
        vectors=rng.integers(-127, 128, (rows, dimensions), dtype=np.int8),
        external=text_column(names),
        owners=text_column([None] * rows),
    ).sorted()


def fill(folder: Path, rows: int, dimensions: int) -> int:
    """Make a collection of segments only; return their bytes."""
    items, blobs = SqliteItems(folder / "items.sqlite3"), FolderBlobs(folder / "blobs")
    model = FaceModel("7.0", "synthetic", dimensions, 36.0, 0.359)
    head = require_head(items, StoredCollections(items).create(COLLECTION_ID, model, {}))
    head = replace(head, seq=1, faces=rows)  # as if one change had added them all and was compacted since
    items.transact([Put(head.key, head.attributes())])
    rng = np.random.default_rng(7)
    refs: list[SegmentRef] = []
    for start in range(0, rows, ROWS_PER_SEGMENT):
        count = min(ROWS_PER_SEGMENT, rows - start)
        content = encode_segment(table(count, dimensions, rng))
        name = blob_name(head.uid, 0, "segment")
        blobs.put(name, content)
        refs.append(SegmentRef(name, count, len(content)))
    manifest = Manifest(head.uid, version=1, through=1, made_ms=0, segments=tuple(refs))
    name = blob_name(head.uid, 0, "manifest")
    blobs.put(name, encode_manifest(manifest))
    assert swap_manifest(items, head, name, manifest, clock=SYSTEM_CLOCK)
    items.close()
    total_bytes = sum(ref.size_bytes for ref in refs)
    np.save(folder / "same-bytes.npy", np.frombuffer(rng.bytes(total_bytes), np.uint8))
    return total_bytes


def opened(folder: Path) -> None:
    """Print the seconds until the collection is open, and the MiB resident for it; runs in a process of its own."""
    _open(folder, FolderBlobs(folder / "blobs"))


def opened_s3(folder: Path) -> None:
    """Print the same for the collection in S3; the environment says where S3 is."""
    blobs = S3Blobs(BUCKET)
    blobs.get(next(FolderBlobs(folder / "blobs").names()), length=1)  # boto3 has read its service model
    _open(folder, blobs)


def _open(folder: Path, blobs: Blobs) -> None:
    items = SqliteItems(folder / "items.sqlite3")
    collection: Collection = StoredCollections(items).require(COLLECTION_ID)
    before_kib = resident_kib()
    start = time.perf_counter()
    snapshot = CollectionCache(items, blobs).current(collection)
    assert sum(len(block.scales) for block in snapshot.faces.blocks) > 0
    print(time.perf_counter() - start, (resident_kib() - before_kib) / 1024)


def loaded(folder: Path) -> None:
    """Print the same for the baseline."""
    before_kib = resident_kib()
    start = time.perf_counter()
    content = np.load(folder / "same-bytes.npy")
    assert len(content)
    print(time.perf_counter() - start, (resident_kib() - before_kib) / 1024)


def uploaded_s3(folder: Path) -> None:
    start_s, stored, blobs = time.perf_counter(), FolderBlobs(folder / "blobs"), S3Blobs(BUCKET)
    for name in stored.names():
        blobs.put(name, stored.get(name))
    print(time.perf_counter() - start_s, 0.0)


def plain_s3(folder: Path) -> None:
    """Print the same for as many plain connections as S3Blobs has: the most that the stand-in can give."""
    sizes = {name: len(FolderBlobs(folder / "blobs").open(name)) for name in FolderBlobs(folder / "blobs").names()}
    parts = [(name, start) for name, size in sizes.items() for start in range(0, size, PART_BYTES)]
    local = threading.local()

    def fetch(part: tuple[str, int]) -> int:
        if not hasattr(local, "connection"):
            local.connection = http.client.HTTPConnection(os.environ["AWS_ENDPOINT_URL_S3"].removeprefix("http://"))
        name, start = part
        headers = {"Range": f"bytes={start}-{start + PART_BYTES - 1}"}
        local.connection.request("GET", f"/{BUCKET}/{name}", headers=headers)
        return len(local.connection.getresponse().read())

    start_s = time.perf_counter()
    with ThreadPoolExecutor(S3_THREADS) as pool:
        assert sum(pool.map(fetch, parts)) == sum(sizes.values())
    print(time.perf_counter() - start_s, 0.0)


def resident_kib() -> int:
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.split("VmRSS:")[1].split()[0])


INSIDE = {"opened": opened, "loaded": loaded, "opened-s3": opened_s3, "upload-s3": uploaded_s3, "plain-s3": plain_s3}


def once(folder: Path, what: str, **environ: str) -> tuple[float, float]:
    command = [sys.executable, "-m", "benchmarks.open", "--inside", what, "--folder", str(folder)]
    output = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **environ}
    ).stdout.split()
    return float(output[0]), float(output[1])


def medians(folder: Path, rounds: int, *whats: str, **environ: str) -> list[tuple[float, float]]:
    """Return seconds and MiB of each, measured in turns."""
    turns = [[once(folder, what, **environ) for what in whats] for _ in range(rounds)]
    return [
        (statistics.median(second for second, _ in column), statistics.median(mib for _, mib in column))
        for column in zip(*turns, strict=True)
    ]


def from_folder(folder: Path, total_bytes: int, options: argparse.Namespace) -> None:
    (ours, resident_mib), (theirs, _) = medians(folder, options.rounds, "opened", "loaded")
    raw_bytes = options.dimensions + 4 + 16 + 16 + 20 + 12  # vector, scale, two ids, box and confidence, external id
    print(
        "| rows | d | opened s | np.load s | ratio | GB/s | disk bytes a face | x raw | resident bytes a face | cores |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    print(
        f"| {options.rows:,} | {options.dimensions} | {ours:.3f} | {theirs:.3f} | {ours / theirs:.2f} "
        f"| {total_bytes / ours / 1e9:.2f} | {total_bytes / options.rows:.0f} "
        f"| {total_bytes / options.rows / raw_bytes:.2f} | {resident_mib * 1024**2 / options.rows:.0f} "
        f"| {os.cpu_count()} |\n",
        flush=True,
    )


def from_s3(folder: Path, total_bytes: int, options: argparse.Namespace) -> None:
    paces = [f"--{name}={getattr(options, name.replace('-', '_'))}" for name in PACES]
    command = [sys.executable, "-m", "benchmarks.slow_s3", str(folder / "bucket"), *paces]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            environ = {**AWS, "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{int(server.stdout.readline())}"}
            once(folder, "upload-s3", **environ)
            whats = ("opened-s3", "plain-s3", "loaded")
            (ours, _), (plain, _), (theirs, _) = medians(folder, options.rounds, *whats, **environ)
        finally:
            server.terminate()
    limit = total_bytes / 1e6 / min(options.total_mb_s, S3_THREADS * options.connection_mb_s)
    alone = total_bytes / 1e6 / options.connection_mb_s
    print(
        "| rows | d | MB | MB/s: one, all | opened s | MB/s | limit s | of limit | plain s | one alone s | np.load s |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    print(
        f"| {options.rows:,} | {options.dimensions} | {total_bytes / 1e6:.0f} "
        f"| {options.connection_mb_s:.0f}, {options.total_mb_s:.0f} | {ours:.3f} | {total_bytes / ours / 1e6:.0f} "
        f"| {limit:.3f} | {limit / ours:.2f} | {plain:.3f} | {alone:.3f} | {theirs:.3f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dimensions", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    for name, pace in PACES.items():
        parser.add_argument(f"--{name}", type=float, default=pace)
    parser.add_argument("--inside", choices=INSIDE, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        INSIDE[options.inside](options.folder)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        total_bytes = fill(folder, options.rows, options.dimensions)
        from_folder(folder, total_bytes, options)
        from_s3(folder, total_bytes, options)


if __name__ == "__main__":
    main()
