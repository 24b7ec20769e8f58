"""`verify` finds every kind of damage to users, and cries wolf over none; `rebuild` mends what the items alone can."""

from collections.abc import Callable
from itertools import count
from uuid import UUID

import pytest

from openrek.domain.faces import Face
from openrek.store.integrity.rebuild import BadFaces, rebuild
from openrek.store.integrity.verify import verify
from openrek.store.items.port import Delete, Item, Key, Put
from openrek.store.log.head import head_now
from openrek.store.log.keys import face_key, owned, token_key, user_key
from openrek.store.search.search import StoredSearch
from openrek.store.upkeep.compaction import Compactor
from openrek.store.users.users import StoredUsers
from tests.store.faults import Fault, FaultyItems, Killed, at
from tests.store.invariants import all_items
from tests.store.people import People, likeness, request_token, sound
from tests.support.clocks import FakeClock


@pytest.fixture
def full(local: People) -> People:
    """Users in segments, in the log, and without faces; claims; a token."""
    local.per_commit = 3
    local.user("ada", local.add("ada", 5))
    local.user("bob", local.add_at_once("bob", 4))
    Compactor(local.items, local.blobs, clock=FakeClock()).step("people", force=True)
    local.user("eve", local.add("eve", 2))
    local.leave("ada", local.faces.of_user(local.collection, "ada")[:1])
    local.user("empty")
    local.users.create(local.collection, "max", request_token("t"))
    return local


def findings(people: People) -> str:
    return "\n".join(verify(people.items, people.blobs, "people", clock=FakeClock()).findings)


def item(people: People, user: str) -> Item:
    found = people.items.get(user_key(people.collection.uid, user))
    assert found is not None
    return found


def change(people: People, user: str, **members: object) -> None:
    found = item(people, user)
    people.items.transact([Put(found.key, {**found.attributes, **members})])


def change_face(people: People, user: str, **members: object) -> None:
    face: Face = people.faces.of_user(people.collection, user)[0]
    found = people.items.get(face_key(people.collection.uid, face.face_id))
    assert found is not None
    kept = {name: value for name, value in found.attributes.items() if name not in ("owner", "claim")}
    people.items.transact([Put(found.key, {**kept, **members})])


def fewer(people: People) -> None:
    change(people, "eve", members=item(people, "eve").attributes["members"][1:])


def head_counts(people: People, users: int) -> None:
    head = head_now(people.items, "people")
    assert head is not None
    people.items.transact([Put(head.key, {**head.attributes(), "users": users})])


def lost(people: People, user: str) -> None:
    people.items.transact([Delete(item(people, user).key)])


def stranger(people: People) -> None:
    members = item(people, "eve").attributes["members"]
    change(people, "empty", members=members, vector=ONE, scale=b"1111")


def put(people: People, key: Key, **attributes: object) -> None:
    people.items.transact([Put(key, attributes)])


ONE = bytes(127) + b"1"
DAMAGE: dict[str, tuple[Callable[[People], object], str]] = {
    "list": (fewer, "a face whose user does not list it"),
    "stranger": (stranger, "a user lists a face that is not its own: empty face"),
    "nobody's": (lambda p: change_face(p, "eve"), "a user lists a face that is not its own: eve face"),
    "another's": (lambda p: change_face(p, "eve", owner="ada"), "a face whose user does not list it"),
    "owner unknown": (lambda p: change_face(p, "eve", owner="who"), "its owners differs"),
    "vector": (lambda p: change(p, "bob", vector=ONE), "not the mean of its faces': bob"),
    "row": (lambda p: change(p, "bob", vector=ONE), "a user without its row: bob its vectors differs"),
    "user lost": (lambda p: lost(p, "bob"), "a row without a user: bob"),
    "empty user lost": (lambda p: lost(p, "empty"), "the head's count is wrong: 5 users"),
    "user too many": (lambda p: put(p, user_key(p.collection.uid, "x"), members=[], seq=1), "there are 6"),
    "count": (lambda p: head_counts(p, 3), "3 users, there are 5"),
    "members": (
        lambda p: change(p, "eve", members=item(p, "eve").attributes["members"][::-1]), "eve has a bad members",
    ),
    "no list": (lambda p: change(p, "eve", members="x"), "the user item eve has a bad members"),
    "vector's size": (lambda p: change(p, "eve", vector=b"1"), "has a bad vector"),
    "scale": (lambda p: change(p, "eve", scale=bytes(4)), "has a bad scale"),
    "seq": (lambda p: change(p, "eve", seq=0), "has a bad seq"),
    "id": (lambda p: put(p, user_key(p.collection.uid, "a b"), members=[], seq=1), "has a bad id"),
    "token": (lambda p: put(p, token_key(p.collection.uid, "t"), made_ms=1), "a request token makes no sense: t"),
}  # fmt: skip


def test_a_collection_with_users_is_whole(full: People) -> None:
    report = verify(full.items, full.blobs, "people", clock=FakeClock())

    assert report.findings == report.notes == ()
    assert report.users == 5


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_to_users(full: People, name: str) -> None:
    damage, expected = DAMAGE[name]
    damage(full)

    assert expected in findings(full)


MENDED = (
    "list", "stranger", "nobody's", "another's", "owner unknown", "vector", "row", "user lost", "empty user lost",
    "user too many", "count",
)  # fmt: skip


@pytest.mark.parametrize("name", MENDED)
def test_what_users_and_faces_disagree_about_is_mended_and_no_face_gets_a_wrong_user(full: People, name: str) -> None:
    before = full.owners()
    DAMAGE[name][0](full)

    rebuild(full.items, full.blobs, "people", clock=FakeClock())

    sound(full)
    after = full.owners()
    assert set(after) == set(before)
    assert all(owner in (None, before[face_id]) for face_id, owner in after.items())
    assert sum(after[face_id] != owner for face_id, owner in before.items()) == LOSSES.get(name, 0)


LOSSES = {"list": 1, "nobody's": 1, "another's": 1, "owner unknown": 1, "user lost": 4}


def test_lost_segments_of_users_are_made_anew(full: People) -> None:
    before = full.nearest(likeness("ada", 0))
    for name in list(full.blobs.names()):
        full.blobs.delete(name)
    head_counts(full, 77)
    assert "missing" in findings(full)

    rebuilt = rebuild(full.items, full.blobs, "people", segment_bytes=8192, clock=FakeClock())

    assert (rebuilt.users, full.head.user_count) == (5, 5)
    sound(full)
    fresh = StoredSearch(full.items, full.blobs, threads=1)
    (found,) = fresh.nearest_users(full.head, [likeness("ada", 0)], limit=9, lowest_cosine=-1.0)
    assert [(match.user.user_id, match.user.face_count) for match in found] == before
    full.join("eve", full.add("eve", 1, first=70))
    Compactor(full.items, full.blobs, clock=FakeClock()).step("people", force=True)
    sound(full)


def test_claims_of_a_client_that_died_are_forgotten(full: People) -> None:
    faces = full.add("ann", 5)
    full.user("ann-smith")
    killed = StoredUsers(FaultyItems(full.items, at(7, Fault.KILLED_AFTER)), faces_per_commit=3, clock=FakeClock())
    with pytest.raises(Killed):
        killed.associate(
            full.collection, "ann-smith", [f.face_id for f in faces], lowest_cosine=-1.0, idempotency_token=None
        )
    assert void_claims(full) == 2
    before = full.owners()

    busy = FaultyItems(full.items)
    busy.choose = lambda _: Fault.CONTENDED if full.head.seq > seq else Fault.NONE
    seq = full.head.seq
    rebuild(busy, full.blobs, "people", clock=FakeClock())
    assert void_claims(full) == 2, "for another time"

    rebuild(full.items, full.blobs, "people", clock=FakeClock())

    assert void_claims(full) == 0
    assert full.owners() == before
    assert full.members("ann-smith") == set()
    sound(full)


def void_claims(people: People) -> int:
    owners = people.owners()
    faces = all_items(people.items, owned(people.collection.uid, "face"))
    return sum("claim" in face.attributes and owners[UUID(face.key.sort)] is None for face in faces)


def test_nothing_is_rebuilt_from_a_bad_user(full: People) -> None:
    change(full, "eve", scale=bytes(4))

    with pytest.raises(BadFaces, match="the user item eve has a bad scale"):
        rebuild(full.items, full.blobs, "people", clock=FakeClock())


@pytest.mark.parametrize("first", range(3))
def test_a_check_at_any_moment_of_other_clients_work(full: People, first: int) -> None:
    """Before each of its steps, faces join and leave, users come and go, and now and then somebody compacts."""
    faces = full.add("max", 6, first=200)
    turn = count(first)
    writers = StoredUsers(full.items, faces_per_commit=2, clock=FakeClock())
    ids: list[UUID] = [face.face_id for face in faces]

    def others(_: int) -> None:
        number = next(turn)
        if number > 40:
            return
        if number % 5 == 4:
            Compactor(full.items, full.blobs, clock=FakeClock()).step("people", force=True)
        elif number % 3 == 0:
            writers.associate(
                full.collection,
                "max",
                ids[number % 4 :],
                lowest_cosine=-1.0,
                idempotency_token=request_token(f"n{number}"),
            )
        elif number % 3 == 1:
            writers.disassociate(full.collection, "max", ids[number % 5 :], None)
        else:
            writers.create(full.collection, f"n{number}", None)

    report = verify(FaultyItems(full.items, before=others), full.blobs, "people", clock=FakeClock())

    assert report.findings == ()
    assert next(turn) > 12
    sound(full)
