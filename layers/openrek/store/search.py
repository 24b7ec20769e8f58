"""Searches of one collection: the freshest snapshot, the kernel, and faces for its rows."""

import math
import os
from collections.abc import Callable, Sequence
from uuid import UUID

import numpy as np

from openrek.domain.collections import Collection
from openrek.domain.errors import InvalidParameter
from openrek.domain.faces import Embedding, FaceMatch
from openrek.store.blobs import Blobs
from openrek.store.heads import same_collection
from openrek.store.index import Index, in_a_thread
from openrek.store.items import Items
from openrek.store.kernel import nearest
from openrek.store.rows import face_row
from openrek.store.table import face_key, head_key
from openrek.store.vectors import dequantise
from openrek.store.visibility import visible


class StoredSearch:
    def __init__(
        self,
        items: Items,
        blobs: Blobs,
        *,
        threads: int | None = None,
        scanned: Callable[[int], None] | None = None,
        later: Callable[[Callable[[], None]], None] = in_a_thread,
    ) -> None:
        """`threads`: how many scan one large collection; by default as many as there are cores. `scanned` is
        told how many rows each search read. `later`: see Index.
        """
        self._items = items
        self._index = Index(items, blobs, later=later)
        self._threads = threads or os.cpu_count() or 1
        self._scanned = scanned

    def prepare(self, collection: Collection) -> None:
        """Opens or refreshes the collection, so that the search that follows need not. Raises what a search raises."""
        self._index.current(collection)

    def tidy(self) -> None:
        """To be called from time to time: what was deleted leaves memory, too."""
        self._index.tidy()

    def nearest(
        self, collection: Collection, probe: Embedding, *, limit: int, lowest_cosine: float
    ) -> Sequence[FaceMatch]:
        snapshot = self._index.current(collection)
        if self._scanned is not None:
            self._scanned(sum(len(block.scales) for block in snapshot.blocks))
        query = np.frombuffer(probe, np.float32)
        lowest = lowest_cosine if lowest_cosine > -1.0 else -math.inf  # rounded rows may be a little longer than 1
        hits = nearest(query, snapshot.blocks, limit=limit, lowest=lowest, threads=self._threads)
        return [
            FaceMatch(snapshot.faces[block](row), max(-1.0, min(1.0, score)))
            for block, row, score in zip(hits.block.tolist(), hits.row.tolist(), hits.score.tolist(), strict=True)
        ]

    def nearest_to_face(
        self, collection: Collection, face_id: UUID, *, limit: int, lowest_cosine: float
    ) -> Sequence[FaceMatch]:
        head, found = self._items.read([head_key(collection.collection_id), face_key(collection.uid, face_id)])
        now = same_collection(collection, head).collection()
        face = visible(self._items, [found])[0]
        if face is None:
            raise InvalidParameter("faceId was not found in the collection.")
        row = face_row(face.attributes)
        probe = dequantise(row.vector, row.scale)
        matches = self.nearest(now, probe, limit=limit + 1, lowest_cosine=lowest_cosine)
        return [match for match in matches if match.face.face_id != face_id][:limit]
