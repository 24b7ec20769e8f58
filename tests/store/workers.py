"""What the other processes of these tests do. Started with spawn, so everything here is importable and small."""

import hashlib
import itertools
import random
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from openrek.domain.collections import Collection
from openrek.domain.errors import Throttling
from openrek.domain.faces import Picture
from openrek.store.blobs import BlobExists
from openrek.store.collections import StoredCollections
from openrek.store.compaction import Compactor
from openrek.store.faces import StoredFaces
from openrek.store.folder_blobs import FolderBlobs
from openrek.store.garbage import Garbage
from openrek.store.items import ConditionFailed, Contended, Items, Key, Put
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
    compactor, garbage = Compactor(items, blobs), Garbage(items, blobs)
    found = StoredCollections(items).require("people")
    faces = StoredFaces(items, faces_per_commit=4)
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
        if chance.random() < 0.3:
            compactor.step("people", everything=chance.random() < 0.5)
            garbage.collect("people", everything=chance.random() < 0.5)


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


Answer = TypeVar("Answer")


def patiently(call: Callable[[], Answer]) -> Answer:
    """A client that does what a stock SDK does when it is throttled."""
    for _ in range(10):
        with suppress(Throttling):
            return call()
    raise AssertionError("throttled ten times")


if __name__ == "__main__":
    index_and_delete(Path(sys.argv[1]), int(sys.argv[2]), lambda line: print(line, flush=True))
