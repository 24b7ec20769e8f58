"""Import: the faces of an archive through the same commits as IndexFaces, with the FaceIds that they had; then its
users, through the same as CreateUser and AssociateFaces.

It can be interrupted anywhere: started again it skips the faces that the collection has. A face that it has with
another content or another user is refused before anything is written.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import numpy as np

from openrek.domain.clock import SYSTEM_CLOCK, Clock
from openrek.domain.collections import Collection
from openrek.domain.errors import ResourceAlreadyExists, ResourceNotFound, ServiceQuotaExceeded
from openrek.domain.faces import BoundingBox, Face, Picture
from openrek.domain.models import face_model
from openrek.store.collections.collections import StoredCollections
from openrek.store.faces.duplicates import duplicate_record
from openrek.store.faces.faces import MAX_FACES
from openrek.store.items.port import ABSENT, Item, Items, Put, Write
from openrek.store.log.commits import Change, Commits
from openrek.store.log.head import Head, require_head
from openrek.store.log.keys import duplicate_key, face_key
from openrek.store.log.rows import FaceRow
from openrek.store.log.visibility import visible
from openrek.store.transfer.archive import MAX_FACES_PER_PICTURE, Archive, BadArchive
from openrek.store.transfer.import_users import compare_users, import_users
from openrek.store.users.memberships import owner_of
from openrek.store.users.users import MAX_USERS

FACES_PER_COMMIT: Final = 90
WRITES_PER_COMMIT: Final = 97
"""Faces and pictures' records; the head and the log entry, and the head among 100 keys of a snapshot, take the rest."""

MARKS: Final = ("seq", "plan", "plan_id", "owner", "claim")
"""Attributes of a face item about the time of its write and its owner, which an import does not compare."""


@dataclass(frozen=True, slots=True)
class Imported:
    """The result of an import. `made`: the collection was missing."""

    added: int
    present: int
    made: bool


@dataclass(frozen=True, slots=True)
class ArchivedFace:
    """One face of an archive, as it is before it has a user; the picture that it came from, and its user."""

    row: FaceRow
    picture: Picture
    user_id: str | None


def import_archive(
    items: Items,
    archive: Archive,
    collection_id: str,
    *,
    max_faces: int = MAX_FACES,
    max_users: int = MAX_USERS,
    on_progress: Callable[[int], object] = lambda _: None,
    clock: Clock = SYSTEM_CLOCK,
) -> Imported:
    """Add the archive's faces and users to the collection, which is made with the archive's tags when it is missing.

    `on_progress` is called with how many faces are there so far. Raises BadArchive with nothing written when
    the archive does not suit the collection; any Refusal that a commit may end in.
    """
    order = _by_picture(archive)
    collections = StoredCollections(items, clock=clock)
    collection = _existing(collections, collection_id)
    if collection is not None and collection.model_version != archive.model_version:
        raise BadArchive(
            f"The collection {collection_id} uses face model {collection.model_version}, "
            f"the file {archive.model_version}."
        )
    present = _compare(items, archive, order, collection)
    if (collection.face_count if collection else 0) + len(archive) - present > max_faces:
        raise BadArchive(f"The collection would have more than the {max_faces} faces that it may hold.")
    compare_users(items, archive, collection, max_users)
    made = collection is None
    if collection is None:
        collection = _make(collections, collection_id, archive)
    commits = Commits(items, clock=clock)
    added = done = 0
    for chunk in _chunks(archive, order):
        added += commits.commit(collection, _preparation(items, commits, chunk, max_faces))
        done += len(chunk)
        on_progress(done)
    import_users(items, commits, archive, collection, clock=clock)
    return Imported(added, len(archive) - added, made)


def _by_picture(archive: Archive) -> list[int]:
    """Return the rows in an order that keeps the faces of a picture together."""
    hashes = np.ascontiguousarray(archive.image_sha256).view("S32").reshape(-1)
    order = np.lexsort((archive.face_ids, archive.external_image_ids, hashes))
    same = (hashes[order][1:] == hashes[order][:-1]) & (
        archive.external_image_ids[order][1:] == archive.external_image_ids[order][:-1]
    )
    starts = np.flatnonzero(np.concatenate([[True], ~same])) if len(order) else np.zeros(1, np.intp)
    if np.diff(np.append(starts, len(order))).max() > MAX_FACES_PER_PICTURE:
        raise BadArchive(f"A picture has more than {MAX_FACES_PER_PICTURE} faces.")
    return [int(row) for row in order]


def _existing(collections: StoredCollections, collection_id: str) -> Collection | None:
    try:
        return collections.require(collection_id)
    except ResourceNotFound:
        return None


def _make(collections: StoredCollections, collection_id: str, archive: Archive) -> Collection:
    try:
        return collections.create(collection_id, face_model(archive.model_version), archive.tags)
    except ResourceAlreadyExists:
        raise BadArchive(f"The collection {collection_id} was made by somebody else just now; try again.") from None


def _compare(items: Items, archive: Archive, order: Sequence[int], collection: Collection | None) -> int:
    """Return the number of faces that the collection has already.

    Raises BadArchive for one that it has with another content.
    """
    present = 0
    for chunk in _chunks(archive, order):
        if collection is not None:
            head = require_head(items, collection)
            stored = items.read([face_key(head.uid, entry.row.face.face_id) for entry in chunk])
            present += len(chunk) - len(_missing(items, head, chunk, stored))
    return present


def _chunks(archive: Archive, order: Sequence[int]) -> Iterator[list[ArchivedFace]]:
    """Yield as many faces as go into one commit with the records of their pictures."""
    chunk: list[ArchivedFace] = []
    pictures: set[Picture] = set()
    for row in order:
        entry = _archived_face(archive, row)
        if len(chunk) == FACES_PER_COMMIT or len(chunk) + len(pictures | {entry.picture}) >= WRITES_PER_COMMIT:
            yield chunk
            chunk, pictures = [], set()
        chunk.append(entry)
        pictures.add(entry.picture)
    if chunk:
        yield chunk


def _archived_face(archive: Archive, row: int) -> ArchivedFace:
    external = archive.external_image_ids[row].decode() or None
    picture = Picture(archive.image_sha256[row].tobytes(), external)
    face_id = UUID(archive.face_ids[row].decode())
    if str(picture.image_id).encode() != archive.image_ids[row]:
        raise BadArchive(f"The image id of face {face_id} is not that of its picture.")
    left, top, width, height = archive.boxes[row].tolist()
    box = BoundingBox(left, top, width, height)
    face = Face(face_id, picture.image_id, external, box, float(archive.confidences[row]))
    user_id = archive.user_ids[row].decode() or None
    return ArchivedFace(FaceRow(face, archive.vectors[row].tobytes(), float(archive.scales[row])), picture, user_id)


def _missing(
    items: Items, head: Head, chunk: Sequence[ArchivedFace], stored: Sequence[Item | None]
) -> list[ArchivedFace]:
    """Return the faces that are not stored.

    Raises BadArchive for one that is stored with another content, or hidden.
    """
    missing: list[ArchivedFace] = []
    for entry, item, seen in zip(chunk, stored, visible(items, stored), strict=True):
        if item is None:
            missing.append(entry)
            continue
        expected = {**entry.row.attributes(), "picture": duplicate_key(head.uid, entry.picture).sort}
        found = {} if seen is None else {name: seen.attributes[name] for name in seen.attributes if name not in MARKS}
        if seen is None or found != expected:
            raise BadArchive(f"The collection holds another face with the id {entry.row.face.face_id}.")
        if owner_of(seen) not in (None, entry.user_id):
            raise BadArchive(f"In the collection the face {entry.row.face.face_id} belongs to another user.")
    return missing


def _preparation(
    items: Items, commits: Commits, chunk: Sequence[ArchivedFace], max_faces: int
) -> Callable[[Head], Change[int]]:
    """Return the preparation of a commit that adds the missing faces of `chunk`; its result is their number."""

    def prepare(head: Head) -> Change[int]:
        pictures = {entry.picture: duplicate_key(head.uid, entry.picture) for entry in chunk}
        faces = [face_key(head.uid, entry.row.face.face_id) for entry in chunk]
        found = commits.read_at(head, [*faces, *pictures.values()])
        missing = _missing(items, head, chunk, found[: len(chunk)])
        if missing and head.faces + len(missing) > max_faces:
            raise ServiceQuotaExceeded(reason=f"A collection holds at most {max_faces} faces.")
        writes: list[Write] = []
        for (picture, key), record in zip(pictures.items(), found[len(chunk) :], strict=True):
            rows = [entry.row for entry in missing if entry.picture == picture]
            marks = {"seq": head.seq + 1, "picture": key.sort}
            writes += [
                Put(face_key(head.uid, row.face.face_id), {**row.attributes(), **marks}, expect=ABSENT) for row in rows
            ]
            if rows:
                writes.append(duplicate_record(key, record).with_faces([row.face for row in rows]))
        added = [entry.row for entry in missing]
        return Change(len(added), added, writes=writes, faces=len(added))

    return prepare
