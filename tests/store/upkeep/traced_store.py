"""A store that knows which bytes of its faces must be in its files, and which must not."""

import struct
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from openrek.domain.collections import Collection
from openrek.domain.models import SFACE
from openrek.store.blobs.folder import FolderBlobs
from openrek.store.collections.collections import StoredCollections
from openrek.store.faces.faces import StoredFaces
from openrek.store.log.head import Head, head_now
from openrek.store.log.quantisation import quantise
from tests.store.synthetic import Embedder, picture, slots, vector_of
from tests.store.tables import open_fast


@dataclass
class Traces:
    """What the store must hold of the faces that live, and must not of those that are gone."""

    living: dict[UUID, tuple[bytes, ...]] = field(default_factory=dict)
    gone: list[tuple[bytes, ...]] = field(default_factory=list)

    def found(self, folder: Path) -> tuple[int, int]:
        """Count the living faces whose vector is in some file (all must be), and the traces of deleted ones."""
        files = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
        living = sum(any(trace[0] in content for content in files) for trace in self.living.values())
        return living, sum(part in content for trace in self.gone for part in trace for content in files)


class TracedStore:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.items = open_fast(folder)
        self.blobs = FolderBlobs(folder / "blobs")
        self.traces = Traces()

    def fill(self, name: str, pictures: range, faces: int = 12) -> Collection:
        made = StoredCollections(self.items).create(name, SFACE, {})
        for number in pictures:
            of = picture(number, f"{name}:{number}")
            for face in StoredFaces(self.items).index(made, of, slots(faces), Embedder(of)):
                vector, scale = quantise(vector_of(of, face.box))
                spelled = str(face.face_id).encode()
                row = struct.pack("<f", scale) + face.face_id.bytes
                self.traces.living[face.face_id] = (vector, face.face_id.bytes, spelled, row)
        return made

    def delete(self, collection: Collection, face_ids: list[UUID]) -> None:
        StoredFaces(self.items).delete(collection, face_ids)
        self.traces.gone += [self.traces.living.pop(face_id) for face_id in face_ids]

    def head(self, name: str) -> Head:
        found = head_now(self.items, name)
        assert found is not None
        return found

    def collection(self, name: str) -> Collection:
        return self.head(name).collection()

    def delete_collection(self, collection: Collection) -> None:
        faces = StoredFaces(self.items).page(collection, None, 4096).rows
        StoredCollections(self.items).delete(collection.collection_id)
        self.traces.gone += [self.traces.living.pop(face.face_id) for face in faces]
