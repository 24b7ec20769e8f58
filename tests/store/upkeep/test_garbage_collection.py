"""Names follow the version that was read, so garbage goes and nothing else, whoever swaps meanwhile."""

from uuid import UUID

from openrek.store.collections.collections import StoredCollections
from openrek.store.segments.manifest import Manifest, SegmentRef, base_version, blob_name, encode_manifest
from openrek.store.upkeep.compaction import FOLD_AFTER_MS
from openrek.store.upkeep.garbage_collection import GarbageCollector
from openrek.store.upkeep.manifest_swap import swap_manifest
from tests.store.upkeep.logged_store import LoggedStore, fill, name_of
from tests.support.clocks import FakeClock


def test_names_follow_the_version_that_was_read(store: LoggedStore) -> None:
    fill(store, range(10))
    store.compactor.step(store.name, force=True)
    fill(store, range(50, 52))
    store.write({}, [name_of(1)])
    store.now_s += FOLD_AFTER_MS / 1000 + 1
    store.compactor.step(store.name)

    assert store.head.version == 2
    assert base_version(store.head.manifest) == 1
    assert {base_version(name) for name in store.manifest.blobs} == {1}
    assert all(name.startswith(f"{store.made.uid.hex}/") for name in store.blobs.names())


def test_garbage_of_a_lower_base_goes_and_no_other(store: LoggedStore) -> None:
    fill(store, range(10))
    store.compactor.step(store.name, force=True)
    fill(store, range(20))
    store.compactor.step(store.name, force=True)
    uid, version = store.head.uid, store.head.version
    lower, same, higher = (blob_name(uid, version + offset, "segment") for offset in (-1, 0, 1))
    for name in (lower, same, higher):
        store.blobs.put(name, b"of a compactor that nobody knows of")
    elsewhere = blob_name(UUID(int=7), 0, "segment")
    store.blobs.put(elsewhere, b"of another collection")

    removed = GarbageCollector(store.items, store.blobs, clock=FakeClock()).collect(store.name)

    remaining = set(store.blobs.names())
    assert lower not in remaining
    assert removed >= 1
    assert remaining == store.manifest.blobs | {store.head.manifest, same, higher, elsewhere}


def test_a_swap_under_way_finds_its_blobs_however_often_garbage_is_collected(store: LoggedStore) -> None:
    """It wins with them, or it has lost for good before they go."""
    fill(store, range(10))
    store.compactor.step(store.name, force=True)
    head, manifest = store.head, store.manifest
    content = store.blobs.get(manifest.segments[0].name)
    segment = blob_name(head.uid, head.version, "segment")
    store.blobs.put(segment, content)
    ref = SegmentRef(segment, 10, len(content))
    successor = Manifest(head.uid, head.version + 1, manifest.through, 0, (ref,))
    name = blob_name(head.uid, head.version, "manifest")
    store.blobs.put(name, encode_manifest(successor))
    garbage = GarbageCollector(store.items, store.blobs, clock=FakeClock())

    garbage.collect(store.name)
    assert {segment, name} <= set(store.blobs.names())
    assert swap_manifest(store.items, head, name, successor, clock=FakeClock())
    garbage.collect(store.name)
    assert store.stored() == store.model

    head = store.head
    late = blob_name(head.uid, head.version, "manifest")
    store.blobs.put(late, encode_manifest(successor))
    garbage.collect(store.name, force=True)
    assert late not in set(store.blobs.names())
    assert not swap_manifest(store.items, head, late, successor, clock=FakeClock())
    assert store.stored() == store.model


def test_a_collection_that_is_gone(store: LoggedStore) -> None:
    fill(store, range(10))
    StoredCollections(store.items).delete(store.name)

    assert not store.compactor.step(store.name, force=True)
    assert GarbageCollector(store.items, store.blobs, clock=FakeClock()).collect(store.name, force=True) == 0
