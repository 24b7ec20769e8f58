"""Users through their port: made, listed and removed, and what those are told who lose a race."""

from itertools import count

import pytest

from openrek.domain.errors import (
    Conflict,
    InternalServerError,
    ResourceNotFound,
    ServiceQuotaExceeded,
)
from openrek.domain.users import User
from openrek.store.collections.collections import StoredCollections
from openrek.store.users.users import StoredUsers
from tests.store.faults import Fault, FaultyItems, always
from tests.store.invariants import check_collection
from tests.store.people import People, likeness, sound
from tests.store.synthetic import new_collection, unit
from tests.support.clocks import FakeClock


def test_a_new_user_has_no_faces_and_is_found_by_no_search(people: People) -> None:
    people.user("ada")

    assert people.users.page(people.collection, None, 10).rows[0].user == User("ada", 0)
    assert people.users.page(people.collection, None, 10).rows[0].user.status == "CREATED"
    assert people.head.user_count == 1
    assert people.nearest(unit(1)) == []
    assert people.members("ada") == people.members("eve") == set()
    sound(people)


def test_a_name_is_taken_once(people: People) -> None:
    people.user("ada")

    with pytest.raises(Conflict, match="The user id: ada already exists"):
        people.user("ada")

    assert people.head.user_count == 1
    sound(people)


def test_users_come_in_pages_in_the_order_of_their_ids(people: People) -> None:
    names = ["b", "A.1", "a:2", "a-3", "a_4", "0", "x" * 128]
    for name in names:
        people.user(name)

    seen: list[str] = []
    cursor = None
    for more in (True, True, True, False):
        page = people.users.page(people.collection, cursor, 2)
        seen += [entry.user.user_id for entry in page.rows]
        assert page.more is more
        cursor = page.rows[-1].cursor
        assert len(cursor) <= 129

    assert seen == sorted(names)


def test_a_page_leaves_out_users_made_while_it_is_read_when_writers_never_pause(local: People) -> None:
    for name in ("b", "d"):
        local.user(name)
    numbers = count()
    busy = FaultyItems(local.items, before=lambda _: local.user(f"c{next(numbers)}") and None)

    page = StoredUsers(busy).page(local.collection, None, 100)

    listed = [entry.user.user_id for entry in page.rows]
    assert [name for name in listed if not name.startswith("c")] == ["b", "d"]
    assert sum(name.startswith("c") for name in listed) == next(numbers) - 1, "one came after the head was read"


def test_a_deleted_user_leaves_its_faces(people: People) -> None:
    faces = people.add("ada", 3)
    people.user("ada", faces)

    people.users.delete(people.collection, "ada", None)

    assert people.owners() == dict.fromkeys((face.face_id for face in faces), None)
    assert people.head.user_count == 0
    assert people.nearest(likeness("ada", 0)) == []
    with pytest.raises(ResourceNotFound, match="The user id: ada does not exist"):
        people.users.delete(people.collection, "ada", None)
    people.user("bob", faces[:1])
    assert people.members("bob") == {faces[0].face_id}
    sound(people)


def test_a_collection_holds_so_many_users(local: People) -> None:
    few = StoredUsers(local.items, max_users=2)
    few.create(local.collection, "a", None)
    few.create(local.collection, "b", None)

    with pytest.raises(ServiceQuotaExceeded) as refused:
        few.create(local.collection, "c", None)

    assert refused.value.reason == "A collection holds at most 2 users."
    few.delete(local.collection, "a", None)
    few.create(local.collection, "c", None)
    sound(local)


def test_a_collection_that_is_gone_is_not_found(local: People) -> None:
    face = local.add("ada", 1)[0]
    local.user("ada", [face])
    old = local.collection
    StoredCollections(local.items).delete("people")
    again = new_collection(local.items)

    for call in (
        lambda: local.users.create(old, "bob", None),
        lambda: local.users.delete(old, "ada", None),
        lambda: local.users.page(old, None, 10),
        lambda: local.join("ada", [face]),
        lambda: local.leave("ada", [face]),
        lambda: local.faces.of_user(old, "ada"),
        lambda: local.erasure.erase_user(old, "ada"),
        lambda: local.erasure.erase_external_image_id(old, "x"),
    ):
        with pytest.raises(ResourceNotFound, match="The collection id: people does not exist"):
            call()
    check_collection(local.items, again)


def test_who_loses_every_race_is_told_of_a_conflict(local: People) -> None:
    faces = local.add("ada", 1)
    local.user("ada")
    numbers = count()
    meddler = StoredUsers(local.items, clock=FakeClock())

    def meddle(_: int) -> None:
        meddler.create(local.collection, f"u{next(numbers)}", None)

    beaten = StoredUsers(FaultyItems(local.items, before=meddle), clock=FakeClock())
    for call in (
        lambda: beaten.associate(
            local.collection, "ada", [faces[0].face_id], lowest_cosine=-1.0, idempotency_token=None
        ),
        lambda: beaten.create(local.collection, "bob", None),
        lambda: beaten.delete(local.collection, "ada", None),
    ):
        with pytest.raises(Conflict) as raised:
            call()
        assert raised.value.reason == "Too many clients write to this collection at once; nothing was written."
    assert local.members("ada") == set()
    assert "bob" not in [entry.user.user_id for entry in local.users.page(local.collection, None, 5000).rows]


def test_a_store_that_never_answers_is_our_fault(local: People) -> None:
    faces = local.add("ada", 1)
    local.user("ada")
    mute = StoredUsers(FaultyItems(local.items, always(Fault.LOST)), clock=FakeClock())

    with pytest.raises(InternalServerError):
        mute.associate(local.collection, "ada", [faces[0].face_id], lowest_cosine=-1.0, idempotency_token=None)

    assert local.members("ada") == set()
