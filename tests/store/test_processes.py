"""Several processes of several threads write to one collection in one data folder at once."""

import multiprocessing
from pathlib import Path

from openrek.store.faces import StoredFaces
from tests.store.invariants import check_collection, plan_items
from tests.store.synthetic import new_collection, open_items
from tests.store.workers import index_in_threads

PROCESSES, WRITERS, PICTURES = 4, 32, 4


def test_32_writers_in_four_processes_lose_and_double_nothing(tmp_path: Path) -> None:
    items = open_items(tmp_path)
    collection = new_collection(items)

    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        calls = [(tmp_path, range(me, WRITERS, PROCESSES), PICTURES) for me in range(PROCESSES)]
        outcomes = [outcome for each in pool.starmap(index_in_threads, calls, chunksize=1) for outcome in each]

    assert len(outcomes) == WRITERS
    there = set().union(*(there for there, _ in outcomes))
    gone = set().union(*(gone for _, gone in outcomes))
    rows = StoredFaces(items).page(collection, None, 100_000).rows
    assert {str(face.face_id) for face in rows} == there - gone
    assert len(rows) == len(there - gone)
    shared = [face for face in rows if (face.external_image_id or "").startswith("shared-")]
    assert len(shared) == 6 * PICTURES, "all processes got the same ids for the same pictures"
    assert plan_items(items, collection) == []
    check_collection(items, collection)
    items.close()
