"""Throughput of changes to one collection on SQLite, and proof that none is lost.

    python benchmarks/commits.py [--writers 1 8 32] [--seconds 5]

Each writer indexes one-face pictures (synthetic vectors) into the same collection as fast as it can; every commit moves
the head, writes a log entry, a face and a duplicate record, and waits for the disk. Afterwards the log must be dense
and every acknowledged face must be there once.
"""

import argparse
import hashlib
import tempfile
import threading
import time
from array import array
from pathlib import Path
from uuid import UUID

import numpy as np

from openrek.domain.collections import Collection
from openrek.domain.faces import BoundingBox, DetectedFace, Picture, Pose, Quality
from openrek.domain.models import SFACE
from openrek.store.collections.collections import StoredCollections
from openrek.store.faces.faces import StoredFaces
from openrek.store.items.sqlite import SqliteItems
from openrek.store.log.entries import entries
from openrek.store.log.head import require_head

FACE = DetectedFace(BoundingBox(0.25, 0.25, 0.5, 0.5), 99.0, (), Pose(0, 0, 0), Quality(50, 50, 50), 90.0, 90.0)


def measure(folder: Path, writers: int, seconds: float) -> None:
    items = SqliteItems(folder / "items.sqlite3")
    collection = StoredCollections(items).create(f"writers-{writers}", SFACE, {})
    faces = StoredFaces(items)
    stop_s = time.perf_counter() + seconds
    given: list[list[UUID]] = [[] for _ in range(writers)]

    def write(number: int) -> None:
        rng = np.random.default_rng(number)
        while time.perf_counter() < stop_s:
            picture = Picture(hashlib.sha256(f"{number} {len(given[number])}".encode()).digest(), None)
            vector = array("f", rng.standard_normal(128, dtype=np.float32).tobytes())
            (face,) = faces.index(collection, picture, [FACE], lambda _, found=vector: found)
            given[number].append(face.face_id)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    start_s = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took_s = time.perf_counter() - start_s
    total = check(items, collection, [face_id for each in given for face_id in each])
    print(f"| {writers} | {total / took_s:.0f} | {total} |")
    items.close()


def check(items: SqliteItems, collection: Collection, given: list[UUID]) -> int:
    """Check that the log holds each acknowledged face once, and nothing else; return their number."""
    head = require_head(items, collection)
    logged = [
        UUID(bytes=row["id"])
        for page in entries(items, head.uid, after=0, through=head.seq)
        for entry in page
        for row in entry.faces.rows
    ]
    assert sorted(logged) == sorted(given)
    assert head.faces == head.seq == len(given)
    return len(given)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writers", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--seconds", type=float, default=5.0)
    arguments = parser.parse_args()
    print("| writers | commits/s | commits |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for writers in arguments.writers:
            measure(Path(folder), writers, arguments.seconds)


if __name__ == "__main__":
    main()
