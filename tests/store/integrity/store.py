"""A collection on disk with all that a check looks at, and searches of it by brute force."""

import time
from array import array
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np

from openrek.domain.collections import Collection
from openrek.domain.faces import Face
from openrek.store.blobs.folder import FolderBlobs
from openrek.store.collections.collections import StoredCollections
from openrek.store.faces.faces import StoredFaces
from openrek.store.integrity.verify import Report, verify
from openrek.store.items.port import Items
from openrek.store.items.sqlite import SqliteItems
from openrek.store.log.head import Head, head_now
from openrek.store.log.keys import owned
from openrek.store.log.quantisation import dequantise
from openrek.store.search.search import StoredSearch
from openrek.store.upkeep.compaction import Compactor
from tests.store.invariants import all_items
from tests.store.synthetic import Embedder, picture, slots
from tests.support.clocks import FakeClock


@dataclass(frozen=True)
class Store:
    folder: Path
    items: SqliteItems
    blobs: FolderBlobs
    people: Collection

    @property
    def head(self) -> Head:
        head = head_now(self.items, "people")
        assert head is not None
        return head

    def index(self, number: int, faces: int = 5) -> list[Face]:
        of = picture(number, f"p:{number}" if number % 2 else None)
        return list(StoredFaces(self.items).index(self.people, of, slots(faces), Embedder(of)))

    def check(self) -> Report:
        return verify(self.items, self.blobs, "people", clock=FakeClock())

    def findings(self) -> str:
        return "\n".join(self.check().findings)

    def path(self, name: str) -> Path:
        return self.folder / "blobs" / name


def fold_without_merging(store: Store) -> None:
    """One step that is due by its age: the new segment is too small to take in the other."""
    later = time.time() + 13 * 3600
    compactor = Compactor(store.items, store.blobs, clock=FakeClock(later), small_bytes=0)
    assert compactor.step("people")


def brute_force(items: Items, uid: UUID, probe: "array[float]") -> list[str]:
    query = np.array(probe, np.float64)
    scored = []
    for item in all_items(items, owned(uid, "face")):
        row = np.array(dequantise(item.attributes["vector"], np.frombuffer(item.attributes["scale"], "<f4")[0]))
        scored.append((-float(row.astype(np.float64) @ query), item.key.sort))
    return [face_id for _, face_id in sorted(scored)]


def searched(store: Store, probe: "array[float]") -> list[str]:
    people = StoredCollections(store.items).require("people")
    found = StoredSearch(store.items, store.blobs).nearest(people, probe, limit=4096, lowest_cosine=-1.0)
    return [str(match.face.face_id) for match in found]
