"""How long a collection takes to open in a new process, beside numpy reading the same bytes.

    python benchmarks/open.py [--rows 1000000] [--dimensions 128] [--rounds 5]

Baseline: `np.load` of one .npy file with as many bytes as the segments have. Both read from the page cache, in turns;
the table gives medians. "opened" is the first search of an `Index` that knows nothing: head, manifest, segments with
all their checksums, and the log since then. Reports bytes per face on disk and resident, too.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from openrek.domain.collections import Collection
from openrek.domain.models import FaceModel
from openrek.store import manifests, segments
from openrek.store.collections import StoredCollections
from openrek.store.folder_blobs import FolderBlobs
from openrek.store.heads import require_head
from openrek.store.index import Index
from openrek.store.items import Put
from openrek.store.manifests import Manifest, SegmentRef, blob_name
from openrek.store.sqlite_items import SqliteItems
from openrek.store.swaps import swap_manifest
from openrek.store.tables import Table, texts

ROWS_PER_SEGMENT = 300_000
COLLECTION_ID = "large"


def table(rows: int, dimensions: int, rng: np.random.Generator) -> Table:
    """Random faces with an ExternalImageId of 12 characters each."""
    names = [f"person-{number:05}" for number in rng.integers(0, 100_000, rows).tolist()]
    return Table(
        ids=rng.integers(0, 256, (rows, 16), dtype=np.uint8),
        seqs=np.ones(rows, np.uint64),
        images=rng.integers(0, 256, (rows, 16), dtype=np.uint8),
        geometry=rng.random((rows, 5), dtype=np.float32),
        scales=np.full(rows, 0.0024, np.float32),
        vectors=rng.integers(-127, 128, (rows, dimensions), dtype=np.int8),
        external=texts(names),
        owners=texts([None] * rows),
    ).sorted()


def fill(folder: Path, rows: int, dimensions: int) -> int:
    """A collection of segments only; returns their bytes."""
    items, blobs = SqliteItems(folder / "items.sqlite3"), FolderBlobs(folder / "blobs")
    model = FaceModel("7.0", "synthetic", dimensions, 36.0, 0.359)
    head = require_head(items, StoredCollections(items).create(COLLECTION_ID, model, {}))
    head = replace(head, seq=1, faces=rows)  # as if one change had added them all and was compacted since
    items.transact([Put(head.key, head.attributes())])
    rng = np.random.default_rng(7)
    refs: list[SegmentRef] = []
    for start in range(0, rows, ROWS_PER_SEGMENT):
        count = min(ROWS_PER_SEGMENT, rows - start)
        content = segments.encode(table(count, dimensions, rng))
        name = blob_name(head.uid, 0, "segment")
        blobs.put(name, content)
        refs.append(SegmentRef(name, count, len(content)))
    manifest = Manifest(head.uid, version=1, through=1, made_ms=0, segments=tuple(refs))
    name = blob_name(head.uid, 0, "manifest")
    blobs.put(name, manifests.encode(manifest))
    assert swap_manifest(items, head, name, manifest)
    items.close()
    total_bytes = sum(ref.size_bytes for ref in refs)
    np.save(folder / "same-bytes.npy", np.frombuffer(rng.bytes(total_bytes), np.uint8))
    return total_bytes


def opened(folder: Path) -> None:
    """In a process of its own: prints seconds until the collection is open, and MiB resident for it."""
    items, blobs = SqliteItems(folder / "items.sqlite3"), FolderBlobs(folder / "blobs")
    collection: Collection = StoredCollections(items).require(COLLECTION_ID)
    before_kib = resident_kib()
    start = time.perf_counter()
    snapshot = Index(items, blobs).current(collection)
    assert sum(len(block.scales) for block in snapshot.faces.blocks) > 0
    print(time.perf_counter() - start, (resident_kib() - before_kib) / 1024)


def loaded(folder: Path) -> None:
    """The baseline, likewise."""
    before_kib = resident_kib()
    start = time.perf_counter()
    content = np.load(folder / "same-bytes.npy")
    assert len(content)
    print(time.perf_counter() - start, (resident_kib() - before_kib) / 1024)


def resident_kib() -> int:
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.split("VmRSS:")[1].split()[0])


def once(folder: Path, what: str) -> tuple[float, float]:
    command = [sys.executable, __file__, "--inside", what, "--folder", str(folder)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(answer[0]), float(answer[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dimensions", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--inside", choices=["opened", "loaded"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        {"opened": opened, "loaded": loaded}[arguments.inside](arguments.folder)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        total_bytes = fill(folder, arguments.rows, arguments.dimensions)
        rounds = [(once(folder, "opened"), once(folder, "loaded")) for _ in range(arguments.rounds)]
        ours, theirs = (statistics.median(each[side][0] for each in rounds) for side in (0, 1))
        resident_mib = statistics.median(each[0][1] for each in rounds)
    raw_bytes = arguments.dimensions + 4 + 16 + 16 + 20 + 12  # vector, scale, two ids, box and confidence, external id
    print(
        "| rows | d | opened s | np.load s | ratio | GB/s | disk bytes a face | x raw | resident bytes a face | cores |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    print(
        f"| {arguments.rows:,} | {arguments.dimensions} | {ours:.3f} | {theirs:.3f} | {ours / theirs:.2f} "
        f"| {total_bytes / ours / 1e9:.2f} | {total_bytes / arguments.rows:.0f} "
        f"| {total_bytes / arguments.rows / raw_bytes:.2f} | {resident_mib * 1024**2 / arguments.rows:.0f} "
        f"| {os.cpu_count()} |"
    )


if __name__ == "__main__":
    main()
