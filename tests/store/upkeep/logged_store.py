"""A collection whose log is written directly, beside the dictionary that says what it must hold."""

from pathlib import Path

import numpy as np

from openrek.domain.collections import Collection
from openrek.store.blobs.folder import FolderBlobs
from openrek.store.items.port import ABSENT, Put, Write
from openrek.store.items.sqlite import SqliteItems
from openrek.store.log.head import Head, head_now
from openrek.store.log.keys import log_key, owned
from openrek.store.segments.manifest import Manifest
from openrek.store.segments.segment_file import decode_segment
from openrek.store.segments.tombstones import decode_tombstones
from openrek.store.upkeep import compaction
from openrek.store.upkeep.compaction import Compactor, current_manifest
from tests.store.synthetic import new_collection
from tests.store.tables import open_fast
from tests.support.clocks import FakeClock

NOW_S = 1_900_000_000.0
Model = dict[bytes, tuple[int, bytes]]
"""Id -> (change, vector): the collection as a dictionary."""


class LoggedStore:
    """A collection whose log is written directly: any rows, replaced and deleted in any order."""

    def __init__(self, folder: Path, name: str = "people") -> None:
        self.items: SqliteItems = open_fast(folder)
        self.blobs = FolderBlobs(folder / "blobs")
        self.name = name
        self.made: Collection = new_collection(self.items, name)
        self.model: Model = {}
        self.now_s = NOW_S
        self.fold_entries = compaction.FOLD_ENTRIES
        self.small_bytes = compaction.SMALL_BYTES

    @property
    def head(self) -> Head:
        head = head_now(self.items, self.name)
        assert head is not None
        return head

    @property
    def manifest(self) -> Manifest:
        return current_manifest(self.blobs, self.head)

    @property
    def compactor(self) -> Compactor:
        return Compactor(
            self.items, self.blobs, clock=FakeClock(self.now_s),
            fold_entries=self.fold_entries, small_bytes=self.small_bytes,
        )  # fmt: skip

    def write(self, added: dict[bytes, bytes], deleted: list[bytes]) -> None:
        head = self.head
        seq = head.seq + 1
        for face_id in deleted:
            self.model.pop(face_id, None)
        self.model |= {face_id: (seq, vector) for face_id, vector in added.items()}
        entry = {"writer": b"", "rows": [row(*each) for each in added.items()], "deleted": deleted}
        moved = head.advanced(faces=0, users=0, entry_bytes=1000)
        operations: list[Write] = [
            Put(head.key, moved.attributes()),
            Put(log_key(head.uid, seq), entry, expect=ABSENT),
        ]
        self.items.transact(operations)

    def stored(self) -> Model:
        """The current segments without their dead rows, then the log, read plainly."""
        found: Model = {}
        for ref in self.manifest.segments:
            table = decode_segment(self.blobs.get(ref.name)).table
            dead = np.zeros(len(table), np.bool_)
            if ref.tombstones is not None:
                dead = decode_tombstones(self.blobs.get(ref.tombstones), len(table))
            assert (len(table), int(dead.sum())) == (ref.rows, ref.dead)
            for place in np.flatnonzero(~dead):
                face_id = table.ids[place].tobytes()
                assert face_id not in found, "a row in two segments"
                found[face_id] = (int(table.seqs[place]), table.vectors[place].tobytes())
        assert all(seq <= self.head.compacted_through for seq, _ in found.values())
        for entry in self.items.query(owned(self.made.uid, "log")).rows:
            if (seq := int(entry.key.sort)) > self.head.compacted_through:
                for face_id in entry.attributes["deleted"]:
                    found.pop(face_id, None)
                found |= {each["id"]: (seq, each["vector"]) for each in entry.attributes["rows"]}
        return found

    def log(self) -> list[int]:
        return [int(entry.key.sort) for entry in self.items.query(owned(self.made.uid, "log")).rows]


def row(face_id: bytes, vector: bytes) -> dict[str, object]:
    scale = np.float32(1 / 127).tobytes()
    return {"kind": "face", "id": face_id, "image": bytes(16), "geometry": bytes(20), "vector": vector, "scale": scale}


def name_of(number: int) -> bytes:
    return bytes([number * 37 % 256]) + bytes(14) + bytes([number])


def vector(seed: int) -> bytes:
    return np.random.default_rng(seed).integers(-127, 128, 128, np.int8).tobytes()


def fill(store: LoggedStore, numbers: range, seed: int = 0) -> None:
    store.write({name_of(number): vector(seed + number) for number in numbers}, [])
