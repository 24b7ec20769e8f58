"""Opening of a collection for the search that will follow, while the photo is still being read."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from openrek.domain.collections import Collection, CollectionEntry
from openrek.domain.models import FaceModel
from openrek.domain.ports import Collections, Page


class AheadCollections:
    """A Collections port that hands each collection that it finds to `prepare`, in a thread of its own.

    An error there is not raised: the search meets it again.
    """

    def __init__(self, collections: Collections, prepare: Callable[[Collection], None]) -> None:
        self._collections = collections
        self._prepare = prepare
        self._pool = ThreadPoolExecutor(1, "openrek-ahead")

    def require(self, collection_id: str) -> Collection:
        found = self._collections.require(collection_id)
        self._pool.submit(self._prepare, found)
        return found

    def create(self, collection_id: str, model: FaceModel, tags: Mapping[str, str]) -> Collection:
        return self._collections.create(collection_id, model, tags)

    def page(self, after: str | None, limit: int) -> Page[CollectionEntry]:
        return self._collections.page(after, limit)

    def delete(self, collection_id: str) -> None:
        self._collections.delete(collection_id)
