"""More faces than a transaction holds: they are claimed before, which nobody sees, and keep no name afterwards."""

import contextlib
from pathlib import Path
from uuid import UUID

import pytest

from openrek.domain.users import Association, User
from openrek.store.log.keys import OWNED, owned
from openrek.store.users.users import StoredUsers
from tests.store.faults import Fault, FaultyItems, Killed, at
from tests.store.invariants import all_items
from tests.store.memory_blobs import MemoryBlobs
from tests.store.people import People, likeness, request_token, sound
from tests.store.synthetic import new_collection, open_items
from tests.support.aws import LocalAws
from tests.support.clocks import FakeClock


@pytest.mark.parametrize("token", [None, "t"])
def test_a_hundred_faces_join_and_leave_in_one_transaction_each(local: People, token: str | None) -> None:
    """A transaction has room for 96 or 97 face items; the others are claimed before, which nobody can see."""
    faces = local.add_at_once("ada", 99) + local.add("ada", 1, first=500)
    local.user("ada")
    seen: list[tuple[int, ...]] = []

    def look(_: int) -> None:
        found = local.nearest(likeness("ada", 1))
        owned = sum(owner == "ada" for owner in local.owners().values())
        seen.append((len(local.members("ada")), owned, found[0][1] if found else 0))

    watched = StoredUsers(FaultyItems(local.items, before=look), clock=FakeClock())
    ids = [face.face_id for face in faces]
    key = request_token("t") if token else None

    joined = watched.associate(local.collection, "ada", ids, lowest_cosine=-1.0, idempotency_token=key)
    look(0)
    assert joined.changed == tuple(ids)
    sound(local)
    parted = watched.disassociate(local.collection, "ada", ids, request_token("u") if token else None)
    look(0)
    assert parted.changed == tuple(ids)
    sound(local)
    watched.associate(local.collection, "ada", ids, lowest_cosine=-1.0, idempotency_token=None)
    watched.delete(local.collection, "ada", request_token("v") if token else None)
    look(0)

    assert set(seen) == {(0, 0, 0), (100, 100, 100)}, "nobody ever saw a part of it"
    assert not any(local.owners().values())
    sound(local)


def test_a_hundred_faces_join_with_as_many_operations_as_dynamodb_takes(aws: LocalAws) -> None:
    items = aws.items()
    people = People(items, MemoryBlobs(), new_collection(items))
    faces = people.add_at_once("ada", 97) + people.add("ada", 3, first=500)
    people.user("ada")

    result = people.join("ada", faces, request_token("t"))

    assert result.user == User("ada", 100)
    assert people.members("ada") == {face.face_id for face in faces}
    items.close()


def test_a_claim_is_worth_nothing_without_the_user(local: People) -> None:
    """Claims stay in face items; other users, new users of the same name and deletions are not confused by them."""
    local.per_commit = 2
    faces = local.add("ada", 6)
    local.user("ada", faces)
    claimed = [
        item.attributes["id"]
        for item in all_items(local.items, f"{local.collection.uid.hex}/face")
        if "claim" in item.attributes
    ]
    assert len(claimed) == 4
    assert set(local.owners().values()) == {"ada"}
    local.users.delete(local.collection, "ada", None)
    assert set(local.owners().values()) == {None}
    local.user("ada")
    assert set(local.owners().values()) == {None}
    sound(local)

    local.user("bob", faces[:3])
    assert local.join("ada", faces).skipped[0].user_id == "bob"
    assert local.members("ada") == {face.face_id for face in faces[3:]}
    sound(local)
    refused = local.faces.delete(local.collection, [UUID(bytes=face_id) for face_id in claimed])
    assert refused.deleted == ()
    assert {face.reason for face in refused.skipped} == {"ASSOCIATED_TO_AN_EXISTING_USER"}
    local.leave("ada", faces)
    local.leave("bob", faces)
    gone = local.faces.delete(local.collection, [face.face_id for face in faces])
    assert len(gone.deleted) == 6
    sound(local)


@pytest.mark.parametrize("token", [None, "t"])
def test_no_face_spells_the_name_of_a_user_that_it_left(local: People, token: str | None) -> None:
    """Nor does any item, once the user is erased: also where a transaction had no room for all of its faces."""
    faces = local.add_at_once("ann", 100)
    local.user("ann-smith", faces)
    local.users.delete(local.collection, "ann-smith", request_token(token) if token else None)
    assert naming(local, "face", "ann-smith") == 0

    local.user("ann-smith", faces)
    local.leave("ann-smith", faces, request_token("u") if token else None)
    assert naming(local, "face", "ann-smith") == 0
    sound(local)
    local.erasure.erase_user(local.collection, "ann-smith")

    assert [kind for kind in OWNED if naming(local, kind, "ann-smith")] == ["log"], "and compaction trims that"
    sound(local)


def test_faces_that_join_another_user_meanwhile_stay_with_it(local: People) -> None:
    local.per_commit = 2
    faces = local.add("ann", 5)
    local.user("ann", faces)
    local.user("bob")
    other = StoredUsers(local.items, faces_per_commit=2, clock=FakeClock())
    joined: list[Association] = []

    def join_bob(_: int) -> None:
        if not joined and not local.members("ann"):
            ids = [face.face_id for face in faces]
            joined.append(other.associate(local.collection, "bob", ids, lowest_cosine=-1.0, idempotency_token=None))

    watched = StoredUsers(FaultyItems(local.items, before=join_bob), faces_per_commit=2, clock=FakeClock())
    watched.disassociate(local.collection, "ann", [face.face_id for face in faces], None)

    assert len(joined) == 1
    assert set(local.owners().values()) == {"bob"}
    assert naming(local, "face", "ann") == 0
    sound(local)


def test_a_call_that_is_done_is_not_refused_for_the_names_that_it_leaves(local: People) -> None:
    """They go with the next change of their faces."""
    local.per_commit = 2
    faces = local.add("ann", 5)
    local.user("ann-smith", faces)
    busy = FaultyItems(local.items)
    busy.choose = lambda _: Fault.NONE if local.members("ann-smith") else Fault.CONTENDED

    over = StoredUsers(busy, faces_per_commit=2, clock=FakeClock())
    result = over.disassociate(local.collection, "ann-smith", [face.face_id for face in faces], None)

    assert len(result.changed) == 5
    assert naming(local, "face", "ann-smith") == 3
    local.user("bob", faces)
    assert naming(local, "face", "ann-smith") == 0
    sound(local)


def naming(people: People, kind: str, name: str) -> int:
    return sum(name in repr(item) for item in all_items(people.items, owned(people.collection.uid, kind)))


@pytest.mark.parametrize("fault", [Fault.KILLED_BEFORE, Fault.KILLED_AFTER])
def test_a_client_that_dies_at_any_step_leaves_all_or_nothing(tmp_path: Path, fault: Fault) -> None:
    """Eight faces against three items a transaction: claims before, and then the one that counts."""
    for step in range(40):
        folder = tmp_path / str(step)
        folder.mkdir()
        items = open_items(folder)
        people = People(items, MemoryBlobs(), new_collection(items))
        faces = people.add_at_once("ada", 8)
        people.user("ada", faces[:2])
        killed = StoredUsers(FaultyItems(items, at(step, fault)), faces_per_commit=3, clock=FakeClock())
        ids = [face.face_id for face in faces]
        finished = False
        with contextlib.suppress(Killed):
            killed.associate(people.collection, "ada", ids, lowest_cosine=-1.0, idempotency_token=None)
            finished = True

        assert len(people.members("ada")) in ((8,) if finished else (2, 8))
        sound(people)
        people.join("ada", faces)
        assert people.members("ada") == set(ids)
        sound(people)
        items.close()
        if finished:
            assert step > 8
            return
    raise AssertionError("never finished")
