"""Celebrities: what is known of one is part of its user, however that changes."""

import pytest

from openrek.domain.celebrities import Celebrity
from openrek.domain.errors import ServiceQuotaExceeded
from openrek.store.erasure.erasure import StoredErasure
from openrek.store.integrity.rebuild import rebuild
from openrek.store.integrity.verify import verify
from openrek.store.items.port import Put
from openrek.store.log.keys import user_key
from openrek.store.users.users import StoredUsers
from tests.store.people import People, sound
from tests.support.clocks import FakeClock

ADA = Celebrity("Ada Lovelace", ("www.wikidata.org/wiki/Q7259",), "Female")


def known(people: People, *user_ids: str) -> dict[str, Celebrity]:
    return dict(people.users.celebrities(people.collection, user_ids))


def test_a_celebrity_is_a_user_that_is_made_or_described(people: People) -> None:
    people.user("bob", people.add("bob", 2))

    people.users.describe(people.collection, "ada", ADA.name, ADA.urls, ADA.gender)
    people.users.describe(people.collection, "bob", "Bob", None, None)

    assert known(people, "ada", "bob", "nobody") == {"ada": ADA, "bob": Celebrity("Bob")}
    assert people.head.user_count == 2
    sound(people)


def test_what_is_not_given_stays_and_a_repetition_writes_nothing(people: People) -> None:
    people.users.describe(people.collection, "ada", ADA.name, ADA.urls, ADA.gender)
    seq = people.head.seq

    people.users.describe(people.collection, "ada", ADA.name, None, None)
    assert people.head.seq == seq
    people.users.describe(people.collection, "ada", "Ada King", (), None)

    assert known(people, "ada") == {"ada": Celebrity("Ada King", (), "Female")}


def test_faces_that_come_and_go_leave_the_name(people: People) -> None:
    people.users.describe(people.collection, "ada", ADA.name, ADA.urls, ADA.gender)
    faces = people.add("ada", 3)
    people.join("ada", faces)
    people.leave("ada", faces[:1])
    assert known(people, "ada") == {"ada": ADA}
    rebuild(people.items, people.blobs, "people", clock=FakeClock())
    assert known(people, "ada") == {"ada": ADA}
    sound(people)


def test_it_goes_with_its_user(people: People) -> None:
    for user_id in ("ada", "eve"):
        people.users.describe(people.collection, user_id, ADA.name, ADA.urls, ADA.gender)

    people.users.delete(people.collection, "ada", None)
    StoredErasure(people.items).erase_user(people.collection, "eve")

    assert known(people, "ada", "eve") == {}


def test_a_full_collection_takes_none(people: People) -> None:
    users = StoredUsers(people.items, max_users=1)
    users.describe(people.collection, "ada", "Ada", None, None)
    users.describe(people.collection, "ada", "Ada King", None, None)
    with pytest.raises(ServiceQuotaExceeded):
        users.describe(people.collection, "eve", "Eve", None, None)


@pytest.mark.parametrize("damage", [{"name": ""}, {"urls": [5]}, {"gender": "?"}, {"more": 1}])
def test_verify_tells_of_one_that_is_damaged(people: People, damage: dict[str, object]) -> None:
    people.users.describe(people.collection, "ada", ADA.name, ADA.urls, ADA.gender)
    item = people.items.get(user_key(people.collection.uid, "ada"))
    assert item is not None
    broken = {**item.attributes, "celebrity": {**item.attributes["celebrity"], **damage}}
    people.items.transact([Put(item.key, broken)])

    (finding,) = verify(people.items, people.blobs, "people", clock=FakeClock()).findings

    assert "ada has a bad celebrity" in str(finding)
