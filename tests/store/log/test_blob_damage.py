"""A blob that is damaged or gone is named, with its collection, to whoever searches, in the log and by upkeep."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from openrek.domain.collections import Collection
from openrek.domain.errors import InternalServerError
from openrek.store.blobs.folder import LARGE_BYTES, FolderBlobs
from openrek.store.disk.throttled_log import AGAIN_AFTER_S, ThrottledLog
from openrek.store.faces.faces import StoredFaces
from openrek.store.items.port import Delete, Items
from openrek.store.log.head import require_head
from openrek.store.log.keys import log_key
from openrek.store.log.quantisation import dequantise
from openrek.store.search.cache import CollectionCache
from openrek.store.search.search import StoredSearch
from openrek.store.upkeep.compaction import Compactor, current_manifest
from openrek.store.upkeep.upkeep import DAMAGED, Upkeep
from tests.store.memory_blobs import MemoryBlobs
from tests.store.search.pictures import index, large_collection
from tests.store.synthetic import now
from tests.support.clocks import FakeClock


def test_a_segment_that_shrinks_in_place_is_searched_on_and_never_opened_again(
    items: Items, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As a backup tool may do: a map of the file would kill the process."""
    blobs = FolderBlobs(tmp_path / "blobs")
    collection = large_collection(items, blobs, 60_000)
    searched = StoredSearch(items, blobs)
    block = CollectionCache(items, blobs).current(collection).faces.blocks[0]
    probe = dequantise(block.vectors[7].tobytes(), float(block.scales[7]))

    def answer(by: StoredSearch) -> list[tuple[object, float]]:
        found = by.nearest(now(items, collection), probe, limit=100, lowest_cosine=-1.0)
        return [(match.face.face_id, match.cosine) for match in found]

    before = answer(searched)
    assert len(before) == 100
    name = next(name for name in blobs.names() if name.endswith(".segment"))
    assert (tmp_path / "blobs" / name).stat().st_size > LARGE_BYTES

    os.truncate(tmp_path / "blobs" / name, 5000)

    assert answer(searched) == before
    with pytest.raises(InternalServerError) as refusal:
        answer(StoredSearch(items, blobs))
    assert refusal.value.reason == (
        f"The segment {name} of the collection large is damaged (a column's checksum is wrong); "
        "`openrek verify` says more."
    )
    assert caplog.messages == [refusal.value.reason]


def damage(blobs: MemoryBlobs, name: str) -> None:
    content = bytearray(blobs.get(name))
    content[len(content) // 2] ^= 1
    blobs.delete(name)
    blobs.put(name, bytes(content))


WRONG: dict[str, tuple[Callable[[MemoryBlobs, str], None], str]] = {
    "damaged": (damage, " is damaged ({why}); "),
    "missing": (MemoryBlobs.delete, " is missing; "),
}


@pytest.mark.parametrize("how", WRONG)
@pytest.mark.parametrize(("ending", "what", "why"), [
    ("segment", "segment", "a column's checksum is wrong"),
    ("tombstones", "segment's tombstones", "the tombstones' checksum is wrong"),
    ("manifest", "manifest", "the manifest's checksum is wrong"),
])  # fmt: skip
def test_what_is_wrong_is_named(
    items: Items,
    collection: Collection,
    caplog: pytest.LogCaptureFixture,
    how: str,
    ending: str,
    what: str,
    why: str,
) -> None:
    blobs = MemoryBlobs()
    for number in range(20):
        index(items, now(items, collection), number, 50)
    Upkeep(items, blobs, clock=FakeClock()).purge()
    delete_a_face(items, now(items, collection), blobs)
    manifest = current_manifest(blobs, require_head(items, collection))
    (ref,) = manifest.segments
    name = {"segment": ref.name, "tombstones": ref.tombstones, "manifest": require_head(items, collection).manifest}[
        ending
    ]
    assert name is not None
    spoil, told = WRONG[how]
    spoil(blobs, name)

    found = CollectionCache(items, blobs, clock=FakeClock())
    for _ in range(3):
        with pytest.raises(InternalServerError) as refusal:
            found.current(now(items, collection))
    sentence = f"{what} {name} of the collection people{told.format(why=why)}"
    assert refusal.value.reason == f"The {sentence}`openrek verify` says more."
    assert caplog.messages == [refusal.value.reason]
    with pytest.raises(DAMAGED) as raised:
        Upkeep(items, blobs, clock=FakeClock()).purge()
    assert str(raised.value) == f"the {sentence}".removesuffix("; ")


def delete_a_face(items: Items, collection: Collection, blobs: MemoryBlobs) -> None:
    """And compact, so that the segment gets tombstones."""
    faces = StoredFaces(items)
    face = faces.page(collection, None, 1).rows[0]
    faces.delete(collection, [face.face_id])
    compactor = Compactor(items, blobs, fold_entries=1, clock=FakeClock())
    while compactor.step(collection.collection_id):
        pass


def test_a_log_with_a_hole_is_named(items: Items, collection: Collection) -> None:
    for number in range(3):
        index(items, now(items, collection), number)
    items.transact([Delete(log_key(collection.uid, 2))])
    with pytest.raises(InternalServerError) as refusal:
        CollectionCache(items, MemoryBlobs(), clock=FakeClock()).current(now(items, collection))
    expected = "The log of the collection people has a hole; `openrek verify` says more."
    assert refusal.value.reason == expected


def test_each_is_told_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock(passed_s=5.0)
    log_error = ThrottledLog(clock)
    for later_s, sentence in ((0, "a"), (1, "b"), (2, "a"), (AGAIN_AFTER_S, "a"), (AGAIN_AFTER_S, "b")):
        clock.passed_s = 5.0 + later_s
        log_error(sentence)
    assert caplog.messages == ["a", "b", "a"]


def test_new_segments_that_are_damaged_are_told_and_the_old_ones_searched_on(
    items: Items, collection: Collection, caplog: pytest.LogCaptureFixture
) -> None:
    blobs = MemoryBlobs()
    index(items, now(items, collection), 1)
    found = CollectionCache(items, blobs, clock=FakeClock(), later=lambda work: work())
    found.current(now(items, collection))
    Upkeep(items, blobs, clock=FakeClock()).purge()
    name = next(name for name in blobs.names() if name.endswith(".segment"))
    damage(blobs, name)

    found.tidy()

    assert sum(len(block.scales) for block in found.current(now(items, collection)).faces.blocks) == 5
    assert any(f"The segment {name} of the collection people is damaged" in message for message in caplog.messages)
