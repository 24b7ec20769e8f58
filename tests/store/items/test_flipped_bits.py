"""A flipped bit anywhere in the database is a clear error or changes nothing; it never changes an answer.

OPENREK_STORE_EXAMPLES sets how many bits are flipped, one at a time.
"""

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from openrek.store.blobs.folder import FolderBlobs
from openrek.store.items.port import DamagedItem, Key
from openrek.store.items.sqlite import SqliteItems
from openrek.store.items.sqlite_opening import UnusableStore
from tests.store.earlier.make import fill
from tests.store.synthetic import open_items

FLIPS = int(os.environ.get("OPENREK_STORE_EXAMPLES", "300"))
Answers = dict[str, Any]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with two collections, closed cleanly."""
    folder = tmp_path_factory.mktemp("whole")
    items = open_items(folder)
    fill(items, FolderBlobs(folder / "blobs"))
    items.close()
    return folder


def keys_of(folder: Path) -> list[Key]:
    items = open_items(folder)
    keys = [Key(*row) for row in items._connection().execute("SELECT partition, sort FROM items")]
    items.close()
    return keys


def reads(items: SqliteItems, keys: list[Key]) -> Iterator[tuple[str, Callable[[], object]]]:
    """Every item by itself, every partition, and what is not there."""
    for key in keys:
        yield f"get {key}", lambda key=key: items.get(key)
        yield f"get beside {key}", lambda key=key: items.get(Key(key.partition, key.sort + "0"))
    for start in range(0, len(keys), 20):
        yield f"read from {start}", lambda start=start: items.read(keys[start : start + 20])
    for partition in sorted({key.partition for key in keys}):
        yield f"query {partition}", lambda partition=partition: items.query(partition)


def asked(folder: Path, keys: list[Key]) -> Answers:
    """Each answer, or DAMAGED. Raises what is not a clear error."""
    try:
        items = open_items(folder)
    except UnusableStore:
        return {}
    answers: Answers = {}
    for name, read in reads(items, keys):
        with suppress(DamagedItem):
            answers[name] = read()
    items.close()
    return answers


def flipped(content: bytes, place: int) -> bytes:
    changed = bytearray(content)
    changed[place // 8] ^= 1 << place % 8
    return bytes(changed)


def seen(path: Path) -> bool:
    """Whether a check of the file finds anything."""
    try:
        items = SqliteItems(path, read_only=True)
    except UnusableStore:
        return True
    faults = items.faults()
    items.close()
    return bool(faults)


def outcomes(whole: Path, folder: Path, places: list[int]) -> Counter[str]:
    """What became of the answers with each of these bits flipped, one at a time."""
    keys, content = keys_of(whole), (whole / "items.sqlite3").read_bytes()
    right = asked(whole, keys)
    found: Counter[str] = Counter()
    for place in places:
        for path in folder.iterdir():
            path.unlink()
        (folder / "items.sqlite3").write_bytes(flipped(content, place))
        found["unseen"] += not seen(folder / "items.sqlite3")
        answers = asked(folder, keys)
        wrong = [name for name, answer in answers.items() if answer != right[name]]
        told = wrong or len(answers) < len(right)
        found["wrong" if wrong else "told" if told else "right"] += 1
        if wrong:
            print(f"bit {place} of byte {place // 8}: {wrong[:3]}")
    return found


def test_no_answer_is_wrong(whole: Path, tmp_path: Path) -> None:
    bits = 8 * (whole / "items.sqlite3").stat().st_size
    chance = random.Random(20)

    found = outcomes(whole, tmp_path, [chance.randrange(bits) for _ in range(FLIPS)])

    assert found["wrong"] == found["unseen"] == 0, found
    assert found["told"] > FLIPS // 4


def test_the_header_is_not_believed_blindly(whole: Path, tmp_path: Path) -> None:
    """Every bit of the file's first 100 bytes: its page size, its format, whether there are checksums."""
    found = outcomes(whole, tmp_path, list(range(800)))

    assert found["wrong"] == found["unseen"] == 0, found
