"""Export: all faces and users of a collection as one archive, as they were at one moment.

Writers go on meanwhile. Faces and users that the log names during the scan are read again, until none changed while
they were read.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from openrek.domain.celebrities import Celebrity
from openrek.domain.clock import SYSTEM_CLOCK, Clock
from openrek.domain.errors import collection_not_found
from openrek.store.collections.tags import tags_in
from openrek.store.integrity.item_scan import FacePage, face_page, face_pages, touched, user_pages
from openrek.store.items.batches import batches
from openrek.store.items.port import Items, Key
from openrek.store.log.entries import LogGap
from openrek.store.log.head import Head, head_now
from openrek.store.log.keys import owned, tags_key, user_key
from openrek.store.log.visibility import visible
from openrek.store.segments.columns import Table, TextColumn, find, joined
from openrek.store.transfer.archive import Archive, format_of
from openrek.store.transfer.archived_celebrities import packed_celebrities
from openrek.store.users.memberships import stored_user

ATTEMPTS: Final = 5
ROUNDS: Final = 50
PAUSE_S: Final = 0.2
KEYS_PER_READ: Final = 90
NO_USERS: Final = np.zeros(0, "S1")


class NotExported(Exception):
    """The collection is damaged, or changed faster than it could be read; the text is one sentence."""


class ScannedCollection:
    """The faces and users that a scan read; faces of later pages replace earlier ones."""

    def __init__(self, dimensions: int) -> None:
        self.users: dict[str, Celebrity | None] = {}
        self._tables: list[Table] = [face_page((), dimensions).table]
        self._hashes: list[bytes] = []

    def add(self, page: FacePage) -> None:
        if page.bad:
            raise NotExported(f"The collection cannot be exported: {page.bad[0]}; `openrek verify` says more.")
        self._tables.append(page.table)
        self._hashes.append(b"".join(bytes.fromhex(picture[-64:]) for picture in page.pictures))

    def without(self, ids: Sequence[bytes]) -> None:
        """Remove the faces of these ids."""
        table, hashes = self.all()
        kept = np.ones(len(table), np.bool_)
        rows = find(table.ids, ids)
        kept[rows[rows >= 0]] = False
        self._tables, self._hashes = [table.take(np.flatnonzero(kept))], [hashes[kept].tobytes()]

    def all(self) -> tuple[Table, NDArray[np.uint8]]:
        """Return the rows in ascending order of their ids, and the SHA-256 of each one's picture, uint8 [n, 32]."""
        table = joined(self._tables)
        hashes = np.frombuffer(b"".join(self._hashes), np.uint8).reshape(len(table), 32)
        order = np.argsort(np.ascontiguousarray(table.ids).view("S16").reshape(-1), kind="stable")
        return table.take(order), hashes[order]


def export(
    items: Items,
    collection_id: str,
    *,
    on_progress: Callable[[int], object] = lambda _: None,
    clock: Clock = SYSTEM_CLOCK,
) -> Archive:
    """Return the collection as it is at one moment of the call.

    `on_progress` is called with the number of faces read so far. Raises ResourceNotFound or
    NotExported.
    """
    for _ in range(ATTEMPTS):
        head = head_now(items, collection_id)
        if head is None:
            raise collection_not_found(collection_id)
        try:
            return _archive(items, head, _scan(items, head, on_progress))
        except LogGap:
            clock.sleep(PAUSE_S)
    raise NotExported(
        f"The collection {collection_id} changed faster than it could be read; export it when it is quieter."
    )


def _scan(items: Items, head: Head, on_progress: Callable[[int], object]) -> ScannedCollection:
    dimensions = head.dimensions
    found = ScannedCollection(dimensions)
    count = 0
    for page in face_pages(items, head.uid, dimensions):
        found.add(page)
        count += len(page.table)
        on_progress(count)
    for users in user_pages(items, head.uid, dimensions):
        if users.bad:
            raise NotExported(f"The collection cannot be exported: {users.bad[0]}; `openrek verify` says more.")
        found.users.update({user.user_id: user.celebrity for user in users.users})
    seq = head.seq
    for _ in range(ROUNDS):
        now = head_now(items, head.collection_id)
        if now is None or now.uid != head.uid:
            raise collection_not_found(head.collection_id)
        if now.seq == seq:
            return found
        changed = touched(items, head.uid, after=seq, through=now.seq)
        seq = now.seq
        found.without(sorted(changed.faces))
        for page in _read_again(items, head, sorted(changed.faces), dimensions):
            found.add(page)
        found.users = {user: known for user, known in found.users.items() if user not in changed.users}
        found.users.update(_users_again(items, head, sorted(changed.users)))
    raise LogGap(seq)


def _read_again(items: Items, head: Head, ids: Sequence[bytes], dimensions: int) -> Iterator[FacePage]:
    partition = owned(head.uid, "face")
    for batch in batches(ids, KEYS_PER_READ):
        keys = [Key(partition, str(UUID(bytes=face_id))) for face_id in batch]
        yield face_page(visible(items, items.read(keys)), dimensions)


def _users_again(items: Items, head: Head, user_ids: Sequence[str]) -> dict[str, Celebrity | None]:
    """Return those of the users that exist, each with what is known of a celebrity."""
    found: dict[str, Celebrity | None] = {}
    for batch in batches(user_ids, KEYS_PER_READ):
        keys = [user_key(head.uid, user_id) for user_id in batch]
        users = [stored_user(item) for item in items.read(keys) if item is not None]
        found.update({user.user_id: user.celebrity for user in users})
    return found


def _archive(items: Items, head: Head, found: ScannedCollection) -> Archive:
    table, hashes = found.all()
    tags = dict(sorted(tags_in(items.get(tags_key(head.uid))).items()))
    celebrities = {user: known for user, known in sorted(found.users.items()) if known is not None}
    return Archive(
        format_version=np.array(format_of(celebrities), "<i8"),
        collection_id=np.array(head.collection_id.encode()),
        face_model_version=np.array(head.model.encode()),
        face_ids=_uuids(table.ids),
        image_ids=_uuids(table.images),
        external_image_ids=_texts(table.external),
        boxes=np.ascontiguousarray(table.geometry[:, :4]),
        confidences=np.ascontiguousarray(table.geometry[:, 4]),
        vectors=table.vectors,
        scales=table.scales,
        user_ids=_texts(table.owners),
        image_sha256=hashes,
        users=np.array(sorted(user.encode() for user in found.users), np.bytes_) if found.users else NO_USERS,
        tag_keys=np.array(list(tags.keys()), np.str_),
        tag_values=np.array(list(tags.values()), np.str_),
        celebrities=packed_celebrities(celebrities),
    )


def _uuids(ids: NDArray[np.uint8]) -> NDArray[np.bytes_]:
    """Return uint8 [n, 16] in the usual spelling, S36 [n]."""
    digits = np.frombuffer(ids.tobytes().hex().encode(), "S1").reshape(-1, 32)
    spelled = np.full((len(ids), 36), b"-", "S1")
    spelled[:, [place for place in range(36) if place not in (8, 13, 18, 23)]] = digits
    return spelled.view("S36").reshape(-1)


def _texts(column: TextColumn) -> NDArray[np.bytes_]:
    values = [(column[row] or "").encode() for row in range(len(column.offsets) - 1)]
    return np.array(values, np.bytes_) if any(values) else np.zeros(len(values), "S1")
