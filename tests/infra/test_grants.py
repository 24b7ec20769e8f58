"""A whole job, and what it really does to the items and blobs: never more than the function's role allows."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from infra.functions import OPERATIONS, UPKEEP, Grant
from openrek.domain.caller import Caller
from openrek.domain.celebrities import CelebrityRule
from openrek.operations import registry
from openrek.runtime.parts.adapters import needs
from openrek.runtime.parts.face_packs import OFFER
from openrek.store.blobs.folder import FolderBlobs
from openrek.store.blobs.port import Blobs, Buffer
from openrek.store.collections.collections import StoredCollections
from openrek.store.collections.page_tokens import SealedPageTokens
from openrek.store.collections.tags import StoredTags
from openrek.store.erasure.erasure import StoredErasure
from openrek.store.faces.faces import StoredFaces
from openrek.store.items.port import Check, Delete, Item, ItemPage, Items, Key, Put, Write
from openrek.store.items.sqlite import SqliteItems
from openrek.store.search.search import StoredSearch
from openrek.store.upkeep.upkeep import Upkeep
from openrek.store.users.users import StoredUsers
from openrek.vision.faces.reader import FaceReader

Done = dict[str, set[Grant]]
GRANTS = {function.name: set(function.grants) for function in (*OPERATIONS, UPKEEP)}
OF_TRANSACTION = {Put: Grant.PUT_ITEMS, Delete: Grant.DELETE_ITEMS, Check: Grant.CHECK_ITEMS}


class Witness:
    """Writes down which grants are used in the name of whom."""

    def __init__(self) -> None:
        self.name = ""
        self.done: Done = defaultdict(set)

    def __call__(self, grant: Grant) -> None:
        self.done[self.name].add(grant)


class WitnessedItems:
    def __init__(self, items: Items, used: Witness) -> None:
        self._items = items
        self._used = used

    def get(self, key: Key) -> Item | None:
        self._used(Grant.READ_ITEMS)
        return self._items.get(key)

    def read(self, keys: Sequence[Key]) -> Sequence[Item | None]:
        self._used(Grant.READ_ITEMS)
        return self._items.read(keys)

    def query(self, partition: str, **options: Any) -> ItemPage:
        self._used(Grant.READ_ITEMS)
        return self._items.query(partition, **options)

    def transact(self, operations: Sequence[Write], *, token: str | None = None) -> None:
        for operation in operations:
            secret = isinstance(operation, Put) and operation.key.partition == "deployment"
            self._used(Grant.SEAL_TOKENS if secret else OF_TRANSACTION[type(operation)])
        self._items.transact(operations, token=token)

    def close(self) -> None:
        self._items.close()


class WitnessedBlobs:
    def __init__(self, blobs: Blobs, used: Witness) -> None:
        self._blobs = blobs
        self._used = used

    def put(self, name: str, content: bytes) -> None:
        self._used(Grant.KEEP_BLOBS)
        self._blobs.put(name, content)

    def get(self, name: str, **part: Any) -> bytes:
        self._used(Grant.READ_BLOBS)
        return self._blobs.get(name, **part)

    def open(self, name: str) -> Buffer:
        self._used(Grant.READ_BLOBS)
        return self._blobs.open(name)

    def delete(self, name: str) -> None:
        self._used(Grant.KEEP_BLOBS)
        self._blobs.delete(name)

    def names(self, prefix: str = "") -> Iterator[str]:
        self._used(Grant.KEEP_BLOBS)
        return self._blobs.names(prefix)


class Process:
    """One process of the deployment: it knows only what is stored."""

    def __init__(self, folder: Path, reader: FaceReader, witness: Witness) -> None:
        self._witness = witness
        self._items = WitnessedItems(SqliteItems(folder / "items.sqlite3"), witness)
        self._blobs = WitnessedBlobs(FolderBlobs(folder / "blobs"), witness)
        self._parts: dict[str, Any] = {
            "buckets": None,
            "caller": Caller(),
            "celebrity_rule": CelebrityRule("a"),
            "collections": StoredCollections(self._items),
            "erasure": StoredErasure(self._items),
            "faces": StoredFaces(self._items),
            "models": OFFER.models,
            "packs": None,
            "reader": reader,
            "search": StoredSearch(self._items, self._blobs),
            "tags": StoredTags(self._items),
            "tokens": SealedPageTokens(self._items),
            "users": StoredUsers(self._items),
        }

    def __call__(self, name: str, **request: Any) -> dict[str, Any]:
        self._witness.name = name
        operation = registry.OPERATIONS[name].function()
        return operation(request, **{need: self._parts[need] for need in needs(operation)})

    def purge(self) -> None:
        self._witness.name = "Upkeep"
        Upkeep(self._items, self._blobs).purge()
        self._items.close()


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, reader: FaceReader, photos: Mapping[str, bytes]) -> Done:
    witness = Witness()
    folder = tmp_path_factory.mktemp("data")
    call = Process(folder, reader, witness)
    man, other = {"Bytes": photos["obama.jpg"]}, {"Bytes": photos["biden.jpg"]}
    for collection in "ab":
        call("CreateCollection", CollectionId=collection)
    face_id = call("IndexFaces", CollectionId="a", Image=man)["FaceRecords"][0]["Face"]["FaceId"]
    for image in (man, other):
        call("IndexFaces", CollectionId="a", Image=image, ExternalImageId="one")
    call("SearchFaces", CollectionId="a", FaceId=face_id)
    call.purge()

    call = Process(folder, reader, witness)
    call("SearchFaces", CollectionId="a", FaceId=face_id)
    call("SearchFacesByImage", CollectionId="a", Image=other)
    for name, request in (("ListFaces", {"CollectionId": "a"}), ("ListCollections", {})):
        token = call(name, MaxResults=1, **request)["NextToken"]
        call(name, MaxResults=1, NextToken=token, **request)
    call("DescribeCollection", CollectionId="a")
    _identify(call, man, other)
    call("DetectFaces", Image=man)
    call("CompareFaces", SourceImage=man, TargetImage=other)
    call("DeleteFaces", CollectionId="a", FaceIds=[face_id, *(str(uuid4()) for _ in range(300))])
    call("DeleteCollection", CollectionId="b")
    call.purge()
    return witness.done


def _identify(call: Process, man: dict[str, bytes], other: dict[str, bytes]) -> None:
    """All that can be done with users and tags; the faces of ExternalImageId "one" and both users are gone then."""
    in_a = {"CollectionId": "a"}
    faces = call("ListFaces", **in_a)["Faces"]
    named = [face["FaceId"] for face in faces if face.get("ExternalImageId") == "one"]
    for user_id in ("ann", "bob"):
        call("CreateUser", UserId=user_id, ClientRequestToken=user_id, **in_a)
    call("AssociateFaces", UserId="ann", FaceIds=named[:1], **in_a)
    call("AssociateFaces", UserId="bob", FaceIds=named[1:], ClientRequestToken="again", **in_a)
    call("DisassociateFaces", UserId="bob", FaceIds=named[1:], **in_a)
    token = call("ListUsers", MaxResults=1, **in_a)["NextToken"]
    call("ListUsers", MaxResults=1, NextToken=token, **in_a)
    call("SearchUsers", UserId="ann", **in_a)
    call("SearchUsersByImage", Image=other, **in_a)
    call("SearchAllFacesByImage", Image=man, Include=["FACES", "USERS"], **in_a)
    call("PutCelebrityInfo", Id="ann", Name="Ann", **in_a)
    call("GetCelebrityInfo", Id="ann")
    call("RecognizeCelebrities", Image=man)
    call("DeleteUser", UserId="bob", **in_a)
    arn = "arn:aws:rekognition:us-east-1:000000000000:collection/a"
    call("TagResource", ResourceArn=arn, Tags={"team": "doors"})
    call("ListTagsForResource", ResourceArn=arn)
    call("UntagResource", ResourceArn=arn, TagKeys=["team"])
    call("ErasePerson", ExternalImageId="one", **in_a)


def test_a_job_needs_no_more_than_each_role_allows(done: Done) -> None:
    assert set(done) | registry.TOUCH_NO_COLLECTION == {*registry.OPERATIONS, "Upkeep"}
    keeping = {Grant.READ_BLOBS}  # part of KEEP_BLOBS
    beyond = {name: used - GRANTS[name] - (keeping if name == "Upkeep" else set()) for name, used in done.items()}
    assert {name: grants for name, grants in beyond.items() if grants} == {}


def test_every_permission_to_write_is_used(done: Done) -> None:
    """Except checks: only a call larger than one transaction makes them."""
    writes = {Grant.PUT_ITEMS, Grant.DELETE_ITEMS, Grant.KEEP_BLOBS, Grant.SEAL_TOKENS}
    unused = {name: (GRANTS[name] & writes) - used for name, used in done.items()}
    sealed = {Grant.SEAL_TOKENS}  # by the first that lists
    rare = {"IndexFaces": {Grant.DELETE_ITEMS}, "ListCollections": sealed, "ListUsers": sealed}
    assert {name: grants for name, grants in unused.items() if grants} == rare
