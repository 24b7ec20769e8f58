"""The Collections, Tags and PageTokens ports as plain dicts and text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from openrek.domain.collections import Collection, CollectionEntry, collection_cursor
from openrek.domain.errors import (
    InvalidPaginationToken,
    ResourceAlreadyExists,
    ServiceQuotaExceeded,
    collection_not_found,
)
from openrek.domain.models import FaceModel
from openrek.domain.ports import Page


@dataclass
class DictCollections:
    known: dict[str, Collection] = field(default_factory=dict)
    tags: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def create(self, collection_id: str, model: FaceModel, tags: Mapping[str, str]) -> Collection:
        if collection_id in self.known:
            raise ResourceAlreadyExists(f"The collection id: {collection_id} already exists")
        made = Collection(collection_id, uuid4(), model.version, model.dimensions, 1569444828.2741, 0, 0)
        self.known[collection_id] = made
        self.tags[collection_id] = tags
        return self.known[collection_id]

    def require(self, collection_id: str) -> Collection:
        if collection_id not in self.known:
            raise collection_not_found(collection_id)
        return self.known[collection_id]

    def page(self, after: str | None, limit: int) -> Page[CollectionEntry]:
        entries = sorted(
            (
                CollectionEntry(each.collection_id, each.model_version, collection_cursor(each.collection_id))
                for each in self.known.values()
            ),
            key=lambda entry: entry.cursor,
        )
        ahead = [entry for entry in entries if after is None or entry.cursor > after]
        return Page(tuple(ahead[:limit]), len(ahead) > limit)

    def delete(self, collection_id: str) -> None:
        self.require(collection_id)
        del self.known[collection_id]


@dataclass
class DictTags:
    collections: DictCollections

    def read(self, collection: Collection) -> Mapping[str, str]:
        return self.collections.tags[collection.collection_id]

    def put(self, collection: Collection, tags: Mapping[str, str]) -> None:
        together = {**self.read(collection), **tags}
        if len(together) > 200:
            raise ServiceQuotaExceeded
        self.collections.tags[collection.collection_id] = together

    def remove(self, collection: Collection, keys: Sequence[str]) -> None:
        left = {key: value for key, value in self.read(collection).items() if key not in keys}
        self.collections.tags[collection.collection_id] = left


class PlainTokens:
    def seal(self, place: str, cursor: str) -> str:
        return f"{place}|{cursor}"

    def open(self, place: str, token: str) -> str:
        sealed_for, _, cursor = token.rpartition("|")
        if sealed_for != place:
            raise InvalidPaginationToken
        return cursor
