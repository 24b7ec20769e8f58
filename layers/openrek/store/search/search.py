"""Searches of one collection: take the freshest snapshot, find the nearest rows, and return their faces or users."""

import math
import os
from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID

import numpy as np

from openrek.domain.clock import SYSTEM_CLOCK, Clock
from openrek.domain.collections import Collection
from openrek.domain.errors import InvalidParameter, user_not_found
from openrek.domain.faces import Embedding, FaceMatch
from openrek.domain.users import UserMatch
from openrek.store.blobs.port import Blobs
from openrek.store.items.port import Items
from openrek.store.log.head import same_collection
from openrek.store.log.keys import face_key, head_key, user_key
from openrek.store.log.quantisation import dequantise
from openrek.store.log.rows import face_row
from openrek.store.log.visibility import visible
from openrek.store.search.cache import MAX_BYTES, CollectionCache, in_a_thread
from openrek.store.search.kernel import Hits, nearest_each
from openrek.store.search.row_scan import fastest_scan, numpy_scan
from openrek.store.search.snapshot import Gallery
from openrek.store.segments.labels import RowLabels
from openrek.store.users.memberships import stored_user

Match = TypeVar("Match")


class StoredSearch:
    """The Search port over a store's items and blobs."""

    def __init__(
        self,
        items: Items,
        blobs: Blobs,
        *,
        threads: int | None = None,
        on_scan: Callable[[int], None] | None = None,
        max_bytes: int = MAX_BYTES,
        later: Callable[[Callable[[], None]], None] = in_a_thread,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """Make a search with an empty cache.

        `threads` scan one large collection, by default as many as there are cores. `on_scan` is called with the number
        of rows that each search read. `max_bytes`: see CollectionCache. `later` runs what may wait: reading the
        segments that a compaction made, and building sketches of large segments.
        """
        self._items = items
        self._cache = CollectionCache(items, blobs, max_bytes=max_bytes, clock=clock, later=later)
        self._later = later
        self._threads = threads or os.cpu_count() or 1
        self._on_scan = on_scan

    def prepare(self, collection: Collection) -> None:
        """Open or refresh the collection, so that the search that follows need not. Raises what a search raises."""
        self._cache.current(collection)

    def tidy(self) -> None:
        """Drop from memory what was deleted; to be called from time to time."""
        self._cache.tidy()

    def nearest(
        self, collection: Collection, probe: Embedding, *, limit: int, lowest_cosine: float
    ) -> Sequence[FaceMatch]:
        return self.nearest_each(collection, [probe], limit=limit, lowest_cosine=lowest_cosine)[0]

    def nearest_each(
        self, collection: Collection, probes: Sequence[Embedding], *, limit: int, lowest_cosine: float
    ) -> Sequence[Sequence[FaceMatch]]:
        gallery = self._cache.current(collection).faces
        hits = self._hits(gallery, probes, limit, lowest_cosine)
        return [
            _matches(each, gallery.labels, lambda of, row, cosine: FaceMatch(of.face(row), cosine)) for each in hits
        ]

    def nearest_to_face(
        self, collection: Collection, face_id: UUID, *, limit: int, lowest_cosine: float
    ) -> Sequence[FaceMatch]:
        now, probe = self._embedding(collection, face_id)
        matches = self.nearest(now, probe, limit=limit + 1, lowest_cosine=lowest_cosine)
        return [match for match in matches if match.face.face_id != face_id][:limit]

    def nearest_users(
        self, collection: Collection, probes: Sequence[Embedding], *, limit: int, lowest_cosine: float
    ) -> Sequence[Sequence[UserMatch]]:
        gallery = self._cache.current(collection).users
        hits = self._hits(gallery, probes, limit, lowest_cosine)
        return [
            _matches(each, gallery.labels, lambda of, row, cosine: UserMatch(of.user(row), cosine)) for each in hits
        ]

    def nearest_users_to_face(
        self, collection: Collection, face_id: UUID, *, limit: int, lowest_cosine: float
    ) -> Sequence[UserMatch]:
        now, probe = self._embedding(collection, face_id)
        return self.nearest_users(now, [probe], limit=limit, lowest_cosine=lowest_cosine)[0]

    def nearest_users_to_user(
        self, collection: Collection, user_id: str, *, limit: int, lowest_cosine: float
    ) -> Sequence[UserMatch]:
        head, found = self._items.read([head_key(collection.collection_id), user_key(collection.uid, user_id)])
        now = same_collection(collection, head).collection()
        if found is None:
            raise user_not_found(user_id)
        user = stored_user(found)
        if not user.members:
            return ()
        probe = dequantise(user.vector, user.scale)
        matches = self.nearest_users(now, [probe], limit=limit + 1, lowest_cosine=lowest_cosine)[0]
        return [match for match in matches if match.user.user_id != user_id][:limit]

    def _embedding(self, collection: Collection, face_id: UUID) -> tuple[Collection, Embedding]:
        """Return the stored face's embedding, and the collection as it was read with it. Raises InvalidParameter."""
        head, found = self._items.read([head_key(collection.collection_id), face_key(collection.uid, face_id)])
        now = same_collection(collection, head).collection()
        face = visible(self._items, [found])[0]
        if face is None:
            raise InvalidParameter("faceId was not found in the collection.")
        row = face_row(face.attributes)
        return now, dequantise(row.vector, row.scale)

    def _hits(self, gallery: Gallery, probes: Sequence[Embedding], limit: int, lowest_cosine: float) -> list[Hits]:
        if self._on_scan is not None:
            self._on_scan(len(probes) * sum(len(block.scales) for block in gallery.blocks))
        queries = [np.frombuffer(probe, np.float32) for probe in probes]
        lowest = lowest_cosine if lowest_cosine > -1.0 else -math.inf  # rounded rows may be a little longer than 1
        hits = nearest_each(queries, gallery.sketched_blocks(), limit=limit, lowest=lowest, threads=self._threads)
        if fastest_scan() is not numpy_scan:
            gallery.build_sketches(self._later)
        return hits


def _matches(hits: Hits, labels: Sequence[RowLabels], match: Callable[[RowLabels, int, float], Match]) -> list[Match]:
    return [
        match(labels[block], row, max(-1.0, min(1.0, score)))
        for block, row, score in zip(hits.block.tolist(), hits.row.tolist(), hits.score.tolist(), strict=True)
    ]
