"""DeleteFaces: each chunk of ids is one commit; what the answer says is what was committed.

A call of more than one chunk keeps a plan record beside its chunks. A retry after a crash finds it, goes on, and
answers for both. The record goes with the last chunk.
"""

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from openrek.domain.collections import Collection
from openrek.domain.faces import FaceDeletion, FaceNotDeleted
from openrek.store.faces.duplicates import removals
from openrek.store.items.port import Delete, Item, Items, Key, Operation, Put
from openrek.store.log.commits import Change, Commits, in_pieces
from openrek.store.log.head import Head
from openrek.store.log.keys import face_key, plan_key
from openrek.store.log.visibility import PENDING, visible

FACES_PER_COMMIT: Final = 48
"""Head, log entry and plan, then a face and a duplicate record for each id: 99 operations at most."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The plan record of one call: which ids it has deleted so far."""

    key: Key
    id: bytes
    made_ms: int
    deleted: tuple[UUID, ...]

    def attributes(self) -> dict[str, Any]:
        ids = [face_id.bytes for face_id in self.deleted]
        return {"kind": "delete", "id": self.id, "state": PENDING, "made_ms": self.made_ms, "deleted": ids}


class Deletions:
    def __init__(
        self,
        items: Items,
        commits: Commits,
        *,
        faces_per_commit: int = FACES_PER_COMMIT,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._items = items
        self._faces_per_commit = min(faces_per_commit, FACES_PER_COMMIT)
        self._commits = commits
        self._clock = clock

    def delete(self, collection: Collection, face_ids: Sequence[UUID]) -> FaceDeletion:
        """`face_ids` without repeats. Raises ResourceNotFound when the collection is gone."""
        size = self._faces_per_commit
        chunks = [face_ids[start : start + size] for start in range(0, len(face_ids), size)]
        key = plan_key(collection.uid, f"delete/{_hash(face_ids)}") if len(chunks) > 1 else None
        deleted: set[UUID] = set()
        left: dict[UUID, FaceNotDeleted] = {}
        for position, chunk in enumerate(chunks):
            last = position == len(chunks) - 1
            with in_pieces() if position else nullcontext():
                outcome = self._commits.commit(collection, self._preparation(chunk, key, last=last))
            deleted.update(outcome.deleted)
            left.update((face.face_id, face) for face in outcome.left)
        return FaceDeletion(
            tuple(face_id for face_id in face_ids if face_id in deleted),
            tuple(left[face_id] for face_id in face_ids if face_id in left),
        )

    def _preparation(
        self, chunk: Sequence[UUID], key: Key | None, *, last: bool
    ) -> Callable[[Head], Change[FaceDeletion]]:
        """Deletes `chunk`; what the plan says was deleted, and is gone, is answered for once more."""

        def prepare(head: Head) -> Change[FaceDeletion]:
            progress = self._progress(head, key)
            done = set(progress.deleted) if progress else set()
            faces = self._faces(head, chunk)
            open_ids = [face_id for face_id in chunk if faces[face_id] or face_id not in done]  # an import brings back
            left = tuple(face for face in (_refusal(face_id, faces[face_id]) for face_id in open_ids) if face)
            kept = {face.face_id for face in left}
            gone = [face_id for face_id in open_ids if face_id not in kept]
            items = [item for face_id in gone if (item := faces[face_id])]
            writes = removals(items, lambda keys: self._commits.read_at(head, keys))
            if progress is not None:
                writes += _advance(progress, gone, last=last)
            answer = FaceDeletion(tuple(face_id for face_id in chunk if face_id not in kept), left)
            return Change(answer, deleted=gone, writes=writes, faces=-len(gone))

        return prepare

    def _progress(self, head: Head, key: Key | None) -> Progress | None:
        if key is None:
            return None
        item = self._commits.read_at(head, [key])[0]
        if item is None:
            return Progress(key, secrets.token_bytes(16), int(self._clock() * 1000), ())
        ids = tuple(UUID(bytes=face_id) for face_id in item.attributes["deleted"])
        return Progress(key, item.attributes["id"], item.attributes["made_ms"], ids)

    def _faces(self, head: Head, face_ids: Sequence[UUID]) -> dict[UUID, Item | None]:
        found = self._commits.read_at(head, [face_key(head.uid, face_id) for face_id in face_ids])
        return dict(zip(face_ids, visible(self._items, found), strict=True))


def _refusal(face_id: UUID, face: Item | None) -> FaceNotDeleted | None:
    if face is None:
        return FaceNotDeleted(face_id, "FACE_NOT_FOUND")
    owner = face.attributes.get("owner")
    return None if owner is None else FaceNotDeleted(face_id, "ASSOCIATED_TO_AN_EXISTING_USER", owner)


def _advance(progress: Progress, gone: Sequence[UUID], *, last: bool) -> list[Operation]:
    """A chunk that deletes nothing leaves nothing to remember."""
    if last:
        return [Delete(progress.key)] if progress.deleted else []
    deleted = tuple(dict.fromkeys((*progress.deleted, *gone)))
    return [Put(progress.key, replace(progress, deleted=deleted).attributes())] if gone else []


def _hash(face_ids: Sequence[UUID]) -> str:
    return hashlib.sha256(b"".join(sorted(face_id.bytes for face_id in face_ids))).hexdigest()
