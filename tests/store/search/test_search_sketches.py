"""Sketches of large segments: they come after the first search, are counted, and change no result."""

from collections.abc import Callable
from uuid import UUID

import pytest

from openrek.domain.errors import InternalServerError
from openrek.store.items.port import Items
from openrek.store.log.quantisation import dequantise
from openrek.store.search.cache import CollectionCache
from openrek.store.search.search import StoredSearch
from openrek.store.segments.sketches import LEAST_ROWS
from tests.store.memory_blobs import MemoryBlobs
from tests.store.search.pictures import index, large_collection
from tests.store.synthetic import new_collection, now


def test_a_large_segment_is_sketched_after_the_first_search_and_results_stay_the_same(
    items: Items, row_scan: None
) -> None:
    blobs, ordered = MemoryBlobs(), list[Callable[[], None]]()
    collection = large_collection(items, blobs, LEAST_ROWS)
    searched = StoredSearch(items, blobs, later=ordered.append)
    gallery = CollectionCache(items, blobs).current(collection).faces
    probes = [
        dequantise(gallery.blocks[0].vectors[row].tobytes(), float(gallery.blocks[0].scales[row])) for row in (5, 9)
    ]

    def results(limit: int, lowest: float) -> list[list[tuple[UUID, float]]]:
        found = searched.nearest_each(now(items, collection), probes, limit=limit, lowest_cosine=lowest)
        return [[(match.face.face_id, match.cosine) for match in each] for each in found]

    before = [results(2, -1.0), results(4096, 0.4), results(4096, 0.1)]
    assert len(ordered) == 1  # however many searches wait for it
    ordered.pop()()
    after = [results(2, -1.0), results(4096, 0.4), results(4096, 0.1)]
    assert after == before
    assert [len(each) for each in after[0]] == [2, 2]
    assert ordered == []

    index(items, now(items, collection), 1)  # a new snapshot has the same sketches
    assert results(2, -1.0) == before[0]
    assert ordered == []

    best = results(1, -1.0)
    sketch = searched._cache.current(now(items, collection)).faces.sketches[0]
    assert sketch is not None
    assert sketch.made is not None
    sketch.made.nibbles[5] ^= 0xFF
    assert results(1, -1.0)[0] != best[0], "a wrong sketch hides its row, so searches do read them"
    assert results(1, -1.0)[1] == best[1]


def test_the_memory_of_sketches_is_counted(items: Items) -> None:
    blobs = MemoryBlobs()
    large, small = large_collection(items, blobs, LEAST_ROWS), new_collection(items, "small")
    index(items, small, 1)
    searched = StoredSearch(items, blobs, max_bytes=240 * LEAST_ROWS, later=lambda _: None)
    searched.prepare(large)
    for name in list(blobs.names()):
        blobs.delete(name)
    searched.prepare(large)  # it is in memory: about 200 bytes of each row, and 64 for its sketch

    searched.prepare(now(items, small))

    with pytest.raises(InternalServerError):
        searched.prepare(large)
