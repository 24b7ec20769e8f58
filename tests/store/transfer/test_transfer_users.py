"""Users are exported and imported with their faces."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from openrek.domain.users import User
from openrek.store.collections.collections import StoredCollections
from openrek.store.collections.tags import StoredTags
from openrek.store.transfer.archive import Archive, BadArchive, check
from openrek.store.transfer.archive_file import load, save
from openrek.store.transfer.export import export
from openrek.store.transfer.import_faces import Imported, import_archive
from openrek.store.users.users import StoredUsers
from tests.store.faults import Fault, FaultyItems, Killed, at
from tests.store.memory_blobs import MemoryBlobs
from tests.store.people import People, likeness, sound
from tests.store.synthetic import new_collection
from tests.store.tables import open_fast
from tests.support.clocks import FakeClock


@pytest.fixture
def full(local: People) -> People:
    """Users with and without faces, claims left in face items, free faces."""
    local.per_commit = 3
    local.user("ada", local.add("ada", 5, external="x"))
    local.user("bob", [*local.add_at_once("bob", 4), *local.add("bob", 1, first=9)])
    local.user("empty")
    local.add("nobody", 2)
    return local


def state(people: People) -> tuple[Any, ...]:
    users = [entry.user for entry in people.users.page(people.collection, None, 500).rows]
    return people.owners(), users, people.nearest(likeness("ada", 1)), people.head.user_count


def fresh(folder: Path) -> People:
    """A store with another collection."""
    folder.mkdir()
    items = open_fast(folder)
    return People(items, MemoryBlobs(), new_collection(items, "other"))


def imported(people: People, archive: Archive) -> People:
    import_archive(people.items, archive, "people", clock=FakeClock())
    return People(people.items, people.blobs, StoredCollections(people.items).require("people"))


def test_a_round_trip_keeps_users_and_their_faces(full: People, tmp_path: Path) -> None:
    StoredTags(full.items).put(full.collection, {"a": "1"})
    exported = export(full.items, "people")
    assert exported.users.tolist() == [b"ada", b"bob", b"empty"]
    save(exported, tmp_path / "out.npz")
    other = fresh(tmp_path / "2")

    copy = imported(other, load(tmp_path / "out.npz"))

    assert state(copy) == state(full)
    assert all((getattr(export(copy.items, "people"), name) == getattr(exported, name)).all() for name in NAMES)
    sound(copy)
    seq = copy.head.seq
    assert import_archive(copy.items, exported, "people") == Imported(added=0, present=12, made=False)
    assert copy.head.seq == seq
    other.items.close()


NAMES = ("face_ids", "user_ids", "users", "vectors", "tag_keys")


@pytest.mark.parametrize("fault", [Fault.KILLED_BEFORE, Fault.KILLED_AFTER, Fault.UNSAID])
def test_an_import_interrupted_anywhere_goes_on(full: People, tmp_path: Path, fault: Fault) -> None:
    exported = export(full.items, "people")
    for step in count():
        other = fresh(tmp_path / str(step))
        faulty = FaultyItems(other.items, at(step, fault))
        with contextlib.suppress(Killed):
            import_archive(faulty, exported, "people", clock=FakeClock())
        copy = imported(other, exported)
        assert state(copy) == state(full)
        sound(copy)
        other.items.close()
        if faulty.steps <= step:
            assert step > 10
            return


def test_users_that_are_there_get_the_faces_that_they_lack(full: People) -> None:
    exported = export(full.items, "people")
    before = state(full)
    ada = full.faces.of_user(full.collection, "ada")
    full.leave("ada", ada[:3])
    full.faces.delete(full.collection, [ada[0].face_id])
    full.users.delete(full.collection, "bob", None)

    assert import_archive(full.items, exported, "people") == Imported(added=1, present=11, made=False)

    assert state(full) == before
    sound(full)


def move(people: People) -> None:
    face = people.faces.of_user(people.collection, "ada")[:1]
    people.leave("ada", face)
    people.join("bob", face)


def crowd(people: People) -> None:
    people.leave("ada", people.faces.of_user(people.collection, "ada")[:2])
    people.join("ada", people.add_at_once("eve", 97))


WRONG: dict[str, tuple[Callable[[People], None], str]] = {
    "another's face": (move, "belongs to another user"),
    "too many faces": (crowd, "ada would have more than 100"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_suit_the_collection_writes_nothing(full: People, name: str) -> None:
    exported = export(full.items, "people")
    change, expected = WRONG[name]
    change(full)
    before = full.head.seq

    with pytest.raises(BadArchive, match=expected):
        import_archive(full.items, exported, "people")

    assert full.head.seq == before


def test_a_collection_takes_no_more_users_than_it_may_hold(full: People, tmp_path: Path) -> None:
    other = fresh(tmp_path / "2")

    with pytest.raises(BadArchive, match="more than the 2 users"):
        import_archive(other.items, export(full.items, "people"), "people", max_users=2)

    assert [entry.collection_id for entry in StoredCollections(other.items).page(None, 9).rows] == ["other"]
    other.items.close()


def test_a_user_has_at_most_100_faces_in_a_file_too(full: People) -> None:
    full.add_at_once("eve", 95)
    exported = export(full.items, "people")
    crowded = replace(exported, user_ids=np.full(len(exported), b"ada"))

    with pytest.raises(BadArchive, match="more than 100 faces"):
        check(crowded)


def test_an_export_is_one_moment_of_users_that_change(full: People) -> None:
    """A user and its face are made and taken apart at every step: the file never has the one without the other."""
    numbers = iter(range(24))
    faces = full.add("eve", 24, first=100)

    def others(_: int) -> None:
        number = next(numbers, None)
        if number is None:
            return
        full.user(f"u{number}", [faces[number]])
        if number > 1:
            StoredUsers(full.items).delete(full.collection, f"u{number - 2}", None)

    found = export(FaultyItems(full.items, before=others), "people", clock=FakeClock())

    check(found)
    users = {user for user in found.users.tolist() if user.startswith(b"u")}
    assert users == {owner for owner in found.user_ids.tolist() if owner.startswith(b"u")}
    assert len(users) == 2


def test_a_page_of_users_after_an_import(full: People, tmp_path: Path) -> None:
    copy = imported(fresh(tmp_path / "2"), export(full.items, "people"))

    page = copy.users.page(copy.collection, "ada", 1)

    assert (page.rows[0].user, page.more) == (User("bob", 5), True)
    copy.items.close()
