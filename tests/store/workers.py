"""What the other processes of these tests do. Started with spawn, so everything here is importable and small."""

import itertools
from pathlib import Path

from openrek.store.blobs import BlobExists
from openrek.store.folder_blobs import FolderBlobs
from openrek.store.items import ConditionFailed, Contended, Items, Key, Put
from tests.store.synthetic import open_items


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
