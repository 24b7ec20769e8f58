"""Repair of the records of pictures and of a collection's lines, from its face items and its head.

A record names exactly the visible faces of its picture, as they are stored. Every write has the condition that nothing
was written to the collection since its head was read.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from openrek.domain.clock import Clock
from openrek.store.faces.duplicates import DuplicateRecord, duplicate_record, picture_of
from openrek.store.items.batches import batches
from openrek.store.items.port import Check, Item, Items, Key, Put, Write
from openrek.store.items.retries import Sent, send
from openrek.store.log.commits import Moved
from openrek.store.log.head import Head
from openrek.store.log.keys import face_key, owned
from openrek.store.log.pages import item_pages
from openrek.store.log.rows import face_of
from openrek.store.log.visibility import visible

KEYS_PER_READ: Final = 90


def mend(items: Items, head: Head, *, clock: Clock) -> None:
    """Repair the records and lines.

    Can be killed at any step and repeated. Raises Moved if the collection changed since `head`.
    """

    def write(operations: Sequence[Write]) -> None:
        if operations and send(items, [Check(head.key, head.unmoved), *operations], clock=clock) is not Sent.WRITTEN:
            raise Moved

    keys = list(head.lines)
    lines = [None if item is None else dict(item.attributes) for item in items.read(keys)]
    write([Put(key, head.lines[key]) for key, line in zip(keys, lines, strict=True) if line != head.lines[key]])
    for rows in item_pages(items, owned(head.uid, "duplicate")):
        for record in rows:
            write(_corrected(items, head.uid, record))
    for rows in item_pages(items, owned(head.uid, "face")):
        by_picture: dict[Key, list[Item]] = {}
        for face in visible(items, rows):
            if face is not None:
                by_picture.setdefault(picture_of(face), []).append(face)
        pictures = list(by_picture)
        for batch in batches(pictures, KEYS_PER_READ):
            write(_completed(items, {key: by_picture[key] for key in batch}))


def _corrected(items: Items, uid: UUID, record: Item) -> list[Write]:
    """Return the write that reduces a record to those of its faces that exist and are of its picture; none if it is
    right.
    """
    ids = list(dict.fromkeys(known.face_id for known in duplicate_record(record.key, record).known))
    faces: list[Item] = []
    for batch in batches(ids, KEYS_PER_READ):
        found = items.read([face_key(uid, face_id) for face_id in batch])
        faces += [face for face in visible(items, found) if face and face.attributes["picture"] == record.key.sort]
    written = DuplicateRecord(record.key, ()).with_faces([face_of(face.attributes) for face in faces])
    unchanged = isinstance(written, Put) and dict(written.attributes) == dict(record.attributes)
    return [] if unchanged else [written]


def _completed(items: Items, by_picture: dict[Key, list[Item]]) -> list[Write]:
    """Return the writes that add to the records those of these faces that they do not name."""
    writes: list[Write] = []
    for (key, faces), item in zip(by_picture.items(), items.read(list(by_picture)), strict=True):
        record = duplicate_record(key, item)
        named = {known.face_id for known in record.known}
        missing = [face_of(face.attributes) for face in faces if face_of(face.attributes).face_id not in named]
        writes += [record.with_faces(missing)] if missing else []
    return writes
