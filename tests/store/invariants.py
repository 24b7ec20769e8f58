"""Invariants of a collection's items, which hold at every moment, after a crash at any point. Reads the raw items."""

import hashlib
import struct
from array import array

import numpy as np

from openrek.domain.collections import Collection
from openrek.store.blobs.port import Blobs
from openrek.store.items.port import Attributes, Item, Items
from openrek.store.log.head import Head, head_now
from openrek.store.log.keys import OWNED, owned
from openrek.store.log.quantisation import quantise
from openrek.store.log.rows import user_row_id
from openrek.store.search.cache import CollectionCache
from openrek.store.search.snapshot import Gallery
from openrek.store.segments.segment_file import FACES, USERS, decode_segment
from openrek.store.segments.tombstones import decode_tombstones
from openrek.store.upkeep.compaction import current_manifest
from tests.store.memory_blobs import MemoryBlobs


def all_items(items: Items, partition: str) -> list[Item]:
    rows: list[Item] = []
    while True:
        page = items.query(partition, after=rows[-1].key.sort if rows else "")
        rows += page.rows
        if not page.more:
            return rows


def check_collection(items: Items, collection: Collection, blobs: Blobs | None = None) -> None:
    """`blobs` where compaction may have run; without, everything must be in the log."""
    blobs = MemoryBlobs() if blobs is None else blobs
    head = head_now(items, collection.collection_id)
    assert head is not None
    assert head.uid == collection.uid
    logged = LoggedRows(blobs, head)
    check_log(items, head, logged)
    visible = visible_faces(items, head)
    assert {face_id: content(face.attributes) for face_id, face in visible.items()} == {
        face_id: row for face_id, (_, row) in logged.faces.items()
    }, "faces and log differ"
    for face_id, face in visible.items():
        if "plan" not in face.attributes:
            assert face.attributes["seq"] <= logged.faces[face_id][0]
    check_records(items, head, visible)
    check_users(items, head, visible, logged)
    assert head.faces == len(visible), "the head's count"
    now = CollectionCache(items, blobs, later=lambda _: None).current(head.collection())
    check_gallery(now.faces, set(visible))
    check_gallery(now.users, set(logged.users))


class LoggedRows:
    """The rows of the segments, then of the log: id -> (seq, content)."""

    def __init__(self, blobs: Blobs, head: Head) -> None:
        self.faces = compacted_rows(blobs, head, FACES)
        self.users = compacted_rows(blobs, head, USERS)

    def apply(self, seq: int, entry: Attributes) -> None:
        for face_id in entry["deleted"]:
            assert face_id in self.faces, "a deletion of what was not there"
            del self.faces[face_id]
        named = set()
        for row in entry["rows"]:
            assert row["id"] not in named, "a row twice"
            named.add(row["id"])
            if row["kind"] == "user":
                assert row["owner"] in entry["users"]
                continue
            before = self.faces.get(row["id"], (0, content(row)))[1]
            assert before[:-1] == content(row)[:-1], "a face changed more than its owner"
            self.faces[row["id"]] = (seq, content(row))
        for user_id in entry.get("users", ()):
            self.users.pop(user_row_id(user_id), None)
        self.users.update({row["id"]: (seq, content(row)) for row in entry["rows"] if row["kind"] == "user"})


def check_log(items: Items, head: Head, logged: LoggedRows) -> None:
    log = all_items(items, owned(head.uid, "log"))
    numbers = [int(entry.key.sort) for entry in log]
    assert numbers == list(range(head.seq + 1 - len(numbers), head.seq + 1)), "the log is not dense"
    assert len(numbers) >= head.seq - head.compacted_through, "the log was trimmed too far"
    for entry in log:
        if int(entry.key.sort) > head.compacted_through:  # or not trimmed yet
            logged.apply(int(entry.key.sort), entry.attributes)


def visible_faces(items: Items, head: Head) -> dict[bytes, Item]:
    """Judged by the raw items, claims included."""
    plans = {plan.key.sort: plan for plan in all_items(items, owned(head.uid, "plan"))}
    users = {user.key.sort: user for user in all_items(items, owned(head.uid, "user"))}
    visible: dict[bytes, Item] = {}
    for face in all_items(items, owned(head.uid, "face")):
        at = face.attributes
        if "plan" in at:
            plan = plans.get(at["plan"])
            assert plan is not None, "a pending face whose plan is gone"
            assert not {"owner", "claim"} & set(at), "an owner of a face that is not settled"
            if plan.attributes["id"] != at["plan_id"] or plan.attributes["state"] != "done":
                continue
        if "claim" in at:
            assert "owner" not in at
            if at["claim"] in users and at["id"] in users[at["claim"]].attributes["members"]:
                face = Item(face.key, {**at, "owner": at["claim"]})
        visible[at["id"]] = face
    return visible


def content(at: Attributes) -> tuple[object, ...]:
    return (at["vector"], at["scale"], at["geometry"], at["image"], at.get("external"), at.get("owner"))


def check_records(items: Items, head: Head, visible: dict[bytes, Item]) -> None:
    named: dict[bytes, str] = {}
    for record in all_items(items, owned(head.uid, "duplicate")):
        assert record.attributes["faces"], "an empty duplicate record"
        for known in record.attributes["faces"]:
            assert known["id"] not in named, "a face in two duplicate records"
            named[known["id"]] = record.key.sort
    assert named == {face_id: face.attributes["picture"] for face_id, face in visible.items()}, "duplicate records"


def check_users(items: Items, head: Head, visible: dict[bytes, Item], logged: LoggedRows) -> None:
    """Lists and owners agree, each user's vector is the mean of its faces', and rows and items agree."""
    owners: dict[str, list[bytes]] = {}
    for face_id, face in sorted(visible.items()):
        if "owner" in face.attributes:
            owners.setdefault(face.attributes["owner"], []).append(face_id)
    users = {user.key.sort: user.attributes for user in all_items(items, owned(head.uid, "user"))}
    assert {user_id: list(at["members"]) for user_id, at in users.items() if at["members"]} == owners, "member lists"
    assert len(users) == head.users, "the head's count of users"
    rows: dict[bytes, tuple[object, ...]] = {}
    for user_id, at in users.items():
        assert 0 < at["seq"] <= head.seq
        assert len(at["members"]) <= 100
        if not at["members"]:
            assert set(at) - {"celebrity"} == {"members", "seq"}
            continue
        assert (at["vector"], at["scale"]) == mean_of([visible[member].attributes for member in at["members"]])
        count = np.array([len(at["members"]), 0, 0, 0, 0], "<f4").tobytes()
        rows[hashlib.sha256(user_id.encode()).digest()[:16]] = (
            at["vector"], at["scale"], count, bytes(16), None, user_id,
        )  # fmt: skip
    assert rows == {row_id: row for row_id, (_, row) in logged.users.items()}, "users and log differ"


def mean_of(faces: list[Attributes]) -> tuple[bytes, bytes]:
    scales = np.array([np.frombuffer(at["scale"], "<f4")[0] for at in faces], np.float64)
    vectors = np.array([np.frombuffer(at["vector"], np.int8) for at in faces], np.float64) * scales[:, None]
    mean = vectors.sum(axis=0)
    vector, scale = quantise(array("f", (mean / np.linalg.norm(mean)).tolist()))
    return vector, struct.pack("<f", scale)


def check_gallery(gallery: Gallery, expected: set[bytes]) -> None:
    living = [
        block.ids[row].tobytes()
        for block in gallery.blocks
        for row in range(len(block.scales))
        if block.dead is None or not block.dead[row]
    ]
    assert set(living) == expected, "the index"
    assert len(living) == len(expected)


def compacted_rows(blobs: Blobs, head: Head, kind: int) -> dict[bytes, tuple[int, tuple[object, ...]]]:
    """id -> (seq, content) of what the segments of the head's manifest hold; reads the blobs."""
    stored: dict[bytes, tuple[int, tuple[object, ...]]] = {}
    manifest = current_manifest(blobs, head)
    assert (manifest.version, manifest.through) == (head.version, head.compacted_through)
    for ref in manifest.segments:
        if ref.kind != kind:
            continue
        table = decode_segment(blobs.open(ref.name), kind).table
        dead = np.zeros(len(table), bool)
        if ref.tombstones is not None:
            dead = decode_tombstones(blobs.get(ref.tombstones), ref.rows)
        assert (len(table), int(dead.sum())) == (ref.rows, ref.dead)
        ids = [table.ids[row].tobytes() for row in range(len(table))]
        assert ids == sorted(set(ids)), "a segment's order"
        for row in np.flatnonzero(~dead).tolist():
            assert ids[row] not in stored, "a row in two segments"
            stored[ids[row]] = (
                int(table.seqs[row]),
                (
                    table.vectors[row].tobytes(),
                    table.scales[row].tobytes(),
                    table.geometry[row].tobytes(),
                    table.images[row].tobytes(),
                    table.external[row],
                    table.owners[row],
                ),
            )
    return stored


def plan_items(items: Items, collection: Collection) -> list[Item]:
    return all_items(items, owned(collection.uid, "plan"))


def marked_faces(items: Items, collection: Collection) -> list[Item]:
    return [item for item in all_items(items, owned(collection.uid, "face")) if "plan" in item.attributes]


def owned_items(items: Items, collection: Collection) -> int:
    """Return how many items of any kind the uid still owns."""
    return sum(len(all_items(items, owned(collection.uid, kind))) for kind in OWNED)
