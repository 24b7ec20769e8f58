"""A world that calls operations with the real store; every result is checked against the model's output shape."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

from botocore.model import Shape

from openrek.domain.caller import Caller
from openrek.domain.celebrities import CelebrityRule
from openrek.domain.models import SFACE, FaceModels
from openrek.operations.registry import OPERATIONS
from openrek.runtime.parts.adapters import needs
from openrek.store.blobs.folder import FolderBlobs
from openrek.store.collections.collections import StoredCollections
from openrek.store.collections.page_tokens import SealedPageTokens
from openrek.store.collections.tags import StoredTags
from openrek.store.erasure.erasure import StoredErasure
from openrek.store.faces.faces import StoredFaces
from openrek.store.items.sqlite import SqliteItems
from openrek.store.search.search import StoredSearch
from openrek.store.users.users import StoredUsers
from tests.operations.parts.moderation import NamingModerator
from tests.operations.parts.photos import ChosenPacks, DictBuckets, NamingReader
from tests.operations.parts.pictures import NamingPictures
from tests.support.clocks import FakeClock
from tests.support.extended import SERVICE

CREATED_S = 1569444828.2741


class Recorded:
    """Passes calls on to a part of the store; `asked` has the keyword arguments of each, `called` its name."""

    def __init__(self, part: object) -> None:
        self._part = part
        self.asked: list[dict[str, Any]] = []
        self.called: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._part, name)

        def call(*values: Any, **named: Any) -> Any:
            self.called.append(name)
            self.asked.append(named)
            ids = [each for value in values if isinstance(value, list) for each in value if isinstance(each, UUID)]
            assert len(set(ids)) == len(ids), "the ports are given each id once"
            return method(*values, **named)

        return call

    @property
    def limits(self) -> list[int]:
        return [each["limit"] for each in self.asked]

    @property
    def lowest(self) -> list[float]:
        return [each["lowest_cosine"] for each in self.asked if "lowest_cosine" in each]


class World:
    """`do("SearchFaces", CollectionId=...)` calls the operation with a store in `folder`; the reader has no model."""

    def __init__(self, folder: Path) -> None:
        clock = FakeClock(CREATED_S)
        self.items = SqliteItems(folder / "items.sqlite3")
        self.collections = StoredCollections(self.items, clock=clock)
        self.faces = Recorded(StoredFaces(self.items, clock=clock))
        self.users = Recorded(StoredUsers(self.items, clock=clock))
        self.search = Recorded(StoredSearch(self.items, FolderBlobs(folder / "blobs"), threads=1, clock=clock))
        self.erasure = StoredErasure(self.items, clock=clock)
        self.tags = StoredTags(self.items, clock=clock)
        self.tokens = SealedPageTokens(self.items, clock=clock)
        self.models = FaceModels((SFACE,))
        self.reader = NamingReader()
        self.moderator = NamingModerator()
        self.celebrity_rule = CelebrityRule("staff")
        self.moderation_version = "7.0"
        self.packs = ChosenPacks()
        self.pictures = NamingPictures(self.reader)
        self.buckets = DictBuckets()
        self.caller = Caller(region="eu-west-1", account="123456789012")

    def do(self, name: str, **request: Any) -> dict[str, Any]:
        operation = OPERATIONS[name].function()
        response = operation(request, **{need: getattr(self, need) for need in needs(operation)})
        assert_fits(SERVICE.operation_model(name).output_shape, response, name)
        return response

    def index(self, words: str, collection: str = "staff", **more: Any) -> list[str]:
        """The FaceIds of the people in a photo."""
        done = self.do("IndexFaces", CollectionId=collection, Image={"Bytes": words.encode()}, **more)
        return [record["Face"]["FaceId"] for record in done["FaceRecords"]]

    def user(self, user_id: str, *face_ids: str) -> None:
        """Create a user of these faces in `staff`."""
        self.do("CreateUser", CollectionId="staff", UserId=user_id)
        if face_ids:
            done = self.do(
                "AssociateFaces", CollectionId="staff", UserId=user_id, FaceIds=list(face_ids), UserMatchThreshold=0
            )
            assert len(done["AssociatedFaces"]) == len(face_ids)

    def face_count(self) -> int:
        return int(self.do("DescribeCollection", CollectionId="staff")["FaceCount"])

    def create_of_model(self, version: str) -> None:
        """Make the collection `old`, as a build with another face model would."""
        self.collections.create("old", replace(SFACE, version=version), {})


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
    elif shape.type_name == "boolean":
        assert type(value) is bool, path
    elif shape.type_name in ("integer", "long"):
        assert type(value) is int, path
    else:
        assert shape.type_name in ("float", "timestamp"), (path, shape.type_name)
        assert isinstance(value, float), path
        assert math.isfinite(value), path
