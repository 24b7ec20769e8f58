"""Writes what the code of today keeps, for the code of later days to read: python -m tests.store.earlier.make FOLDER

FOLDER is made anew beside this file and named after the format of its database. It holds a data folder, its items as
DynamoDB has them (its S3 objects are the very files of the folder), an export, and the answers that all of these must
go on giving. Everything in it is synthetic. A change of the format adds a folder; those of earlier ones stay.
"""

import base64
import json
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3

from openrek.domain.collections import Collection
from openrek.domain.faces import Face
from openrek.domain.models import SFACE
from openrek.store.blobs.folder import FolderBlobs
from openrek.store.blobs.port import Blobs
from openrek.store.collections.collections import StoredCollections
from openrek.store.collections.page_tokens import SealedPageTokens
from openrek.store.faces.faces import StoredFaces
from openrek.store.integrity.verify import verify
from openrek.store.items.port import Items, Key, Put
from openrek.store.items.sqlite import SqliteItems
from openrek.store.log.head import head_now
from openrek.store.segments.segment_file import FACES, USERS
from openrek.store.transfer.archive_file import save
from openrek.store.transfer.export import export
from openrek.store.upkeep.compaction import Compactor, current_manifest
from openrek.store.upkeep.garbage_collection import GarbageCollector
from openrek.store.users.users import StoredUsers
from tests.store.earlier.answers import PLACE, answers, packed
from tests.store.faults import Fault, FaultyItems, Killed, at
from tests.store.people import likeness, request_token
from tests.store.synthetic import picture, slots
from tests.support.aws import REGION, local_aws
from tests.support.clocks import FakeClock

PEOPLE = ("ada", "bob", "eve")
NAMES = (*PEOPLE, "dan")
PENDING_FACES = 7
FOLD_AFTER_S = 13 * 3600.0


def fill(items: Items, blobs: Blobs) -> None:
    """Two collections; in "people" segments of faces and users, tombstones, a log tail, a request token, faces that
    carry claims, and a call that was killed on its way."""
    collections = StoredCollections(items)
    people = collections.create("people", SFACE, {"who": "Łukasz", "empty": ""})
    others = collections.create("others", SFACE, {})
    StoredFaces(items).index(others, picture(1), slots(2), lambda face: likeness("zoe", slots(2).index(face)))
    faces = {name: [_face(items, people, name, number) for number in range(8)] for name in PEOPLE}
    users = StoredUsers(items, faces_per_commit=3, clock=FakeClock())  # more join at once by claims
    for name in PEOPLE:
        users.create(people, name, request_token(f"create {name}"))
    users.describe(people, "ada", "Ada \u0141", ["www.example.com/ada", "https://example.com/?a=1"], "Female")
    users.associate(
        people, "ada", _ids(faces["ada"][:5]), lowest_cosine=-1.0, idempotency_token=request_token("join ada")
    )
    users.associate(people, "bob", _ids(faces["bob"][:2]), lowest_cosine=-1.0, idempotency_token=None)
    Compactor(items, blobs, clock=FakeClock()).step("people", force=True)
    StoredFaces(items).delete(people, _ids(faces["eve"][:3]))
    _face(items, people, "dan", 0)
    _fold_without_merging(items, blobs)
    StoredFaces(items).delete(people, _ids(faces["eve"][3:4]))
    for number in range(8, 11):
        faces["bob"].append(_face(items, people, "bob", number))
    users.associate(people, "bob", _ids(faces["bob"][8:]), lowest_cosine=-1.0, idempotency_token=None)
    users.disassociate(people, "ada", _ids(faces["ada"][:1]), None)
    StoredFaces(items).index(people, picture(9, "many:9"), slots(4), lambda face: likeness("dan", slots(4).index(face)))
    SealedPageTokens(items).seal(PLACE, "a cursor")
    GarbageCollector(items, blobs, clock=FakeClock()).collect("people")
    begin_a_plan(items, people)


def _face(items: Items, people: Collection, name: str, number: int) -> Face:
    of = picture(100 * (1 + NAMES.index(name)) + number, f"{name}:{number}" if number % 2 else None)
    return StoredFaces(items).index(people, of, slots(1), lambda _: likeness(name, number))[0]


def begin_a_plan(items: Items, people: Collection) -> None:
    """An IndexFaces of seven faces that was killed when some were written, and none can be seen."""
    faulty = FaultyItems(items, at(9, Fault.KILLED_BEFORE))
    found = slots(PENDING_FACES)
    with suppress(Killed):
        StoredFaces(faulty, faces_per_commit=3, clock=FakeClock()).index(
            people, picture(70), found, lambda face: likeness("fay", found.index(face))
        )


def _fold_without_merging(items: Items, blobs: Blobs) -> None:
    later = time.time() + FOLD_AFTER_S
    assert Compactor(items, blobs, clock=FakeClock(later), small_bytes=0).step("people")


def _ids(faces: list[Face]) -> list[Any]:
    return [face.face_id for face in faces]


def check(items: Items, blobs: Blobs) -> None:
    """The content is what it is meant to be."""
    head = head_now(items, "people")
    assert head is not None
    refs = current_manifest(blobs, head).segments
    assert {ref.kind for ref in refs} == {FACES, USERS}
    assert any(ref.dead for ref in refs)
    assert head.seq > head.compacted_through > 0
    for name in ("people", "others"):
        assert verify(items, blobs, name).findings == ()
    assert len(verify(items, blobs, "people").notes) == 1


def dumped(folder: Path) -> list[dict[str, Any]]:
    """Every item of the database as DynamoDB stores it, bytes in base64."""
    source = SqliteItems(folder / "items.sqlite3")
    keys = source._connection().execute("SELECT partition, sort FROM items").fetchall()
    with local_aws() as aws:
        target = aws.items(table := aws.new_table())
        for partition, sort in keys:
            item = source.get(Key(partition, sort))
            assert item is not None
            target.transact([Put(item.key, item.attributes)])
        target.close()
        pages = boto3.client("dynamodb", endpoint_url=aws.url, region_name=REGION).get_paginator("scan")
        items = [item for page in pages.paginate(TableName=table) for item in page["Items"]]
    source.close()
    assert len(items) == len(keys)
    return [encoded(item) for item in items]


def encoded(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {name: encoded(inner) for name, inner in value.items()}
    return [encoded(inner) for inner in value] if isinstance(value, list) else value


def make(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    data = folder / "data"
    items, blobs = SqliteItems(data / "items.sqlite3"), FolderBlobs(data / "blobs")
    fill(items, blobs)
    check(items, blobs)
    save(export(items, "people"), folder / "people.npz")
    probes = [packed(likeness(name, 99)) for name in (*PEOPLE, "nobody")]
    told = answers(items, blobs, probes)
    items.close()
    (data / "blobs" / ".aside").rmdir()
    (folder / "answers.json").write_text(json.dumps(told, indent=1), "utf-8")
    lines = ",\n".join(json.dumps(item) for item in dumped(data))
    (folder / "dynamodb.json").write_text(f"[\n{lines}\n]\n", "utf-8")


if __name__ == "__main__":
    make(Path(__file__).parent / sys.argv[1])
