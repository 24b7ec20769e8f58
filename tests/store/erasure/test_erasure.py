"""Erasing a person: everything of theirs goes and nothing else, and the result lists all of it."""

from pathlib import Path

import pytest

from openrek.domain.errors import ResourceNotFound
from openrek.domain.users import Erased, User
from openrek.store.blobs.folder import FolderBlobs
from openrek.store.erasure import erasure, erasure_plans
from openrek.store.items.port import Delete
from openrek.store.log.keys import face_key
from openrek.store.upkeep.upkeep import Upkeep
from tests.store.erasure.people_to_erase import erased, ids
from tests.store.invariants import all_items
from tests.store.people import NOW_S, People, likeness, request_token
from tests.store.synthetic import new_collection, open_items
from tests.support.clocks import FakeClock


def test_a_user_goes_with_all_its_faces(people: People) -> None:
    ada, bob = people.add("ada", 5), people.add("bob", 2)
    people.user("ada", ada[:4])
    people.user("bob", bob)

    result = people.erasure.erase_user(people.collection, "ada")

    assert result == Erased(ids(*ada[:4]), ("ada",))
    assert set(people.owners()) == {ada[4].face_id, *ids(*bob)}
    assert (people.head.face_count, people.head.user_count) == (3, 1)
    assert people.nearest(likeness("ada", 0)) == [("bob", 2)]
    with pytest.raises(ResourceNotFound, match="The user id: ada does not exist"):
        people.erasure.erase_user(people.collection, "ada")
    erased(people)


def test_a_user_without_faces_goes_too(people: People) -> None:
    people.user("ada")

    assert people.erasure.erase_user(people.collection, "ada") == Erased((), ("ada",))

    assert people.head.user_count == 0
    erased(people)


def test_all_faces_of_an_external_image_id_go_and_users_that_have_no_other(people: People) -> None:
    ada = people.add("ada", 3, external="Ada:1")
    mixed = people.add("bob", 2, external="Ada:1")
    bob = people.add("bob", 2, first=5, external="Ada:10")
    none = people.add("bob", 1, first=8)
    people.user("ada", ada)
    people.user("bob", [mixed[0], *bob])
    people.user("empty")

    result = people.erasure.erase_external_image_id(people.collection, "Ada:1")

    assert result == Erased(ids(*ada, *mixed), ("ada",))
    assert set(people.owners()) == set(ids(*bob, *none))
    assert people.members("bob") == set(ids(*bob))
    assert [entry.cursor for entry in people.users.page(people.collection, None, 9).rows] == ["bob", "empty"]
    assert people.nearest(likeness("bob", 5)) == [("bob", 2)]
    assert people.erasure.erase_external_image_id(people.collection, "Ada:1") == Erased((), ())
    assert people.erasure.erase_external_image_id(people.collection, "nobody") == Erased((), ())
    erased(people)


def test_the_same_photo_is_new_after_an_erasure(people: People) -> None:
    first = people.add("ada", 1, external="ada")
    people.erasure.erase_external_image_id(people.collection, "ada")

    again = people.add("ada", 1, external="ada")

    assert again[0].face_id != first[0].face_id
    assert len(people.owners()) == 1


def test_a_hundred_faces_of_as_many_photos_go(local: People) -> None:
    faces = local.add("ada", 100, external="x")
    local.user("ada", faces)

    assert local.erasure.erase_user(local.collection, "ada") == Erased(ids(*faces), ("ada",))

    erased(local)


def test_faces_of_many_users_go(local: People) -> None:
    """More users lose a face than one commit gives new vectors."""
    faces = [local.add(f"p{number}", 2) for number in range(20)]
    marked = [local.add(f"p{number}", 1, first=9, external="x")[0] for number in range(20)]
    for number in range(20):
        local.user(f"p{number}", [*faces[number], marked[number]] if number % 2 else [marked[number]])

    before = local.head.seq
    result = local.erasure.erase_external_image_id(local.collection, "x")

    assert local.head.seq - before > len(marked) // 8, "a commit reads the faces of a few users only"
    assert result == Erased(ids(*marked), tuple(sorted(f"p{number}" for number in range(0, 20, 2))))
    assert local.head.user_count == 10
    erased(local)


def test_an_erasure_remembers_more_than_one_item_holds(local: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure_plans, "NAMES_PER_MEMORY", 4)
    monkeypatch.setattr(erasure, "DELETES_PER_TRANSACTION", 3)
    local.per_commit = 3
    faces = local.add("ada", 30, external="x")
    local.user("ada", faces[:9])

    assert local.erasure.erase_external_image_id(local.collection, "x") == Erased(ids(*faces), ("ada",))

    erased(local)


def test_results_that_name_the_person_are_deleted_and_no_others(people: People) -> None:
    ada, bob = people.add("ada", 2), people.add("bob", 2)
    for number, user in enumerate(("ada", "bob")):
        people.users.create(people.collection, user, request_token(f"create {user}"[-1] + str(number)))
    people.join("ada", ada, request_token("ada-joins"))
    people.join("bob", bob, request_token("bob-joins"))
    people.join("bob", [ada[0]], request_token("bob-takes-ada"))
    people.leave("bob", [bob[0]], request_token("bob-leaves"))

    people.erasure.erase_user(people.collection, "ada")

    kept = {item.key.sort for item in all_items(people.items, f"{people.collection.uid.hex}/token")}
    assert kept == {"b1", "bob-joins", "bob-leaves"}
    result = people.join("bob", bob, request_token("bob-joins"))
    assert result.user == User("bob", 2)


def test_vectors_and_names_are_out_of_every_file_after_a_purge(tmp_path: Path) -> None:
    items = open_items(tmp_path)
    blobs = FolderBlobs(tmp_path / "blobs")
    people = People(items, blobs, new_collection(items))
    ada, bob = people.add("ada", 12, external="AdaLovelace"), people.add("bob", 3)
    people.users.create(people.collection, "the-countess", request_token("t"))
    people.join("the-countess", ada, request_token("u"))
    people.user("bob", bob)
    secrets = [item.attributes["vector"] for item in all_items(items, f"{people.collection.uid.hex}/face")]
    doomed = {face.face_id.bytes for face in ada}
    secrets = [
        item.attributes["vector"]
        for item in all_items(items, f"{people.collection.uid.hex}/face")
        if item.attributes["id"] in doomed
    ]
    (user,) = [
        item for item in all_items(items, f"{people.collection.uid.hex}/user") if item.key.sort == "the-countess"
    ]
    secrets += [user.attributes["vector"], b"the-countess", b"AdaLovelace"]
    Upkeep(items, blobs, clock=FakeClock()).purge()
    assert all(any(secret in content for content in _files(tmp_path)) for secret in secrets[:-2])

    people.erasure.erase_user(people.collection, "the-countess")
    Upkeep(items, blobs, clock=FakeClock()).purge()
    assert items.vacuum()

    for secret in secrets:
        assert not any(secret in content for content in _files(tmp_path)), secret
    assert people.nearest(likeness("bob", 0)) == [("bob", 3)]
    erased(people)
    items.close()


def _files(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


def test_a_damaged_user_can_be_erased(local: People) -> None:
    faces = local.add("ada", 5)
    local.user("ada", faces)
    local.per_commit = 2
    local.items.transact([Delete(face_key(local.collection.uid, faces[0].face_id))])

    result = local.erasure.erase_user(local.collection, "ada")

    assert result == Erased(ids(*faces[1:]), ("ada",))
    assert local.head.user_count == 0


def test_a_plan_of_another_person_is_another_plan(local: People) -> None:
    """Two spellings never share a key: a user and an ExternalImageId of the same name, too."""
    keys = {
        erasure_plans.new_erasure_plan(local.collection.uid, *whom, now_s=NOW_S).key
        for whom in (("a", None), (None, "a"), ("b", None), (None, None))
    }
    assert len(keys) == 4
