"""DeleteFaces: each chunk of ids is one commit, and the result lists exactly what was committed.

A call of more than one chunk stores a plan of its progress. A retry after a crash finds it, goes on, and returns what
both deleted. The last chunk deletes the plan.
"""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from openrek.domain.clock import Clock
from openrek.domain.collections import Collection
from openrek.domain.faces import FaceDeletion, FaceNotDeleted
from openrek.store.faces.duplicates import removals
from openrek.store.items.batches import batches
from openrek.store.items.port import Delete, Item, Items, Key, Put, Write
from openrek.store.log.commits import Change, Commits, in_pieces
from openrek.store.log.head import Head
from openrek.store.log.keys import face_key, plan_key
from openrek.store.log.visibility import PENDING, visible

FACES_PER_COMMIT: Final = 48
"""Head, log entry and plan, then a face and a duplicate record for each id: 99 writes at most."""


@dataclass(frozen=True, slots=True)
class DeletionProgress:
    """The plan of one call: the ids that it has deleted so far."""

    key: Key
    id: bytes
    made_ms: int
    deleted: tuple[UUID, ...]

    def attributes(self) -> dict[str, Any]:
        ids = [face_id.bytes for face_id in self.deleted]
        return {"kind": "delete", "id": self.id, "state": PENDING, "made_ms": self.made_ms, "deleted": ids}


class Deletions:
    """The deletion of faces, at most `faces_per_commit` in one commit."""

    def __init__(
        self,
        items: Items,
        commits: Commits,
        *,
        faces_per_commit: int = FACES_PER_COMMIT,
        clock: Clock,
    ) -> None:
        self._items = items
        self._faces_per_commit = min(faces_per_commit, FACES_PER_COMMIT)
        self._commits = commits
        self._clock = clock

    def delete(self, collection: Collection, face_ids: Sequence[UUID]) -> FaceDeletion:
        """Delete faces; `face_ids` has no repeats. Raises ResourceNotFound when the collection is gone."""
        size = self._faces_per_commit
        chunks = list(batches(face_ids, size))
        key = plan_key(collection.uid, f"delete/{_hash(face_ids)}") if len(chunks) > 1 else None
        deleted: set[UUID] = set()
        skipped: dict[UUID, FaceNotDeleted] = {}
        for position, chunk in enumerate(chunks):
            last = position == len(chunks) - 1
            with in_pieces() if position else nullcontext():
                outcome = self._commits.commit(collection, self._preparation(chunk, key, last=last))
            deleted.update(outcome.deleted)
            skipped.update((face.face_id, face) for face in outcome.skipped)
        return FaceDeletion(
            tuple(face_id for face_id in face_ids if face_id in deleted),
            tuple(skipped[face_id] for face_id in face_ids if face_id in skipped),
        )

    def _preparation(
        self, chunk: Sequence[UUID], key: Key | None, *, last: bool
    ) -> Callable[[Head], Change[FaceDeletion]]:
        """Return a function that prepares the deletion of `chunk`.

        Ids that an earlier attempt deleted count as deleted.
        """

        def prepare(head: Head) -> Change[FaceDeletion]:
            progress = self._progress(head, key)
            done = set(progress.deleted) if progress else set()
            faces = self._faces(head, chunk)
            open_ids = [face_id for face_id in chunk if faces[face_id] or face_id not in done]  # an import brings back
            skipped = tuple(face for face in (_refusal(face_id, faces[face_id]) for face_id in open_ids) if face)
            kept = {face.face_id for face in skipped}
            gone = [face_id for face_id in open_ids if face_id not in kept]
            items = [item for face_id in gone if (item := faces[face_id])]
            writes = removals(items, lambda keys: self._commits.read_at(head, keys))
            if progress is not None:
                writes += _advance(progress, gone, last=last)
            result = FaceDeletion(tuple(face_id for face_id in chunk if face_id not in kept), skipped)
            return Change(result, deleted=gone, writes=writes, faces=-len(gone))

        return prepare

    def _progress(self, head: Head, key: Key | None) -> DeletionProgress | None:
        if key is None:
            return None
        item = self._commits.read_at(head, [key])[0]
        if item is None:
            return DeletionProgress(key, secrets.token_bytes(16), int(self._clock.now_s() * 1000), ())
        ids = tuple(UUID(bytes=face_id) for face_id in item.attributes["deleted"])
        return DeletionProgress(key, item.attributes["id"], item.attributes["made_ms"], ids)

    def _faces(self, head: Head, face_ids: Sequence[UUID]) -> dict[UUID, Item | None]:
        found = self._commits.read_at(head, [face_key(head.uid, face_id) for face_id in face_ids])
        return dict(zip(face_ids, visible(self._items, found), strict=True))


def _refusal(face_id: UUID, face: Item | None) -> FaceNotDeleted | None:
    if face is None:
        return FaceNotDeleted(face_id, "FACE_NOT_FOUND")
    owner = face.attributes.get("owner")
    return None if owner is None else FaceNotDeleted(face_id, "ASSOCIATED_TO_AN_EXISTING_USER", owner)


def _advance(progress: DeletionProgress, gone: Sequence[UUID], *, last: bool) -> list[Write]:
    """Return the write of the plan; none if the chunk deleted nothing."""
    if last:
        return [Delete(progress.key)] if progress.deleted else []
    deleted = tuple(dict.fromkeys((*progress.deleted, *gone)))
    return [Put(progress.key, replace(progress, deleted=deleted).attributes())] if gone else []


def _hash(face_ids: Sequence[UUID]) -> str:
    return hashlib.sha256(b"".join(sorted(face_id.bytes for face_id in face_ids))).hexdigest()
