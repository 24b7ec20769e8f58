"""ClientRequestTokens: a call repeated with its token gets the same result and changes nothing."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

import pytest

from openrek.domain.errors import (
    Conflict,
    IdempotentParameterMismatch,
    InternalServerError,
    ResourceNotFound,
    Throttling,
)
from openrek.domain.faces import Face
from openrek.domain.users import RequestToken
from openrek.store.collections.collections import StoredCollections
from openrek.store.upkeep.orphan_sweep import OrphanSweep
from openrek.store.users.users import StoredUsers
from tests.store.faults import Fault, FaultyItems, Wire, always, at
from tests.store.invariants import all_items, owned_items
from tests.store.people import NOW_S, People, request_token, sound
from tests.support.clocks import FakeClock

DAY_S = 86_400.0


@dataclass
class Call:
    """One of the four calls that take a token; `undo` changes what it did."""

    make: Callable[[StoredUsers, RequestToken | None], object]
    undo: Callable[[], object]


def calls(people: People, faces: list[Face]) -> dict[str, Call]:
    ids = [face.face_id for face in faces]
    where = people.collection
    people.user("ada", faces[:2])
    people.user("gone")
    return {
        "create": Call(
            lambda users, token: users.create(where, "eve", token), lambda: people.users.delete(where, "eve", None)
        ),
        "delete": Call(lambda users, token: users.delete(where, "gone", token), lambda: people.user("gone")),
        "associate": Call(
            lambda users, token: users.associate(where, "ada", ids, lowest_cosine=0.5, idempotency_token=token),
            lambda: people.leave("ada", faces),
        ),
        "disassociate": Call(
            lambda users, token: users.disassociate(where, "ada", ids[1:], token), lambda: people.join("ada", faces[:2])
        ),
    }


NAMES = ("create", "delete", "associate", "disassociate")


@pytest.mark.parametrize("name", NAMES)
def test_a_repetition_is_told_the_same_and_changes_nothing(people: People, name: str) -> None:
    faces = people.add("ada", 3) + people.add("bob", 1)
    call = calls(people, faces)[name]
    token = request_token("t-1_A")

    first = call.make(people.users, token)
    assert call.make(people.users, token) == first
    call.undo()
    before = (people.head.seq, people.owners(), people.head.user_count)
    again = call.make(people.users, token)

    assert again == first
    assert (people.head.seq, people.owners(), people.head.user_count) == before
    sound(people)


def test_a_result_is_kept_whole(people: People) -> None:
    ada, bob = people.add("ada", 3), people.add("bob", 2)
    people.user("ada", ada[:1])
    people.user("bob", bob[:1])
    asked = [ada[1].face_id, bob[0].face_id, bob[1].face_id, uuid4(), ada[0].face_id]

    first = people.join("ada", asked, request_token("t"), lowest=0.5)

    assert [face.reason for face in first.skipped] == [
        "ASSOCIATED_TO_A_DIFFERENT_USER", "LOW_MATCH_CONFIDENCE", "FACE_NOT_FOUND",
    ]  # fmt: skip
    assert people.join("ada", asked, request_token("t"), lowest=0.5) == first
    assert first.skipped[1].cosine is not None


def test_a_deletion_keeps_no_faces(local: People) -> None:
    faces = local.add("ada", 2)
    local.user("ada", faces)

    local.users.delete(local.collection, "ada", request_token("t"))

    (token,) = all_items(local.items, f"{local.collection.uid.hex}/token")
    assert token.attributes["changed"] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_token_with_another_input_is_refused(people: People, name: str) -> None:
    call = calls(people, people.add("ada", 3))[name]
    people.users.create(people.collection, "zoe", request_token("t", "one input"))
    before = people.head.seq

    with pytest.raises(IdempotentParameterMismatch) as refused:
        call.make(people.users, request_token("t", "another"))

    assert str(refused.value) == "The ClientRequestToken: t you have supplied is already in use."
    assert people.head.seq == before


def test_a_call_that_changes_nothing_is_remembered_too(local: People) -> None:
    faces = local.add("ada", 1)
    local.user("ada", faces)
    first = local.join("ada", faces, request_token("t"))
    assert first.changed == ()
    local.leave("ada", faces)

    assert local.join("ada", faces, request_token("t")) == first
    assert local.members("ada") == set()


def test_a_call_that_was_refused_is_not_remembered(local: People) -> None:
    local.user("ada")
    with pytest.raises(Conflict):
        local.users.create(local.collection, "ada", request_token("t"))
    with pytest.raises(ResourceNotFound):
        local.users.delete(local.collection, "bob", request_token("u"))
    local.users.delete(local.collection, "ada", None)
    local.user("bob")

    local.users.create(local.collection, "ada", request_token("t"))
    local.users.delete(local.collection, "bob", request_token("u"))

    assert [entry.cursor for entry in local.users.page(local.collection, None, 9).rows] == ["ada"]


def test_a_token_is_valid_for_24_hours(people: People) -> None:
    faces = people.add("ada", 1)
    people.user("ada")
    first = people.join("ada", faces, request_token("t"))
    people.leave("ada", faces)

    people.clock.at_s += DAY_S - 1
    assert people.join("ada", faces, request_token("t")) == first
    assert people.members("ada") == set()
    people.clock.at_s += 1
    assert people.join("ada", faces, request_token("t", "other")).changed == first.changed
    assert people.members("ada") == {faces[0].face_id}
    people.clock.at_s += DAY_S - 1
    with pytest.raises(IdempotentParameterMismatch):
        people.join("ada", faces, request_token("t"))


def test_old_tokens_are_swept_and_young_ones_are_not(local: People) -> None:
    for number in range(3):
        local.users.create(local.collection, f"u{number}", request_token(f"t{number}"))
        local.clock.at_s += DAY_S / 2
    tokens = f"{local.collection.uid.hex}/token"

    removed = OrphanSweep(local.items, local.blobs, clock=FakeClock(NOW_S + DAY_S)).sweep()

    assert removed == 1
    assert [item.key.sort for item in all_items(local.items, tokens)] == ["t1", "t2"]


def test_tokens_go_with_their_collection(local: People) -> None:
    local.users.create(local.collection, "ada", request_token("t"))
    StoredCollections(local.items).delete("people")

    OrphanSweep(local.items, local.blobs, clock=FakeClock(NOW_S)).sweep()

    assert owned_items(local.items, local.collection) == 0


@pytest.mark.parametrize("fault", [Fault.UNSAID, Fault.LOST, Fault.LATE, Fault.CONTENDED])
@pytest.mark.parametrize("name", NAMES)
def test_a_lost_reply_and_its_retry_are_one_call(local: People, name: str, fault: Fault) -> None:
    """The store falls silent from some step on; the SDK asks again with the same token, now and later."""
    faces = local.add("ada", 3)
    call = calls(local, faces)[name]
    token = request_token("t")
    wire = Wire(local.items)
    silent = StoredUsers(FaultyItems(local.items, always(fault), wire=wire), clock=FakeClock())
    with contextlib.suppress(InternalServerError, Throttling):
        call.make(silent, token)
        assert fault is Fault.UNSAID, "the log tells what became of it"

    first = call.make(local.users, token)
    wire.deliver_all()
    state = (local.head.seq, local.owners(), local.head.user_count)

    assert call.make(local.users, token) == first
    assert (local.head.seq, local.owners(), local.head.user_count) == state
    sound(local)


@pytest.mark.parametrize("step", range(12))
def test_a_reply_lost_at_any_step(local: People, step: int) -> None:
    faces = local.add("ada", 8)
    local.user("ada")
    unsaid = StoredUsers(FaultyItems(local.items, at(step, Fault.UNSAID)), faces_per_commit=3, clock=FakeClock())
    ids = [face.face_id for face in faces]

    result = unsaid.associate(local.collection, "ada", ids, lowest_cosine=-1.0, idempotency_token=request_token("t"))

    assert result.changed == tuple(ids)
    assert local.join("ada", ids, request_token("t")) == result
    sound(local)
