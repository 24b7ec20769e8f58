"""All visible faces of a collection, page by page, as columns: what verify, rebuild and export read items with.

Writers go on meanwhile. A face that no log entry named between the head before a scan and the head after it was the
same all the while; `touched` names the others.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from openrek.store.folding import table_of
from openrek.store.heads import Head, head_of
from openrek.store.items import Item, Items
from openrek.store.log import entries
from openrek.store.rows import GEOMETRY, SCALE
from openrek.store.table import head_key, owned
from openrek.store.tables import Table
from openrek.store.visibility import committed_seq, visible

ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class FacePage:
    """Visible faces in ascending order of their ids: a row of `table` and a picture (sort key of its duplicate record)
    each. `bad` tells of items that are no faces; they are in neither."""

    table: Table
    pictures: tuple[str, ...]
    bad: tuple[str, ...]


def face_pages(items: Items, uid: UUID, dimensions: int) -> Iterator[FacePage]:
    for rows in item_pages(items, owned(uid, "face")):
        yield face_page(visible(items, rows), dimensions)


def face_page(faces: Sequence[Item | None], dimensions: int) -> FacePage:
    """The page of these visible faces; None is passed over."""
    found = [face for face in faces if face is not None]
    bad = {face.key: why for face in found if (why := fault_of(face, dimensions))}
    sound = [face for face in found if face.key not in bad]
    table = table_of([(committed_seq(face), face.attributes) for face in sound], dimensions)
    return FacePage(table, tuple(face.attributes["picture"] for face in sound), tuple(bad.values()))


def item_pages(items: Items, partition: str) -> Iterator[tuple[Item, ...]]:
    """Every item of a partition, in order."""
    cursor = ""
    while True:
        page = items.query(partition, after=cursor)
        yield page.rows
        if not page.more:
            return
        cursor = page.rows[-1].key.sort


def touched(items: Items, uid: UUID, *, after: int, through: int) -> set[bytes]:
    """The ids that entries after+1 .. through name. Raises LogGap when one of them is compacted away."""
    named: set[bytes] = set()
    for page in entries(items, uid, after=after, through=through):
        for entry in page:
            named.update(row["id"] for row in entry.rows)
            named.update(entry.deleted)
    return named


def head_now(items: Items, collection_id: str) -> Head | None:
    return head_of(collection_id, items.get(head_key(collection_id)))


def fault_of(face: Item, dimensions: int) -> str | None:
    """What keeps a face item from being a row: the names of its attributes that are missing or make no sense."""
    at = face.attributes
    wrong = [name for name, size in _sizes(dimensions) if not _is_bytes(at.get(name), size)]
    wrong += [name for name in ("external", "owner") if not isinstance(at.get(name, ""), str)]
    wrong += [] if isinstance(at.get("seq"), int) and at["seq"] > 0 else ["seq"]
    wrong += [] if isinstance(at.get("picture"), str) else ["picture"]
    if not wrong:
        wrong += [] if str(UUID(bytes=at["id"])) == face.key.sort else ["id"]
        wrong += [] if at["picture"][64:] == "/" + at.get("external", "") else ["picture"]
        wrong += [] if all(map(math.isfinite, GEOMETRY.unpack(at["geometry"]))) else ["geometry"]
        wrong += [] if 0.0 < SCALE.unpack(at["scale"])[0] < math.inf else ["scale"]
    return f"the face item {face.key.sort} has a bad {', '.join(wrong)}" if wrong else None


def _sizes(dimensions: int) -> list[tuple[str, int]]:
    return [
        ("id", ID_BYTES),
        ("image", ID_BYTES),
        ("geometry", GEOMETRY.size),
        ("scale", SCALE.size),
        ("vector", dimensions),
    ]


def _is_bytes(value: object, size: int) -> bool:
    return isinstance(value, bytes) and len(value) == size
