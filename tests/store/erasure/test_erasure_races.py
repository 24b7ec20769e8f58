"""Erasures beside other clients: whoever moves, adds or erases faces meanwhile saves none and loses none."""

import contextlib
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from openrek.domain.errors import Conflict, ResourceNotFound
from openrek.domain.faces import Face
from openrek.domain.users import Erased, User
from openrek.store.erasure.erasure import StoredErasure
from openrek.store.faces.faces import StoredFaces
from openrek.store.items.port import Item
from openrek.store.log.keys import owned
from tests.store.erasure.people_to_erase import ERASURES, erased, ids, scene
from tests.store.faults import Fault, FaultyItems, Killed
from tests.store.invariants import all_items, plan_items
from tests.store.memory_blobs import MemoryBlobs
from tests.store.people import People, likeness, sound
from tests.store.synthetic import Embedder, new_collection, picture, slots
from tests.store.tables import open_fast
from tests.support.clocks import FakeClock


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

    erasure = StoredErasure(FaultyItems(local.items, before=move), faces_per_commit=3, clock=FakeClock())

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
            results.append(erase(StoredErasure(faulty, faces_per_commit=3, clock=FakeClock()), people))
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
                dying = StoredErasure(FaultyItems(people.items, before=die), clock=FakeClock())
                dying.erase_external_image_id(people.collection, "x")

        faulty = FaultyItems(items, before=other)
        first = StoredErasure(faulty, clock=FakeClock()).erase_external_image_id(people.collection, "x")
        then = people.erasure.erase_external_image_id(people.collection, "x")

        assert {*first.face_ids, *then.face_ids} == {face.face_id for face in faces}
        erased(people)
        items.close()
        if faulty.steps <= step:
            assert step > 8
            return


def test_faces_indexed_while_their_kind_is_erased_do_not_keep_it_going(local: People) -> None:
    local.add("ada", 3, external="x")
    numbers = count(100)

    def index(_: int) -> None:
        number = next(numbers)
        local.faces.index(local.collection, picture(number, "x"), slots(1), lambda _: likeness("ada", number))

    erasure = StoredErasure(FaultyItems(local.items, before=index), clock=FakeClock())
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
    over = StoredFaces(FaultyItems(local.items, before=erase), faces_per_commit=3, clock=FakeClock())
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
        StoredFaces(dying, faces_per_commit=3, clock=FakeClock()).index(people.collection, of, slots(7), Embedder(of))


def face_items(people: People) -> list[Item]:
    return all_items(people.items, owned(people.collection.uid, "face"))


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
        StoredErasure(FaultyItems(local.items, before=race), clock=FakeClock()).erase_external_image_id(
            local.collection, "x"
        )

    assert (
        raised.value.reason == "Others were in the way. A part may be done and stays so; repeat the call to finish it."
    )
    assert local.erasure.erase_external_image_id(local.collection, "x").face_ids
    assert next(numbers) > 107
    sound(local)
