"""What is true of a collection's items at every moment, whoever crashed where. Reads the raw items."""

import numpy as np

from openrek.domain.collections import Collection
from openrek.store import segments
from openrek.store.blobs import Blobs
from openrek.store.compaction import current_manifest
from openrek.store.heads import Head, head_of
from openrek.store.index import Index
from openrek.store.items import Item, Items
from openrek.store.table import head_key, owned
from openrek.store.tombstones import decode_tombstones
from tests.store.memory_blobs import MemoryBlobs


def everything(items: Items, partition: str) -> list[Item]:
    rows: list[Item] = []
    while True:
        page = items.query(partition, after=rows[-1].key.sort if rows else "")
        rows += page.rows
        if not page.more:
            return rows


def check_collection(items: Items, collection: Collection, blobs: Blobs | None = None) -> None:
    """`blobs` where compaction may have run; without, everything must be in the log."""
    blobs = MemoryBlobs() if blobs is None else blobs
    head = head_of(collection.collection_id, items.get(head_key(collection.collection_id)))
    assert head is not None
    assert head.uid == collection.uid

    log = everything(items, owned(head.uid, "log"))
    numbers = [int(entry.key.sort) for entry in log]
    assert numbers == list(range(head.seq + 1 - len(numbers), head.seq + 1)), "the log is not dense"
    assert len(numbers) >= head.seq - head.compacted_through, "the log was trimmed too far"

    told = compacted_rows(blobs, head)
    for entry in log:
        seq = int(entry.key.sort)
        if seq <= head.compacted_through:
            continue  # not trimmed yet
        for face_id in entry.attributes["deleted"]:
            assert face_id in told, "a deletion of what was not there"
            del told[face_id]
        for row in entry.attributes["rows"]:
            assert row["id"] not in told, "a face added twice"
            told[row["id"]] = (seq, (row["vector"], row["scale"], row["geometry"], row["image"], row.get("external")))

    plans = {plan.key.sort: plan for plan in everything(items, owned(head.uid, "plan"))}
    visible: dict[bytes, Item] = {}
    for face in everything(items, owned(head.uid, "face")):
        at = face.attributes
        if "plan" in at:
            plan = plans.get(at["plan"])
            assert plan is not None, "a pending face whose plan is gone"
            if plan.attributes["id"] != at["plan_id"] or plan.attributes["state"] != "done":
                continue
        visible[at["id"]] = face
    stored = {
        face_id: (at["vector"], at["scale"], at["geometry"], at["image"], at.get("external"))
        for face_id, at in ((face_id, face.attributes) for face_id, face in visible.items())
    }
    assert stored == {face_id: row for face_id, (_, row) in told.items()}, "faces and log differ"
    for face_id, face in visible.items():
        if "plan" not in face.attributes:
            assert face.attributes["seq"] == told[face_id][0]

    named: dict[bytes, str] = {}
    for record in everything(items, owned(head.uid, "duplicate")):
        assert record.attributes["faces"], "an empty duplicate record"
        for known in record.attributes["faces"]:
            assert known["id"] not in named, "a face in two duplicate records"
            named[known["id"]] = record.key.sort
    assert named == {face_id: face.attributes["picture"] for face_id, face in visible.items()}, "duplicate records"

    assert head.faces == len(visible), "the head's count"
    living = [
        block.ids[row].tobytes()
        for block in Index(items, blobs, later=lambda _: None).current(head.collection()).blocks
        for row in range(len(block.scales))
        if block.dead is None or not block.dead[row]
    ]
    assert set(living) == set(visible), "the index"
    assert len(living) == len(visible)


def compacted_rows(blobs: Blobs, head: Head) -> dict[bytes, tuple[int, object]]:
    """id -> (seq, content) of what the segments of the head's manifest hold; reads the blobs."""
    told: dict[bytes, tuple[int, object]] = {}
    manifest = current_manifest(blobs, head)
    assert (manifest.version, manifest.through) == (head.version, head.compacted_through)
    for ref in manifest.segments:
        table = segments.decode(blobs.open(ref.name)).table
        dead = np.zeros(len(table), bool)
        if ref.tombstones is not None:
            dead = decode_tombstones(blobs.get(ref.tombstones), ref.rows)
        assert (len(table), int(dead.sum())) == (ref.rows, ref.dead)
        ids = [table.ids[row].tobytes() for row in range(len(table))]
        assert ids == sorted(set(ids)), "a segment's order"
        for row in np.flatnonzero(~dead).tolist():
            assert ids[row] not in told, "a face in two segments"
            content = (
                table.vectors[row].tobytes(),
                table.scales[row].tobytes(),
                table.geometry[row].tobytes(),
                table.images[row].tobytes(),
                table.external[row],
            )
            told[ids[row]] = (int(table.seqs[row]), content)
    return told


def plan_items(items: Items, collection: Collection) -> list[Item]:
    return everything(items, owned(collection.uid, "plan"))


def marked_faces(items: Items, collection: Collection) -> list[Item]:
    return [item for item in everything(items, owned(collection.uid, "face")) if "plan" in item.attributes]


def owned_items(items: Items, collection: Collection) -> int:
    """How many items of any kind the uid still owns."""
    return sum(
        len(everything(items, owned(collection.uid, kind))) for kind in ("log", "face", "duplicate", "plan", "tags")
    )
