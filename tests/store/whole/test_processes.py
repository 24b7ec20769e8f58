"""Several processes of several threads write to one collection in one data folder at once, and share its users."""

import multiprocessing
from pathlib import Path

from openrek.store.blobs.folder import FolderBlobs
from openrek.store.faces.faces import StoredFaces
from tests.store.invariants import check_collection, plan_items
from tests.store.people import People, sound
from tests.store.synthetic import new_collection, open_items
from tests.store.workers import USERS, Account, index_in_threads, share_faces

PROCESSES, WRITERS, PICTURES = 4, 32, 4


def test_32_writers_in_four_processes_lose_and_double_nothing(tmp_path: Path) -> None:
    items = open_items(tmp_path)
    collection = new_collection(items)

    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        calls = [(tmp_path, range(me, WRITERS, PROCESSES), PICTURES) for me in range(PROCESSES)]
        outcomes = [outcome for each in pool.starmap(index_in_threads, calls, chunksize=1) for outcome in each]

    assert len(outcomes) == WRITERS
    there = set().union(*(there for there, _ in outcomes))
    gone = set().union(*(gone for _, gone in outcomes))
    rows = StoredFaces(items).page(collection, None, 100_000).rows
    assert {str(face.face_id) for face in rows} == there - gone
    assert len(rows) == len(there - gone)
    shared = [face for face in rows if (face.external_image_id or "").startswith("shared-")]
    assert len(shared) == 6 * PICTURES, "all processes got the same ids for the same pictures"
    assert plan_items(items, collection) == []
    check_collection(items, collection)
    items.close()


CLIENTS, CALLS = 8, 6


def test_clients_that_share_faces_and_users_never_give_a_face_two_owners(tmp_path: Path) -> None:
    """32 clients associate, disassociate and delete the same faces and users."""
    items = open_items(tmp_path)
    people = People(items, FolderBlobs(tmp_path / "blobs"), new_collection(items))
    ids = [str(face.face_id) for face in people.add_at_once("somebody", 40)]
    for user in USERS:
        people.user(user)
    parts = [(tmp_path, me, CLIENTS, CALLS, ids) for me in range(PROCESSES)]

    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        accounts = pool.starmap(share_faces, parts, chunksize=1)

    total = Account()
    for account in accounts:
        total.add(account)
    assert sum(total.joined.values()) > 50
    assert sum(total.left.values()) > 10
    assert set(total.deleted.values()) <= {1}
    owners = {str(face_id): owner for face_id, owner in people.owners().items()}
    assert set(ids) - set(owners) == set(total.deleted)
    for user in USERS:
        now = {str(face_id) for face_id in people.members(user)}
        assert now == {face_id for face_id, owner in owners.items() if owner == user}
        for face_id in ids:
            turns = total.joined[user, face_id] - total.left[user, face_id]
            assert turns == (face_id in now), "every change that was told happened once, and no other did"
    sound(people)
    items.close()
