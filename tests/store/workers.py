"""The other processes of these tests. They are started with spawn, so everything here is importable and small."""

import hashlib
import itertools
import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from openrek.domain.collections import Collection
from openrek.domain.errors import Conflict, ResourceNotFound, Throttling
from openrek.domain.faces import Picture
from openrek.domain.users import RequestToken
from openrek.store.blobs.folder import FolderBlobs
from openrek.store.blobs.port import BlobExists
from openrek.store.collections.collections import StoredCollections
from openrek.store.faces.faces import StoredFaces
from openrek.store.items.port import ConditionFailed, Contended, Items, Key, Put
from openrek.store.log.commits import TOO_MANY_WRITERS
from openrek.store.upkeep.compaction import Compactor
from openrek.store.upkeep.garbage_collection import GarbageCollector
from openrek.store.users.users import StoredUsers
from tests.store.synthetic import Embedder, ids, open_items, searcher, slots, vector_of


def count_up(folder: Path, times: int) -> None:
    items = open_items(folder)
    count_up_from_main(items, Key("p", "a"), times)
    items.close()


def count_up_from_main(items: Items, key: Key, times: int) -> None:
    """Compare and swap until it worked `times` times."""
    done = 0
    while done < times:
        found = items.get(key)
        assert found is not None
        n = found.attributes["n"]
        try:
            items.transact([Put(key, {"n": n + 1}, expect={"n": n})])
            done += 1
        except (ConditionFailed, Contended):
            continue


def put_the_same_blob(folder: Path, me: int) -> bool:
    try:
        FolderBlobs(folder).put("same", b"%d" % me * 100_000)
    except BlobExists:
        return False
    return True


def put_blobs(folder: Path, round_number: int) -> None:
    """Until it is killed."""
    blobs = FolderBlobs(folder)
    for number in itertools.count():
        blobs.put(f"{round_number}/{number}", bytes([number % 256]) * 200_000)


def index_and_delete(folder: Path, seed: int, acknowledge: Callable[[str], None]) -> None:
    """For ever: index pictures, now and then with a plan, delete some, compact and collect garbage; say what is about
    to be done and what was acknowledged.
    """
    items, blobs = open_items(folder), FolderBlobs(folder / "blobs")
    compactor, garbage = Compactor(items, blobs), GarbageCollector(items, blobs)
    found = StoredCollections(items).require("people")
    faces = StoredFaces(items, faces_per_commit=4)
    users = StoredUsers(items, faces_per_commit=3)
    user_id = f"user-{seed}"
    acknowledge(f"user? {user_id} {user_id}")
    users.create(found, user_id, RequestToken(f"t{seed}", bytes(32)))
    acknowledge(f"user! {user_id}")
    chance = random.Random(seed)
    mine: dict[str, list[str]] = {}
    for number in itertools.count():
        name = f"{seed}-{number}"
        number_of_faces = chance.choice([1, 2, 3, 4, 9])
        acknowledge(f"index? {name} {number_of_faces}")
        mine[name] = index_picture(faces, found, name, number_of_faces)
        acknowledge(f"index! {name} {' '.join(mine[name])}")
        if chance.random() < 0.4:
            name = chance.choice(sorted(mine))
            gone = mine.pop(name)
            acknowledge(f"delete? {name} {' '.join(gone)}")
            deletion = faces.delete(found, [UUID(face_id) for face_id in gone])
            acknowledge(f"delete! {name} {' '.join(str(face_id) for face_id in deletion.deleted)}")
        if chance.random() < 0.5 and mine:
            some = [UUID(face_id) for face_id in mine[chance.choice(sorted(mine))]]
            acknowledge(f"join? {user_id} {' '.join(map(str, some))}")
            result = users.associate(found, user_id, some, lowest_cosine=-1.0, idempotency_token=None)
            acknowledge(f"join! {user_id} {' '.join(map(str, result.changed))}")
            acknowledge(f"leave? {user_id} {' '.join(map(str, some))}")
            result = users.disassociate(found, user_id, some, None)
            acknowledge(f"leave! {user_id} {' '.join(map(str, result.changed))}")
        if chance.random() < 0.3:
            compactor.step("people", force=chance.random() < 0.5)
            garbage.collect("people", force=chance.random() < 0.5)


def index_picture(faces: StoredFaces, found: Collection, name: str, number_of_faces: int) -> list[str]:
    of = named_picture(name)
    return ids(faces.index(found, of, slots(number_of_faces), Embedder(of)))


def named_picture(name: str) -> Picture:
    return Picture(hashlib.sha256(name.encode()).digest(), name)


def index_in_threads(folder: Path, writers: Sequence[int], pictures: int) -> list[tuple[set[str], set[str]]]:
    """One process, whose threads share its connections' queue."""
    items = open_items(folder)
    with ThreadPoolExecutor(len(writers)) as pool:
        outcomes = list(pool.map(lambda me: index_some(items, me, pictures), writers))
    items.close()
    return outcomes


def index_some(items: Items, me: int, pictures: int) -> tuple[set[str], set[str]]:
    """Indexes and deletes beside others; gives the ids that must be there in the end, and those that must not.

    After each acknowledged change its own search must know of it, and of nothing that it deleted.
    """
    found = StoredCollections(items).require("people")
    faces, search = StoredFaces(items, faces_per_commit=4), searcher(items)
    chance = random.Random(me)
    there: set[str] = set()
    gone: set[str] = set()
    for number in range(pictures):
        name = f"{me}-{number}"
        added = patiently(lambda name=name: index_picture(faces, found, name, chance.choice([1, 3, 7])))
        shared = patiently(lambda number=number: index_picture(faces, found, f"shared-{number}", 6))
        there |= {*added, *shared}
        if number % 3 == 2:
            doomed = added[: len(added) // 2 + 1]
            deletion = patiently(lambda doomed=doomed: faces.delete(found, [UUID(face_id) for face_id in doomed]))
            assert [str(face_id) for face_id in deletion.deleted] == doomed
            there -= set(doomed)
            gone |= set(doomed)
        probe = vector_of(named_picture(name), slots(1)[0].box)
        matches = search.nearest(found, probe, limit=4096, lowest_cosine=-1.0)
        seen = {str(match.face.face_id) for match in matches}
        assert there <= seen
        assert not gone & seen
    return there, gone


USERS = ("ada", "bob", "eve")
PASSING = "passing"
"""A user that comes and goes."""

Pair = tuple[str, str]
"""A user and a face."""


@dataclass
class Account:
    """The results of all calls: (user, face) that joined and left, and deleted faces, each as often as returned."""

    joined: Counter[Pair] = field(default_factory=Counter)
    left: Counter[Pair] = field(default_factory=Counter)
    deleted: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Account") -> None:
        self.joined += other.joined
        self.left += other.left
        self.deleted += other.deleted


def share_faces(folder: Path, me: int, clients: int, calls: int, face_ids: list[str]) -> Account:
    """As many clients as threads, all at the same faces and users."""
    items = open_items(folder)
    found = StoredCollections(items).require("people")
    with ThreadPoolExecutor(clients) as pool:
        parts = [(items, found, f"{me}-{client}", calls, face_ids) for client in range(clients)]
        accounts = list(pool.map(lambda part: _client(*part), parts))
    items.close()
    total = Account()
    for account in accounts:
        total.add(account)
    return total


def _client(items: Items, found: Collection, name: str, calls: int, face_ids: list[str]) -> Account:
    users, faces = StoredUsers(items), StoredFaces(items)
    chance = random.Random(name)
    account = Account()
    for number in range(calls):
        user = chance.choice([*USERS, PASSING])
        some = [UUID(face_id) for face_id in chance.sample(face_ids, chance.choice([1, 4, 12]))]
        token = RequestToken(f"{name}-{number}", hashlib.sha256(f"{name} {number}".encode()).digest())
        what = chance.random()
        if what < 0.1:
            account.deleted.update(map(str, patiently(lambda some=some: faces.delete(found, some)).deleted))
        elif what < 0.2:
            make = chance.choice([users.create, users.delete])
            with suppress(Conflict, ResourceNotFound):
                patiently(lambda make=make, token=token: make(found, PASSING, token))
        else:
            joins = what < 0.65

            def call(
                joins: bool = joins, user: str = user, some: list[UUID] = some, token: RequestToken = token
            ) -> Any:
                if joins:
                    return users.associate(found, user, some, lowest_cosine=-1.0, idempotency_token=token)
                return users.disassociate(found, user, some, token)

            with suppress(ResourceNotFound):
                result = patiently(call)
                assert patiently(call) == result
                book = account.joined if joins else account.left
                book.update((user, str(face_id)) for face_id in result.changed)
    return account


Result = TypeVar("Result")


def patiently(call: Callable[[], Result]) -> Result:
    """A client that does what a stock SDK does when it is throttled."""
    for _ in range(10):
        try:
            return call()
        except Throttling:
            continue
        except Conflict as conflict:
            if conflict.reason != TOO_MANY_WRITERS:
                raise
    raise AssertionError("throttled ten times")


if __name__ == "__main__":
    index_and_delete(Path(sys.argv[1]), int(sys.argv[2]), lambda line: print(line, flush=True))
