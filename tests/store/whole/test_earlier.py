"""What earlier commits wrote is read as it is, and can be gone on with: no step in between, nothing changed by it."""

import base64
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from openrek.domain.collections import Collection
from openrek.store.blobs.folder import FolderBlobs
from openrek.store.blobs.port import Blobs
from openrek.store.collections.collections import StoredCollections
from openrek.store.faces.faces import StoredFaces
from openrek.store.faces.staged_writes import plans_of, staged_write_of
from openrek.store.integrity.verify import verify
from openrek.store.items.port import Items
from openrek.store.items.sqlite import SqliteItems
from openrek.store.items.sqlite_opening import CHECKED_PAGES
from openrek.store.log.keys import token_key
from openrek.store.transfer.archive_file import load
from openrek.store.transfer.export import export
from openrek.store.transfer.import_faces import import_archive
from openrek.store.upkeep.upkeep import Upkeep
from openrek.store.users.users import StoredUsers
from tests.store.earlier.answers import answers, ids_of, probe_of
from tests.store.earlier.make import PENDING_FACES
from tests.store.invariants import check_collection
from tests.store.people import likeness, request_token
from tests.store.synthetic import Embedder, open_items, picture, slots
from tests.support.aws import REGION, LocalAws
from tests.support.clocks import FakeClock

FORMATS = sorted((path.parent for path in (Path(__file__).parents[1] / "earlier").glob("*/answers.json")), key=str)
MUCH_LATER_S = 4e9
"""Epoch seconds: whatever may be given up by then is."""


@dataclass(frozen=True)
class Earlier:
    """A copy of what was kept, opened by the code of now; `told` is what it answered then."""

    folder: Path
    items: Items
    blobs: Blobs

    @property
    def told(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads((self.folder / "answers.json").read_text("utf-8"))
        return told

    @property
    def people(self) -> Collection:
        return StoredCollections(self.items).require("people")

    def answers(self) -> dict[str, Any]:
        return answers(self.items, self.blobs, self.told["probes"])

    def findings(self) -> list[str]:
        names = [entry.collection_id for entry in StoredCollections(self.items).page(None, 100).rows]
        for name in names:
            check_collection(self.items, StoredCollections(self.items).require(name), self.blobs)
        return [line for name in names for line in verify(self.items, self.blobs, name, clock=FakeClock()).findings]


@pytest.fixture(params=FORMATS, ids=lambda folder: folder.name)
def kept(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.param
    return folder


@pytest.fixture(params=["sqlite", "dynamo"])
def earlier(request: pytest.FixtureRequest, kept: Path, tmp_path: Path) -> Iterator[Earlier]:
    if request.param == "sqlite":
        shutil.copytree(kept / "data", tmp_path / "data")
        opened = Earlier(kept, open_items(tmp_path / "data"), FolderBlobs(tmp_path / "data" / "blobs"))
    else:
        aws: LocalAws = request.getfixturevalue("aws")
        table, bucket = aws.new_table(), aws.new_bucket()
        fill_table(aws, table, kept / "dynamodb.json")
        for path in (kept / "data" / "blobs").rglob("*.*"):
            name = path.relative_to(kept / "data" / "blobs").as_posix()
            aws.s3().put_object(Bucket=bucket, Key=name, Body=path.read_bytes())
        opened = Earlier(kept, aws.items(table), aws.blobs(bucket))
    yield opened
    opened.items.close()


def fill_table(aws: LocalAws, table: str, dump: Path) -> None:
    client = boto3.client("dynamodb", endpoint_url=aws.url, region_name=REGION)
    items = json.loads(dump.read_text("utf-8"), object_hook=with_bytes)
    for start in range(0, len(items), 25):
        puts = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
        assert not client.batch_write_item(RequestItems={table: puts})["UnprocessedItems"]


def with_bytes(value: dict[str, Any]) -> dict[str, Any]:
    return {"B": base64.b64decode(value["B"])} if list(value) == ["B"] else value


def test_there_is_something_to_read() -> None:
    assert {"format-2", f"format-{CHECKED_PAGES}"} <= {folder.name for folder in FORMATS}


def test_the_answers_are_the_same(earlier: Earlier) -> None:
    assert earlier.answers() == earlier.told
    assert earlier.findings() == []
    assert earlier.answers() == earlier.told


def test_the_answers_are_the_same_from_items_alone(earlier: Earlier) -> None:
    """Upkeep by the code of now folds the log and writes segments anew."""
    Upkeep(earlier.items, earlier.blobs, clock=FakeClock()).purge()

    assert earlier.answers() == earlier.told
    assert earlier.findings() == []


def test_it_can_be_gone_on_with(earlier: Earlier) -> None:
    before = earlier.told["collections"]["people"]
    faces, users = StoredFaces(earlier.items, clock=FakeClock()), StoredUsers(earlier.items, clock=FakeClock())
    added = faces.index(earlier.people, picture(9, "more:9"), slots(3), Embedder(picture(9, "more:9")))
    alone = [face[0] for face in before["faces"] if face[5] is None]
    assert len(faces.delete(earlier.people, ids_of(alone[:2])).deleted) == 2
    users.associate(earlier.people, "eve", [added[0].face_id], lowest_cosine=-1.0, idempotency_token=None)
    users.disassociate(earlier.people, "ada", ids_of(before["users"]["ada"][:1]), None)
    users.delete(earlier.people, "bob", None)
    assert earlier.findings() == []

    Upkeep(earlier.items, earlier.blobs, clock=FakeClock(MUCH_LATER_S)).purge()

    assert earlier.findings() == []
    after = earlier.answers()["collections"]["people"]
    expected = {face[0] for face in before["faces"]} - set(alone[:2]) | {str(face.face_id) for face in added}
    assert {face[0] for face in after["faces"]} == {match[0] for match in after["searches"][0]} == expected
    assert after["users"] == {"ada": before["users"]["ada"][1:], "eve": [str(added[0].face_id)]}
    kept = {face_id: cosine for face_id, cosine in after["searches"][0] if str(face_id) not in map(str, added)}
    told = dict(before["searches"][0])
    assert all(told[face_id] == cosine for face_id, cosine in kept.items() if face_id in told)


def test_a_call_that_was_killed_is_finished_by_its_repetition(earlier: Earlier) -> None:
    (item,) = plans_of(earlier.items, earlier.people.uid)
    plan, found = staged_write_of(item), slots(PENDING_FACES)
    faces = StoredFaces(earlier.items, faces_per_commit=3, clock=FakeClock())

    given = faces.index(earlier.people, picture(70), found, lambda face: likeness("fay", found.index(face)))

    assert [face.face_id for face in given] == list(plan.face_ids)
    assert plans_of(earlier.items, earlier.people.uid) == []
    assert earlier.findings() == []


def test_a_call_that_was_killed_is_cleared_away(earlier: Earlier) -> None:
    Upkeep(earlier.items, earlier.blobs, clock=FakeClock(MUCH_LATER_S)).sweep()

    assert plans_of(earlier.items, earlier.people.uid) == []
    assert earlier.answers() == earlier.told
    assert earlier.findings() == []


def test_a_request_token_is_known_again(earlier: Earlier) -> None:
    token = earlier.items.get(token_key(earlier.people.uid, "join ada"))
    assert token is not None
    joined = ids_of([face[0] for face in earlier.told["collections"]["people"]["faces"]])
    users = StoredUsers(earlier.items, clock=FakeClock(token.attributes["made_ms"] / 1000.0))

    answer = users.associate(
        earlier.people, "ada", joined, lowest_cosine=-1.0, idempotency_token=request_token("join ada")
    )

    assert [face_id.bytes for face_id in answer.changed] == token.attributes["changed"]
    assert (len(answer.changed), answer.user.face_count) == (5, 5)
    assert earlier.answers() == earlier.told


def test_an_export_of_now_is_that_of_then(earlier: Earlier) -> None:
    then, now = load(earlier.folder / "people.npz"), export(earlier.items, "people")

    for name in ("face_ids", "vectors", "scales", "boxes", "confidences", "users", "user_ids", "image_sha256"):
        assert (getattr(now, name) == getattr(then, name)).all(), name
    assert now.tags == then.tags


def test_an_export_of_then_is_imported(kept: Path, tmp_path: Path) -> None:
    told = json.loads((kept / "answers.json").read_text("utf-8"))
    items: SqliteItems = open_items(tmp_path)
    blobs = FolderBlobs(tmp_path / "blobs")

    import_archive(items, load(kept / "people.npz"), "people", clock=FakeClock())

    now = answers(items, blobs, told["probes"])["collections"]["people"]
    then = told["collections"]["people"]
    same = set(then) - {"uid"}
    assert {name: now[name] for name in same} == {name: then[name] for name in same}
    assert verify(items, blobs, "people", clock=FakeClock()).findings == ()
    assert all(len(probe_of(text)) == 128 for text in told["probes"])
    items.close()
