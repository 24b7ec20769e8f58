"""Users found by vector, face and user, from the log and from segments."""

import json
import zlib
from uuid import uuid4

import pytest

from openrek.domain.errors import InvalidParameter, ResourceNotFound
from openrek.domain.users import User
from openrek.store.log.head import require_head
from openrek.store.search.search import StoredSearch
from openrek.store.segments.segment_file import FACES, USERS
from openrek.store.upkeep.compaction import Compactor, current_manifest
from tests.store.people import People, likeness, sound
from tests.store.synthetic import now, unit
from tests.support.clocks import FakeClock


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
            Compactor(local.items, local.blobs, clock=FakeClock()).step("people", force=True)
        seen.append(local.nearest(likeness("ada", 0)))

    assert seen == [[], [("ada", 4)], [("ada", 3)], [], [("ada", 2)]]


def test_users_are_compacted_as_faces_are(local: People) -> None:
    compactor = Compactor(local.items, local.blobs, clock=FakeClock())
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
    compactor = Compactor(local.items, local.blobs, fold_entries=1, clock=FakeClock())
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


def test_old_log_entries_and_manifests_without_users_are_read(local: People) -> None:
    local.add("ada", 3)
    Compactor(local.items, local.blobs, clock=FakeClock()).step("people", force=True)
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
