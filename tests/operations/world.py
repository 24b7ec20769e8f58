"""The ports as plain dicts and lists, and a world that calls operations with them.

Photos are bytes that name what they show: `b"ann bob"` has two faces, the first one larger. A name always has the same
embedding; `ann2` looks a lot like `ann`. Every result is checked against the service model's output shape.
"""

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from botocore.model import Shape

from openrek.domain.caller import Caller
from openrek.domain.collections import Collection, CollectionEntry, collection_cursor
from openrek.domain.errors import (
    InvalidImageFormat,
    InvalidPaginationToken,
    InvalidS3Object,
    ResourceAlreadyExists,
    ServiceQuotaExceeded,
    collection_not_found,
)
from openrek.domain.faces import (
    BoundingBox,
    DetectedFace,
    Embedding,
    Landmark,
    Pose,
    Quality,
    float32,
)
from openrek.domain.models import SFACE, FaceModel
from openrek.domain.ports import Page
from openrek.runtime.parts.adapters import needs
from openrek.runtime.parts.offered import OFFERED
from tests.operations.identities import ListedErasure, ListedUsers
from tests.operations.listed import ListedFaces
from tests.support.extended import SERVICE

NAMES = ("ann", "bob", "cyd", "dan")


def embedding(name: str) -> Embedding:
    """One axis per person; a digit after the name turns it away from the axis by that many tenths of a radian."""
    person, turn = name.rstrip("0123456789"), int(name.lstrip("abcdefghijklmnopqrstuvwxyz") or 0) / 10
    values = [0.0] * 5
    values[NAMES.index(person)] = math.cos(turn)
    values[4] = math.sin(turn)
    return array("f", values)


def detected(place: int, *, sharpness: float = 90.0) -> DetectedFace:
    width = float32(0.4 / (place + 1))
    box = BoundingBox(float32(0.1 * place), 0.25, width, width)
    points = ("eyeLeft", "eyeRight", "mouthLeft", "mouthRight", "nose")
    landmarks = tuple(Landmark(name, float32(0.1 * place + 0.01), 0.5) for name in points)
    return DetectedFace(
        box=box,
        confidence=float32(99.9 - place / 100),
        landmarks=landmarks,
        pose=Pose(roll=1.0, yaw=-2.0, pitch=3.0),
        quality=Quality(brightness=80.0, sharpness=sharpness),
        width_px=100.0,
        height_px=100.0,
    )


@dataclass
class NamedPhoto:
    names: list[str]
    blurred: bool = False

    @property
    def faces(self) -> Sequence[DetectedFace]:
        return tuple(detected(place, sharpness=0.0 if self.blurred else 90.0) for place in range(len(self.names)))

    def embed(self, face: DetectedFace) -> Embedding:
        return embedding(self.names[self.faces.index(face)])


@dataclass
class NamingReader:
    """`read` counts: a refusal that should be cheap must leave the count alone."""

    model: FaceModel = SFACE
    reads: int = 0

    def read(self, image: bytes) -> NamedPhoto:
        self.reads += 1
        if image.startswith(b"GIF"):
            raise InvalidImageFormat
        words = image.decode().split()
        return NamedPhoto([word for word in words if word != "blurred"], blurred="blurred" in words)


@dataclass
class DictBuckets:
    objects: dict[tuple[str, str, str | None], bytes] = field(default_factory=dict)
    reads: int = 0

    def read(self, bucket: str, name: str, version: str | None) -> bytes:
        self.reads += 1
        if (bucket, name, version) not in self.objects:
            raise InvalidS3Object
        return self.objects[bucket, name, version]


@dataclass
class DictCollections:
    known: dict[str, Collection] = field(default_factory=dict)
    tags: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def create(self, collection_id: str, model: FaceModel, tags: Mapping[str, str]) -> Collection:
        if collection_id in self.known:
            raise ResourceAlreadyExists(f"The collection id: {collection_id} already exists")
        self.known[collection_id] = Collection(collection_id, uuid4(), model.version, 1569444828.2741, 0, 0)
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


class World:
    """`do("SearchFaces", CollectionId=...)` calls the operation with these ports."""

    def __init__(self) -> None:
        self.collections = DictCollections()
        self.faces = self.search = ListedFaces()
        self.users = ListedUsers(self.faces)
        self.erasure = ListedErasure(self.faces)
        self.tags = DictTags(self.collections)
        self.reader = NamingReader()
        self.buckets = DictBuckets()
        self.tokens = PlainTokens()
        self.caller = Caller(region="eu-west-1", account="123456789012")

    def do(self, name: str, **request: Any) -> dict[str, Any]:
        operation = OFFERED[name]
        response = operation(request, **{need: getattr(self, need) for need in needs(operation)})
        assert_fits(SERVICE.operation_model(name).output_shape, response, name)
        return response

    def index(self, words: str, collection: str = "staff", **more: Any) -> list[str]:
        """The FaceIds of the people in a photo."""
        done = self.do("IndexFaces", CollectionId=collection, Image={"Bytes": words.encode()}, **more)
        return [record["Face"]["FaceId"] for record in done["FaceRecords"]]


def assert_fits(shape: Shape, value: Any, path: str) -> None:
    """All that is sent is in the service model, with the right type; nothing is null."""
    if shape.type_name == "structure":
        assert isinstance(value, dict), path
        assert value.keys() <= shape.members.keys(), (path, value.keys() - shape.members.keys())
        for name, part in value.items():
            assert_fits(shape.members[name], part, f"{path}.{name}")
    elif shape.type_name == "list":
        assert isinstance(value, list), path
        for item in value:
            assert_fits(shape.member, item, f"{path}[]")
    elif shape.type_name == "map":
        assert isinstance(value, dict), path
        for key, item in value.items():
            assert_fits(shape.key, key, f"{path}.keys")
            assert_fits(shape.value, item, f"{path}.{key}")
    elif shape.type_name == "string":
        assert isinstance(value, str), path
        assert not shape.enum or value in shape.enum, (path, value)
    elif shape.type_name in ("integer", "long"):
        assert type(value) is int, path
    else:
        assert shape.type_name in ("float", "timestamp"), (path, shape.type_name)
        assert isinstance(value, float), path
        assert math.isfinite(value), path
