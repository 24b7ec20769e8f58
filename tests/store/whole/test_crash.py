"""A writer is killed (SIGKILL) at random moments: everything it acknowledged is there, and nothing half-done is seen.

The writer compacts now and then, too. OPENREK_STORE_KILLS sets how often it is killed (50 by default); the seed of each
moment is printed.
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import UUID

import apsw
import pytest

from openrek.domain.collections import Collection
from openrek.domain.users import RequestToken
from openrek.store.blobs.folder import FolderBlobs
from openrek.store.blobs.port import Blobs
from openrek.store.faces.faces import StoredFaces
from openrek.store.integrity.verify import verify
from openrek.store.items.port import Items
from openrek.store.upkeep.orphan_sweep import ABANDONED_AFTER_S, OrphanSweep
from openrek.store.users.users import StoredUsers
from tests.store.invariants import check_collection, marked_faces, plan_items
from tests.store.synthetic import new_collection, open_items
from tests.store.workers import index_picture, named_picture
from tests.support.clocks import FakeClock

KILLS = int(os.environ.get("OPENREK_STORE_KILLS", "50"))
ROOT = Path(__file__).parents[3]


@pytest.mark.timeout(300 + 10 * KILLS)
def test_a_killed_writer_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    items, blobs = open_items(tmp_path), FolderBlobs(tmp_path / "blobs")
    collection = new_collection(items)
    there: dict[str, list[str]] = {}
    for kill in range(KILLS):
        seed = random.SystemRandom().randrange(2**32)
        after_s = random.Random(seed).uniform(0.0, 0.35)
        print(f"kill {kill}: seed {seed}, after {after_s:.3f} s")
        lines = killed_writer(tmp_path, seed, after_s)
        users, lines = memberships(lines), [line for line in lines if line[0][:-1] in ("index", "delete")]
        pending = replay(lines, there)
        check_users(items, collection, users)
        check(items, blobs, collection, there, pending)
        complete(items, collection, there, pending)
        check(items, blobs, collection, there, None)
    assert there
    OrphanSweep(items, blobs, clock=FakeClock(time.time() + ABANDONED_AFTER_S + 1)).sweep()
    assert plan_items(items, collection) == []
    assert marked_faces(items, collection) == []
    check_collection(items, collection, blobs)
    items.close()
    assert list(apsw.Connection(str(tmp_path / "items.sqlite3")).execute("PRAGMA integrity_check")) == [("ok",)]


def killed_writer(folder: Path, seed: int, after_s: float) -> list[list[str]]:
    """Every whole line that it wrote. The clock starts with its first one."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "layers"), str(ROOT)])}
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.store.workers", str(folder), str(seed)],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert writer.stdout is not None
    first = writer.stdout.readline()
    time.sleep(after_s)
    writer.send_signal(signal.SIGKILL)
    rest = writer.stdout.read()
    writer.stdout.close()
    assert writer.wait() == -signal.SIGKILL
    return [line.split() for line in (first + rest).splitlines(keepends=True) if line.endswith("\n")]


def replay(lines: list[list[str]], there: dict[str, list[str]]) -> list[str] | None:
    """Applies what was acknowledged; returns the call that was not."""
    pending = None
    for line in lines:
        what, name, *rest = line
        pending = line if what.endswith("?") else None
        if what == "index!":
            there[name] = rest
        elif what == "delete!":
            assert there.pop(name) == rest
    return pending


def memberships(lines: list[list[str]]) -> tuple[str, set[str], list[str] | None] | None:
    """Return the writer's user, the faces that it knows to be its, and the call that was not acknowledged."""
    calls = [line for line in lines if line[0][:-1] in ("user", "join", "leave")]
    if not calls or calls[0][0] != "user?":
        return None
    faces: set[str] = set()
    for what, _, *face_ids in calls:
        if what == "join!":
            faces |= set(face_ids)
        elif what == "leave!":
            faces -= set(face_ids)
    return calls[0][1], faces, calls[-1] if calls[-1][0].endswith("?") else None


def check_users(items: Items, collection: Collection, expected: tuple[str, set[str], list[str] | None] | None) -> None:
    """Check acknowledged calls; the unfinished one took effect whole or not, and its retry makes it whole. Then the
    user goes, so that the next writer may delete the faces."""
    if expected is None:
        return
    user_id, faces, pending = expected
    users, what = StoredUsers(items, faces_per_commit=3), "" if pending is None else pending[0]
    if what == "user?":
        users.create(collection, user_id, RequestToken(f"t{user_id.removeprefix('user-')}", bytes(32)))
    now = {str(face.face_id) for face in StoredFaces(items).of_user(collection, user_id)}
    if pending is None or what == "user?":
        assert now == faces
    else:
        asked = [UUID(face_id) for face_id in pending[2:]]
        assert now in (faces, faces | set(pending[2:]) if what == "join?" else faces - set(pending[2:]))
        if what == "join?":
            users.associate(collection, user_id, asked, lowest_cosine=-1.0, idempotency_token=None)
            faces |= set(pending[2:])
        else:
            users.disassociate(collection, user_id, asked, None)
            faces -= set(pending[2:])
    assert {str(face.face_id) for face in StoredFaces(items).of_user(collection, user_id)} == faces
    users.delete(collection, user_id, None)


def check(
    items: Items, blobs: Blobs, collection: Collection, there: dict[str, list[str]], pending: list[str] | None
) -> None:
    """The faces that anyone sees are the acknowledged ones; those of the unfinished call whole or not."""
    check_collection(items, collection, blobs)
    assert verify(items, blobs, collection.collection_id).findings == ()
    seen: dict[str, list[str]] = {}
    for face in StoredFaces(items).page(collection, None, 100_000).rows:
        assert face.external_image_id is not None
        seen.setdefault(face.external_image_id, []).append(str(face.face_id))
    if pending is not None:
        what, name, *rest = pending
        unfinished = set(seen.pop(name, []))
        if what == "index?":
            assert len(unfinished) in (0, int(rest[0]))
        else:
            chunks = [rest[start : start + 4] for start in range(0, len(rest), 4)]
            assert all(set(chunk) <= unfinished or not set(chunk) & unfinished for chunk in chunks)
    expected = {name: sorted(face_ids) for name, face_ids in there.items() if pending is None or name != pending[1]}
    assert {name: sorted(face_ids) for name, face_ids in seen.items()} == expected


def complete(items: Items, collection: Collection, there: dict[str, list[str]], pending: list[str] | None) -> None:
    """The retry of the unfinished call."""
    if pending is None:
        return
    what, name, *rest = pending
    faces = StoredFaces(items, faces_per_commit=4)
    if what == "index?":
        there[name] = index_picture(faces, collection, name, int(rest[0]))
        assert index_picture(faces, collection, name, int(rest[0])) == there[name]
        return
    of = named_picture(name)
    was_there = any(face.image_id == of.image_id for face in faces.page(collection, None, 100_000).rows)
    deletion = faces.delete(collection, [UUID(face_id) for face_id in rest])
    if was_there:
        assert [str(face_id) for face_id in deletion.deleted] == rest
    del there[name]
