"""Faces that join and leave a user: who may, who may not, and with which reasons."""

import contextlib
from itertools import count
from uuid import UUID, uuid4

import pytest

from openrek.domain.errors import ResourceNotFound, ServiceQuotaExceeded
from openrek.domain.faces import FaceNotDeleted, cosine
from openrek.domain.users import FaceNotChanged, User
from openrek.store.faces.faces import StoredFaces
from openrek.store.items.port import Items
from openrek.store.log.quantisation import dequantise, quantise
from openrek.store.users.user_vectors import user_vector
from tests.store.faults import Fault, FaultyItems, Killed
from tests.store.invariants import all_items
from tests.store.people import People, likeness, sound
from tests.store.synthetic import picture, slots, unit
from tests.support.clocks import FakeClock


def test_faces_join_a_user(people: People) -> None:
    faces = people.add("ada", 4)
    people.user("ada")

    result = people.join("ada", [faces[2], faces[0], faces[2]])

    assert result.changed == (faces[2].face_id, faces[0].face_id)
    assert (result.skipped, result.user, result.user.status) == ((), User("ada", 2), "ACTIVE")
    assert people.owners() == {face.face_id: "ada" if face in (faces[0], faces[2]) else None for face in faces}
    assert [face.user_id for face in people.faces.of_user(people.collection, "ada")] == ["ada", "ada"]
    assert people.users.page(people.collection, None, 10).rows[0].user == User("ada", 2)
    found = people.search.nearest(people.head, likeness("ada", 0), limit=9, lowest_cosine=-1.0)
    assert {match.face.face_id: match.face.user_id for match in found} == people.owners()
    sound(people)


def test_the_faces_of_a_user_come_in_the_order_of_their_ids(local: People) -> None:
    local.user("ada", local.add_at_once("ada", 100))

    ids = [face.face_id for face in local.faces.of_user(local.collection, "ada")]

    assert len(ids) == 100
    assert ids == sorted(ids)


def test_a_face_that_is_already_there_is_passed_over(people: People) -> None:
    faces = people.add("ada", 2)
    people.user("ada", faces[:1])
    before = people.head.seq

    again = people.join("ada", faces[:1])

    assert (again.changed, again.skipped, again.user) == ((), (), User("ada", 1))
    assert people.head.seq == before, "nothing was written"
    assert people.join("ada", faces).changed == (faces[1].face_id,)
    assert people.leave("ada", []).user == User("ada", 2)
    sound(people)


def test_faces_that_cannot_join_are_told_with_their_reasons(people: People) -> None:
    ada, bob = people.add("ada", 2), people.add("bob", 2)
    people.user("ada", ada[:1])
    people.user("bob", bob[:1])
    nobody = uuid4()

    result = people.join("ada", [bob[0].face_id, nobody, bob[1].face_id, ada[1].face_id], lowest=0.5)

    assert result.changed == (ada[1].face_id,)
    foreign, missing, unlike = result.skipped
    assert foreign == FaceNotChanged(bob[0].face_id, "ASSOCIATED_TO_A_DIFFERENT_USER", "bob")
    assert missing == FaceNotChanged(nobody, "FACE_NOT_FOUND")
    assert (unlike.face_id, unlike.reason, unlike.user_id) == (bob[1].face_id, "LOW_MATCH_CONFIDENCE", None)
    assert unlike.cosine == pytest.approx(cosine(likeness("ada", 0), likeness("bob", 1)), abs=0.01)
    assert people.members("ada") == {face.face_id for face in ada}
    sound(people)


def test_likeness_is_that_of_the_user_before_the_call(local: People) -> None:
    ada, bob = local.add("ada", 2), local.add("bob", 3)
    local.user("empty")
    others = [bob[0], *local.add("eve", 1)]
    assert len(local.join("empty", others, lowest=0.99).changed) == 2, "a user without faces is like anyone"
    local.user("ada", ada)

    result = local.join("ada", bob[1:], lowest=0.3)

    assert result.changed == ()
    cosines = [face.cosine for face in result.skipped]
    assert None not in cosines
    people_of = dequantise(*user_vector([quantise(likeness("ada", number)) for number in range(2)]))
    for face, number in zip(result.skipped, (1, 2), strict=True):
        stored = dequantise(*quantise(likeness("bob", number)))
        assert face.cosine == pytest.approx(cosine(people_of, stored), abs=1e-6)
    lowest = min(each for each in cosines if each is not None)
    assert len(local.join("ada", bob[1:], lowest=lowest).changed) == 2, "as like as asked for is enough"


def test_faces_leave_a_user(people: People) -> None:
    ada, bob = people.add("ada", 3), people.add("bob", 1)
    people.user("ada", ada)
    people.user("bob", bob)
    free = people.add("ada", 1, first=7)[0]
    nobody = uuid4()

    result = people.leave("ada", [bob[0].face_id, ada[1].face_id, free.face_id, nobody, ada[0].face_id])

    assert result.changed == (ada[1].face_id, ada[0].face_id)
    assert result.skipped == (
        FaceNotChanged(bob[0].face_id, "ASSOCIATED_TO_A_DIFFERENT_USER", "bob"),
        FaceNotChanged(nobody, "FACE_NOT_FOUND"),
    )
    assert result.user == User("ada", 1)
    assert people.leave("ada", [ada[2]]).user.status == "CREATED"
    assert people.nearest(likeness("ada", 2)) == [("bob", 1)]
    assert people.join("bob", ada).user == User("bob", 4)
    sound(people)


def test_nobody_joins_or_leaves_a_user_that_is_not_there(people: People) -> None:
    face = people.add("ada", 1)[0]

    for call in (lambda: people.join("ada", [face]), lambda: people.leave("ada", [face])):
        with pytest.raises(ResourceNotFound, match="The user id: ada does not exist"):
            call()


def test_a_face_that_belongs_to_a_user_is_not_deleted(people: People) -> None:
    faces = people.add("ada", 2)
    people.user("ada", faces[:1])

    deletion = people.faces.delete(people.collection, [face.face_id for face in faces])

    assert deletion.deleted == (faces[1].face_id,)
    assert deletion.skipped == (FaceNotDeleted(faces[0].face_id, "ASSOCIATED_TO_AN_EXISTING_USER", "ada"),)
    people.leave("ada", faces[:1])
    assert people.faces.delete(people.collection, [faces[0].face_id]).deleted == (faces[0].face_id,)
    sound(people)


def test_indexing_the_picture_again_leaves_the_face_with_its_user(people: People) -> None:
    faces = people.add("ada", 1)
    people.user("ada", faces)

    assert people.add("ada", 1)[0].face_id == faces[0].face_id

    assert people.members("ada") == {faces[0].face_id}
    sound(people)


def test_a_user_takes_as_many_faces_as_fit_in_the_order_asked(local: People) -> None:
    most, more = local.add_at_once("a", 97), local.add_at_once("b", 9)
    local.user("ada", most)
    asked = [more[n].face_id for n in (8, 3, 5, 0, 1)]

    result = local.join("ada", asked)

    assert result.changed == tuple(asked[:3])
    assert result.skipped == (FaceNotChanged(asked[3], None), FaceNotChanged(asked[4], None))
    assert result.user == User("ada", 100)
    before = local.head.seq
    with pytest.raises(ServiceQuotaExceeded) as refused:
        local.join("ada", asked[4:])
    assert refused.value.reason == "The user has 100 faces, as many as one may have."
    assert local.head.seq == before
    assert local.join("ada", [asked[0], uuid4()]).skipped[0].reason == "FACE_NOT_FOUND", "nothing new: no quota"
    sound(local)


def test_faces_of_a_large_picture_join_before_its_plan_is_settled(local: People) -> None:
    items, collection = local.items, local.collection
    killed = FaultyItems(items)
    of, found = picture(1), slots(7)
    killed.choose = lambda _: Fault.KILLED_BEFORE if _plan_is_done(items, collection.uid) else Fault.NONE
    with contextlib.suppress(Killed):
        StoredFaces(killed, faces_per_commit=3, clock=FakeClock()).index(collection, of, found, lambda f: unit(f))
    faces = local.faces.page(collection, None, 10).rows
    assert len(faces) == 7
    assert any("plan" in item.attributes for item in all_items(items, f"{collection.uid.hex}/face"))

    local.user("ada", faces[:5])
    again = StoredFaces(items, faces_per_commit=3, clock=FakeClock()).index(collection, of, found, lambda f: unit(f))

    assert {face.face_id for face in again} == {face.face_id for face in faces}
    assert local.members("ada") == {face.face_id for face in faces[:5]}
    sound(local)


def _plan_is_done(items: Items, uid: UUID) -> bool:
    return any(plan.attributes["state"] == "done" for plan in all_items(items, f"{uid.hex}/plan"))


def test_a_user_that_is_changed_while_its_faces_are_listed(local: People) -> None:
    """With more faces than a snapshot holds and writers that never pause, each face is returned as it is."""
    faces = local.add_at_once("ada", 100)
    local.user("ada", faces)
    numbers = count()

    def disturb(_: int) -> None:
        local.user(f"u{next(numbers)}")

    listed = StoredFaces(FaultyItems(local.items, before=disturb)).of_user(local.collection, "ada")

    assert {face.face_id for face in listed} == {face.face_id for face in faces}
    assert {face.user_id for face in listed} == {"ada"}
