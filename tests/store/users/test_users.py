"""Users through their port: who may join whom, what a user's vector is, and what is true after each call."""

import contextlib
import json
import zlib
from itertools import count
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openrek.domain.errors import (
    Conflict,
    InternalServerError,
    InvalidParameter,
    ResourceNotFound,
    ServiceQuotaExceeded,
)
from openrek.domain.faces import FaceNotDeleted, cosine
from openrek.domain.users import Association, FaceNotChanged, User
from openrek.store.collections.collections import StoredCollections
from openrek.store.faces.faces import StoredFaces
from openrek.store.items.port import Items
from openrek.store.log.head import require_head
from openrek.store.log.keys import OWNED, owned
from openrek.store.log.quantisation import dequantise, quantise
from openrek.store.search.search import StoredSearch
from openrek.store.segments.segment_file import FACES, USERS
from openrek.store.upkeep.compaction import Compactor, current_manifest
from openrek.store.users.user_vectors import user_vector
from openrek.store.users.users import StoredUsers
from tests.store.faults import Fault, FaultyItems, Killed, always, at
from tests.store.invariants import all_items, check_collection
from tests.store.memory_blobs import MemoryBlobs
from tests.store.people import People, likeness, request_token, sound
from tests.store.synthetic import new_collection, no_pause, now, open_items, picture, slots, unit
from tests.support.aws import LocalAws

# Making, listing and removing users


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


# Faces that join and leave


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


# As many faces as a user may have


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

    watched = StoredUsers(FaultyItems(local.items, before=look), pause=no_pause)
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
    other = StoredUsers(local.items, faces_per_commit=2, pause=no_pause)
    joined: list[Association] = []

    def join_bob(_: int) -> None:
        if not joined and not local.members("ann"):
            ids = [face.face_id for face in faces]
            joined.append(other.associate(local.collection, "bob", ids, lowest_cosine=-1.0, idempotency_token=None))

    watched = StoredUsers(FaultyItems(local.items, before=join_bob), faces_per_commit=2, pause=no_pause)
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

    over = StoredUsers(busy, faces_per_commit=2, pause=no_pause)
    result = over.disassociate(local.collection, "ann-smith", [face.face_id for face in faces], None)

    assert len(result.changed) == 5
    assert naming(local, "face", "ann-smith") == 3
    local.user("bob", faces)
    assert naming(local, "face", "ann-smith") == 0
    sound(local)


def naming(people: People, kind: str, name: str) -> int:
    return sum(name in repr(item) for item in all_items(people.items, owned(people.collection.uid, kind)))


def test_faces_of_a_large_picture_join_before_its_plan_is_settled(local: People) -> None:
    items, collection = local.items, local.collection
    killed = FaultyItems(items)
    of, found = picture(1), slots(7)
    killed.choose = lambda _: Fault.KILLED_BEFORE if _plan_is_done(items, collection.uid) else Fault.NONE
    with contextlib.suppress(Killed):
        StoredFaces(killed, faces_per_commit=3, pause=no_pause).index(collection, of, found, lambda f: unit(f))
    faces = local.faces.page(collection, None, 10).rows
    assert len(faces) == 7
    assert any("plan" in item.attributes for item in all_items(items, f"{collection.uid.hex}/face"))

    local.user("ada", faces[:5])
    again = StoredFaces(items, faces_per_commit=3, pause=no_pause).index(collection, of, found, lambda f: unit(f))

    assert {face.face_id for face in again} == {face.face_id for face in faces}
    assert local.members("ada") == {face.face_id for face in faces[:5]}
    sound(local)


def _plan_is_done(items: Items, uid: UUID) -> bool:
    return any(plan.attributes["state"] == "done" for plan in all_items(items, f"{uid.hex}/plan"))


# The vector


def test_a_users_vector_is_the_normalised_mean_of_its_faces(people: People) -> None:
    faces = people.add("ada", 5)
    people.user("ada", faces)
    stored = [np.array(dequantise(*quantise(likeness("ada", number)))) for number in range(5)]
    probe = likeness("bob", 1)

    def cosine_with(numbers: list[int]) -> float:
        mean = np.mean([stored[number] for number in numbers], axis=0)
        return float(np.array(probe) @ (mean / np.linalg.norm(mean)))

    def cosine_found() -> float:
        (found,) = people.search.nearest_users(people.head, [probe], limit=1, lowest_cosine=-1.0)
        return found[0].cosine

    assert cosine_found() == pytest.approx(cosine_with([0, 1, 2, 3, 4]), abs=3e-3)
    people.leave("ada", [faces[0], faces[3]])
    assert cosine_found() == pytest.approx(cosine_with([1, 2, 4]), abs=3e-3)
    people.join("ada", [faces[0]])
    assert cosine_found() == pytest.approx(cosine_with([0, 1, 2, 4]), abs=3e-3)


def test_a_user_with_one_face_has_its_vector() -> None:
    face = quantise(likeness("ada", 1))

    vector, scale = user_vector([face])

    difference = np.array(dequantise(vector, scale)) - np.array(dequantise(*face))
    assert np.abs(difference).max() <= scale


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=8))
def test_the_vector_depends_on_the_faces_and_not_on_their_order(numbers: list[int]) -> None:
    faces = [quantise(likeness("ada", number)) for number in numbers]

    vector, scale = user_vector(faces)
    other, other_scale = user_vector(faces[::-1])

    assert (vector, scale) == (other, other_scale)
    expected = np.sum([np.array(dequantise(*face), np.float64) for face in faces], axis=0)
    expected /= np.linalg.norm(expected)
    assert np.abs(np.array(dequantise(vector, scale)) - expected).max() <= 0.51 * scale


def test_faces_that_cancel_out_are_represented_by_the_first() -> None:
    one = unit(1)
    first, second = quantise(one), quantise(type(one)("f", (-x for x in one)))

    assert user_vector([first, second]) == first


# Searching users


def test_users_are_found_by_vector_face_and_user(people: People) -> None:
    ada, bob = people.add("ada", 3), people.add("bob", 3)
    people.user("ada", ada[:2])
    people.user("bob", bob[:2])
    people.user("nobody")
    head = people.head

    by_vectors = people.search.nearest_users(
        head, [likeness("ada", 9), likeness("bob", 9)], limit=5, lowest_cosine=-1.0
    )
    assert [[match.user for match in found] for found in by_vectors] == [
        [User("ada", 2), User("bob", 2)],
        [User("bob", 2), User("ada", 2)],
    ]
    by_face = people.search.nearest_users_to_face(head, ada[0].face_id, limit=5, lowest_cosine=0.5)
    assert [match.user.user_id for match in by_face] == ["ada"], "its own user is among them"
    by_free_face = people.search.nearest_users_to_face(head, bob[2].face_id, limit=1, lowest_cosine=-1.0)
    assert [match.user.user_id for match in by_free_face] == ["bob"]
    by_user = people.search.nearest_users_to_user(head, "ada", limit=5, lowest_cosine=-1.0)
    assert [match.user.user_id for match in by_user] == ["bob"], "but not the user itself"
    assert people.search.nearest_users_to_user(head, "nobody", limit=5, lowest_cosine=-1.0) == ()
    with pytest.raises(ResourceNotFound, match="The user id: eve does not exist"):
        people.search.nearest_users_to_user(head, "eve", limit=5, lowest_cosine=-1.0)
    with pytest.raises(InvalidParameter, match="faceId was not found"):
        people.search.nearest_users_to_face(head, uuid4(), limit=5, lowest_cosine=-1.0)


def test_faces_are_found_for_several_probes_at_once(local: People) -> None:
    local.add("ada", 3)
    local.add("bob", 3)
    probes = [likeness("ada", 5), likeness("bob", 5)]

    found = local.search.nearest_each(local.head, probes, limit=4, lowest_cosine=-1.0)

    alone = [local.search.nearest(local.head, probe, limit=4, lowest_cosine=-1.0) for probe in probes]
    assert [list(each) for each in found] == [list(each) for each in alone]
    assert len(found[0]) == 4


def test_a_search_process_that_was_there_before_sees_every_change(local: People) -> None:
    faces = local.add("ada", 6)
    local.user("ada")
    seen = [local.nearest(likeness("ada", 0))]
    for step, change in enumerate(
        [
            lambda: local.join("ada", faces[:4]),
            lambda: local.leave("ada", faces[:1]),
            lambda: local.users.delete(local.collection, "ada", None),
            lambda: local.user("ada", faces[4:]),
        ]
    ):
        change()
        if step == 1:
            Compactor(local.items, local.blobs, pause=no_pause).step("people", force=True)
        seen.append(local.nearest(likeness("ada", 0)))

    assert seen == [[], [("ada", 4)], [("ada", 3)], [], [("ada", 2)]]


def test_users_are_compacted_as_faces_are(local: People) -> None:
    compactor = Compactor(local.items, local.blobs, pause=no_pause)
    everyone = {name: local.add(name, 4) for name in ("ada", "bob", "eve")}
    for name, faces in everyone.items():
        local.user(name, faces[:3])
    compactor.step("people", force=True)
    sound(local)
    local.users.delete(local.collection, "eve", None)
    local.leave("ada", everyone["ada"][:1])
    compactor.step("people", force=True)
    compactor.step("people", force=True)
    sound(local)
    fresh = StoredSearch(local.items, local.blobs, threads=1)

    (found,) = fresh.nearest_users(local.head, [likeness("ada", 1)], limit=9, lowest_cosine=-1.0)

    assert [match.user for match in found] == [User("ada", 2), User("bob", 3)]
    kinds = sorted(name.split(".")[-1] for name in local.blobs.names() if "segment" in name)
    assert len(kinds) >= 2, "faces and users lie in segments of their own"


def test_a_log_that_names_no_user_leaves_the_segments_of_users_alone(local: People) -> None:
    local.user("ada", local.add("ada", 2))
    compactor = Compactor(local.items, local.blobs, fold_entries=1, pause=no_pause)
    compactor.step("people")
    before = segments_of(local, USERS)

    local.add("nobody", 1)
    compactor.step("people")

    assert segments_of(local, USERS) == before
    assert len(segments_of(local, FACES)) == 1, "but small segments of faces are merged"
    sound(local)


def segments_of(people: People, kind: int) -> list[str]:
    head = require_head(people.items, people.collection)
    return [ref.name for ref in current_manifest(people.blobs, head).segments if ref.kind == kind]


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


# Losing


def test_who_loses_every_race_is_told_of_a_conflict(local: People) -> None:
    faces = local.add("ada", 1)
    local.user("ada")
    numbers = count()
    meddler = StoredUsers(local.items, pause=no_pause)

    def meddle(_: int) -> None:
        meddler.create(local.collection, f"u{next(numbers)}", None)

    beaten = StoredUsers(FaultyItems(local.items, before=meddle), pause=no_pause)
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
    mute = StoredUsers(FaultyItems(local.items, always(Fault.LOST)), pause=no_pause)

    with pytest.raises(InternalServerError):
        mute.associate(local.collection, "ada", [faces[0].face_id], lowest_cosine=-1.0, idempotency_token=None)

    assert local.members("ada") == set()


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
        killed = StoredUsers(FaultyItems(items, at(step, fault)), faces_per_commit=3, pause=no_pause)
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


def test_old_log_entries_and_manifests_without_users_are_read(local: People) -> None:
    local.add("ada", 3)
    Compactor(local.items, local.blobs, pause=no_pause).step("people", force=True)
    name = next(name for name in local.blobs.names() if name.endswith("manifest"))
    content = local.blobs.get(name)
    body = json.loads(content[9:])
    for segment in body["segments"]:
        assert segment.pop("kind") == 1
    text = json.dumps(body, separators=(",", ":")).encode()
    local.blobs.delete(name)
    local.blobs.put(name, b"%08x\n%s" % (zlib.crc32(text), text))

    assert len(local.search.nearest(now(local.items, local.collection), unit(1), limit=9, lowest_cosine=-1.0)) == 3
    sound(local)
