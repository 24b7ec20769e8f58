"""Erasing a person: everything of theirs goes and nothing else, whoever interrupts it; the result lists all of it."""

import contextlib
from collections.abc import Callable
from itertools import count
from pathlib import Path
from uuid import UUID

import pytest

from openrek.domain.errors import Conflict, InternalServerError, ResourceNotFound, Throttling
from openrek.domain.faces import Face
from openrek.domain.users import Erased, User
from openrek.store.blobs.folder import FolderBlobs
from openrek.store.erasure import erasure, erasure_plans
from openrek.store.erasure.erasure import StoredErasure
from openrek.store.faces.faces import StoredFaces
from openrek.store.integrity.verify import verify
from openrek.store.items.port import Delete, Item
from openrek.store.log.keys import face_key, owned
from openrek.store.upkeep.orphan_sweep import ABANDONED_AFTER_S, OrphanSweep
from openrek.store.upkeep.upkeep import Upkeep
from tests.store.faults import Fault, FaultyItems, Killed, always, at
from tests.store.invariants import all_items, plan_items
from tests.store.memory_blobs import MemoryBlobs
from tests.store.people import NOW_S, People, likeness, request_token, sound
from tests.store.synthetic import Embedder, new_collection, no_pause, open_items, picture, slots
from tests.store.tables import open_fast


def ids(*faces: Face) -> tuple[UUID, ...]:
    return tuple(sorted(face.face_id for face in faces))


def erased(people: People) -> None:
    """Nothing is left under way."""
    assert plan_items(people.items, people.collection) == []
    sound(people)


# What goes, and what stays


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
    Upkeep(items, blobs, pause=no_pause).purge()
    assert all(any(secret in content for content in _files(tmp_path)) for secret in secrets[:-2])

    people.erasure.erase_user(people.collection, "the-countess")
    Upkeep(items, blobs, pause=no_pause).purge()
    assert items.vacuum()

    for secret in secrets:
        assert not any(secret in content for content in _files(tmp_path)), secret
    assert people.nearest(likeness("bob", 0)) == [("bob", 3)]
    erased(people)
    items.close()


def _files(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


# Interrupted, and beside others


def scene(people: People) -> list[Face]:
    """A user and an ExternalImageId with faces of three users, more than a commit takes."""
    people.per_commit = 3
    faces = people.add("ada", 3, external="x") + people.add_at_once("ada", 4, "x")
    people.user("ada", faces[:4])
    people.user("bob", [faces[4], *people.add("bob", 1)])
    people.user("eve", [faces[5]])
    return faces


ERASURES: dict[str, tuple[Callable[[StoredErasure, People], Erased], tuple[str, ...], slice]] = {
    "user": (lambda over, people: over.erase_user(people.collection, "ada"), ("ada",), slice(0, 4)),
    "external": (
        lambda over, people: over.erase_external_image_id(people.collection, "x"), ("ada", "eve"), slice(0, 7),
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", [Fault.KILLED_BEFORE, Fault.KILLED_AFTER, Fault.UNSAID])
@pytest.mark.parametrize("what", ERASURES)
def test_an_erasure_that_is_interrupted_is_taken_up_again_and_tells_everything(
    tmp_path: Path, what: str, fault: Fault
) -> None:
    erase, users, which = ERASURES[what]
    for step in range(200):
        folder = tmp_path / str(step)
        folder.mkdir()
        items = open_fast(folder)
        people = People(items, MemoryBlobs(), new_collection(items))
        faces = scene(people)
        expected = Erased(ids(*faces[which]), users)
        faulty = FaultyItems(items, at(step, fault))
        unlucky = StoredErasure(faulty, faces_per_commit=3, clock=lambda: NOW_S, pause=no_pause)
        with contextlib.suppress(Killed):
            assert erase(unlucky, people) == expected
            if step >= faulty.steps:
                assert step > 15
                return
        sound(people)
        over = not plan_items(items, people.collection) and not set(people.owners()) & set(expected.face_ids)
        if over and what == "user":
            with pytest.raises(ResourceNotFound):
                erase(people.erasure, people)
        else:
            assert erase(people.erasure, people) == (Erased((), ()) if over else expected)
        assert not set(people.owners()) & set(expected.face_ids)
        erased(people)
        items.close()
    raise AssertionError("never finished")


@pytest.mark.parametrize("what", ERASURES)
def test_an_erasure_that_nobody_comes_back_for_is_completed_by_the_sweep(local: People, what: str) -> None:
    erase, users, which = ERASURES[what]
    faces = scene(local)
    doomed = set(ids(*faces[which]))
    numbers = count()

    def die(_: int) -> None:
        if len(doomed & set(local.owners())) < len(doomed) and next(numbers) > 1:
            raise Killed

    with contextlib.suppress(Killed):
        erase(StoredErasure(FaultyItems(local.items, before=die), faces_per_commit=3, pause=no_pause), local)
    assert 0 < len(doomed & set(local.owners())) < len(doomed)
    report = verify(local.items, local.blobs, "people", pause=no_pause)
    assert report.findings == ()
    assert any("a call is under way, or was interrupted: plan erase/" in note for note in report.notes)

    began_s = plan_items(local.items, local.collection)[0].attributes["made_ms"] / 1000
    OrphanSweep(local.items, local.blobs, clock=lambda: began_s + ABANDONED_AFTER_S - 1, pause=no_pause).sweep()
    assert doomed & set(local.owners())
    OrphanSweep(local.items, local.blobs, clock=lambda: began_s + ABANDONED_AFTER_S + 1, pause=no_pause).sweep()

    assert not doomed & set(local.owners())
    left = {entry.cursor for entry in local.users.page(local.collection, None, 9).rows}
    assert left == {"ada", "bob", "eve"} - set(users)
    erased(local)


def test_faces_that_move_on_while_their_user_is_erased_go_all_the_same(local: People) -> None:
    """Whoever takes the person's faces away from the user in the middle of it saves none of them."""
    local.per_commit = 3
    faces = local.add("ada", 8)
    local.user("ada", faces)
    late = local.add("ada", 1, first=50)
    local.user("bob")
    moved = count()

    def move(_: int) -> None:
        there = [face for face in faces if face.face_id in local.owners()]
        if len(there) == 5 and next(moved) == 0:
            local.leave("ada", there[:4])
            local.join("bob", there[:2])
            local.join("ada", late)

    erasure = StoredErasure(FaultyItems(local.items, before=move), faces_per_commit=3, pause=no_pause)

    result = erasure.erase_user(local.collection, "ada")

    assert result == Erased(ids(*faces, *late), ("ada",))
    assert local.owners() == {}
    assert [entry.user for entry in local.users.page(local.collection, None, 9).rows] == [User("bob", 0)]
    erased(local)


@pytest.mark.parametrize("what", ERASURES)
def test_two_who_erase_the_same_person_at_once(tmp_path: Path, what: str) -> None:
    """At any step of the one, the other does it all: both results are true, and no plan comes back to life."""
    erase, users, which = ERASURES[what]
    for step in count():
        folder = tmp_path / str(step)
        folder.mkdir()
        items = open_fast(folder)
        people = People(items, MemoryBlobs(), new_collection(items))
        faces = scene(people)
        expected = Erased(ids(*faces[which]), users)
        results: list[Erased] = []

        def other(now: int, step: int = step, people: People = people, results: list[Erased] = results) -> None:
            if now == step:
                with contextlib.suppress(ResourceNotFound):
                    results.append(erase(people.erasure, people))

        faulty = FaultyItems(items, before=other)
        with contextlib.suppress(ResourceNotFound):
            results.append(erase(StoredErasure(faulty, faces_per_commit=3, pause=no_pause), people))
        assert expected in results
        assert set(results) <= {expected, Erased((), ())}
        erased(people)
        items.close()
        if faulty.steps <= step:
            assert step > 15
            return


def test_what_another_client_erased_before_it_died_is_told_by_somebody(tmp_path: Path) -> None:
    """At any step of the one, a face is added and another client erases it, and dies before it can tell."""
    for step in count():
        folder = tmp_path / str(step)
        folder.mkdir()
        items = open_fast(folder)
        people = People(items, MemoryBlobs(), new_collection(items))
        faces = people.add("ada", 2, external="x")

        def other(now: int, step: int = step, people: People = people, faces: list[Face] = faces) -> None:
            if now != step:
                return
            faces += people.add("ada", 1, first=9, external="x")

            def die(_: int) -> None:
                if faces[-1].face_id not in people.owners():
                    raise Killed

            with contextlib.suppress(Killed):
                dying = StoredErasure(FaultyItems(people.items, before=die), pause=no_pause)
                dying.erase_external_image_id(people.collection, "x")

        faulty = FaultyItems(items, before=other)
        first = StoredErasure(faulty, pause=no_pause).erase_external_image_id(people.collection, "x")
        then = people.erasure.erase_external_image_id(people.collection, "x")

        assert {*first.face_ids, *then.face_ids} == {face.face_id for face in faces}
        erased(people)
        items.close()
        if faulty.steps <= step:
            assert step > 8
            return


def test_a_damaged_user_can_be_erased(local: People) -> None:
    faces = local.add("ada", 5)
    local.user("ada", faces)
    local.per_commit = 2
    local.items.transact([Delete(face_key(local.collection.uid, faces[0].face_id))])

    result = local.erasure.erase_user(local.collection, "ada")

    assert result == Erased(ids(*faces[1:]), ("ada",))
    assert local.head.user_count == 0


def test_faces_indexed_while_their_kind_is_erased_do_not_keep_it_going(local: People) -> None:
    local.add("ada", 3, external="x")
    numbers = count(100)

    def index(_: int) -> None:
        number = next(numbers)
        local.faces.index(local.collection, picture(number, "x"), slots(1), lambda _: likeness("ada", number))

    erasure = StoredErasure(FaultyItems(local.items, before=index), pause=no_pause)
    with contextlib.suppress(Conflict):
        result = erasure.erase_external_image_id(local.collection, "x")
        assert len(result.face_ids) >= 3

    assert next(numbers) < 1000
    sound(local)


@pytest.mark.parametrize("others", [0, 1])
def test_what_a_call_wrote_ahead_goes_with_its_external_image_id(local: People, others: int) -> None:
    """It died before anybody could see it, and nobody waits for the sweep."""
    local.add("eve", others, external="eve")
    kept = local.add("bob", 1, external="eve-too")
    for external in ("eve", "eve-too"):
        begin_a_large_call(local, external)
    assert len(face_items(local)) == others + 1 + 2 * 7

    result = local.erasure.erase_external_image_id(local.collection, "eve")

    assert len(result.face_ids) == others
    assert [item.attributes["external"] for item in face_items(local)] == ["eve-too"] * 8
    assert len(plan_items(local.items, local.collection)) == 1
    assert set(local.owners()) == {face.face_id for face in kept}
    sound(local)


def test_a_call_that_is_at_work_while_its_kind_is_erased_comes_after_it(local: People) -> None:
    local.add("eve", 1, external="eve")
    results: list[Erased] = []

    def erase(_: int) -> None:
        if not results and len(face_items(local)) == 8:
            results.append(local.erasure.erase_external_image_id(local.collection, "eve"))

    of = picture(1, "eve")
    over = StoredFaces(FaultyItems(local.items, before=erase), faces_per_commit=3, pause=no_pause)
    added = over.index(local.collection, of, slots(7), Embedder(of))

    assert len(results[0].face_ids) == 1
    assert set(local.owners()) == {face.face_id for face in added}
    assert len(face_items(local)) == len(added) == 7
    assert plan_items(local.items, local.collection) == []
    sound(local)


def begin_a_large_call(people: People, external: str) -> None:
    """It dies once it has written its faces ahead."""
    before, of = len(face_items(people)), picture(1, external)
    dying = FaultyItems(people.items)
    dying.choose = lambda _: Fault.KILLED_BEFORE if len(face_items(people)) > before else Fault.NONE
    with pytest.raises(Killed):
        StoredFaces(dying, faces_per_commit=3, pause=no_pause).index(people.collection, of, slots(7), Embedder(of))


def face_items(people: People) -> list[Item]:
    return all_items(people.items, owned(people.collection.uid, "face"))


def test_silence_is_our_fault_and_the_retry_finishes(local: People) -> None:
    faces = local.add("ada", 3)
    local.user("ada", faces)

    with pytest.raises(InternalServerError):
        StoredErasure(FaultyItems(local.items, always(Fault.LOST)), pause=no_pause).erase_user(local.collection, "ada")

    assert local.erasure.erase_user(local.collection, "ada") == Erased(ids(*faces), ("ada",))
    erased(local)


def test_who_is_refused_in_the_middle_is_told_to_finish(local: People) -> None:
    faces = local.add("ada", 6)
    local.user("ada", faces)
    busy = FaultyItems(local.items)
    busy.choose = lambda _: Fault.CONTENDED if len(local.owners()) < 6 else Fault.NONE

    with pytest.raises(Throttling) as raised:
        StoredErasure(busy, faces_per_commit=2, pause=no_pause).erase_user(local.collection, "ada")

    assert (
        raised.value.reason == "Others were in the way. A part may be done and stays so; repeat the call to finish it."
    )
    assert len(local.owners()) == 4
    assert local.erasure.erase_user(local.collection, "ada") == Erased(ids(*faces), ("ada",))
    erased(local)


def add_another(people: People, number: int) -> None:
    people.add("bob", 1, first=number)


def erase_first(people: People, number: int) -> None:
    people.erasure.erase_external_image_id(people.collection, "x")
    people.add("ada", 1, first=number, external="x")


@pytest.mark.parametrize("meanwhile", [add_another, erase_first])
def test_who_lost_every_race_in_the_middle_is_told_to_finish(
    local: People, meanwhile: Callable[[People, int], None]
) -> None:
    local.add("ada", 3, external="x")
    numbers = count(100)

    def race(_: int) -> None:
        if plan_items(local.items, local.collection):
            meanwhile(local, next(numbers))

    with pytest.raises(Conflict) as raised:
        StoredErasure(FaultyItems(local.items, before=race), pause=no_pause).erase_external_image_id(
            local.collection, "x"
        )

    assert (
        raised.value.reason == "Others were in the way. A part may be done and stays so; repeat the call to finish it."
    )
    assert local.erasure.erase_external_image_id(local.collection, "x").face_ids
    assert next(numbers) > 107
    sound(local)


def test_a_plan_of_another_person_is_another_plan(local: People) -> None:
    """Two spellings never share a key: a user and an ExternalImageId of the same name, too."""
    keys = {
        erasure_plans.new_erasure_plan(local.collection.uid, *whom, now_s=NOW_S).key
        for whom in (("a", None), (None, "a"), ("b", None), (None, None))
    }
    assert len(keys) == 4
