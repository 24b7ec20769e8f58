"""Faces: added, listed and deleted. Each change is an entry of the collection's log."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid4

from openrek.domain.clock import SYSTEM_CLOCK, Clock
from openrek.domain.collections import Collection
from openrek.domain.errors import Refusal, ServiceQuotaExceeded, Throttling
from openrek.domain.faces import DetectedFace, Embedding, Face, FaceDeletion, Picture
from openrek.domain.models import face_model
from openrek.domain.ports import Page
from openrek.store.faces.deletions import Deletions
from openrek.store.faces.duplicates import DuplicateRecord, duplicate_record
from openrek.store.faces.staged_writes import StagedWrite, StagedWriteLost, StagedWrites, staged_write_of
from openrek.store.items.batches import batches
from openrek.store.items.port import ABSENT, MAX_WRITES, Item, Items, Put, Write
from openrek.store.log.commits import OWN_WRITES, TOO_MANY_WRITERS, Change, Commits, Moved
from openrek.store.log.head import Head, require_head, same_collection
from openrek.store.log.keys import duplicate_key, face_key, owned, user_key
from openrek.store.log.pages import settled_page
from openrek.store.log.quantisation import quantise
from openrek.store.log.rows import FaceRow, face_of
from openrek.store.log.visibility import ABANDONED, DONE, PENDING, committed_seq, visible
from openrek.store.users.memberships import Memberships, stored_user

MAX_FACES: Final = 5_000_000
"""As many as one function opens in 20 s and holds in memory at 128 dimensions."""

FACES_PER_COMMIT: Final = MAX_WRITES - OWN_WRITES - 1
"""The head, the log entry and the duplicate record take the rest."""

FACES_PER_SNAPSHOT: Final = 90
USER_ATTEMPTS: Final = 3
STAGING_ATTEMPTS: Final = 8


@dataclass(frozen=True, slots=True)
class StagedWork:
    """Faces that do not fit one transaction: `missing` are to be added to `record` under `plan`."""

    plan: StagedWrite
    record: DuplicateRecord
    missing: Sequence[DetectedFace]


class StoredFaces:
    """The faces of the collections of a store."""

    def __init__(
        self,
        items: Items,
        *,
        max_faces: int = MAX_FACES,
        faces_per_commit: int = FACES_PER_COMMIT,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._items = items
        self._max_faces = max_faces
        self._faces_per_commit = faces_per_commit
        self._commits = Commits(items, clock=clock)
        self._memberships = Memberships(items, self._commits)
        self._staged_writes = StagedWrites(items, clock=clock)
        self._deletions = Deletions(items, self._commits, faces_per_commit=faces_per_commit, clock=clock)

    def index(
        self,
        collection: Collection,
        picture: Picture,
        found: Sequence[DetectedFace],
        embed: Callable[[DetectedFace], Embedding],
    ) -> Sequence[Face]:
        key = duplicate_key(collection.uid, picture)
        draft = Draft(picture, found, embed, face_model(collection.model_version).dimensions)
        for _ in range(STAGING_ATTEMPTS):
            draft.embed_missing(duplicate_record(key, self._items.get(key)))  # the slow part, while no lock is held
            with suppress(StagedWriteLost):
                outcome = self._commits.commit(collection, lambda head: self._prepare(head, draft))
                return self._index_by_plan(collection, draft, outcome) if isinstance(outcome, StagedWork) else outcome
        raise Throttling(reason=TOO_MANY_WRITERS)

    def page(self, collection: Collection, after: UUID | None, limit: int) -> Page[Face]:
        return settled_page(self._items, collection, lambda newest: self._gather(collection, after, limit, newest))

    def named(self, collection: Collection, face_ids: Sequence[UUID]) -> Sequence[Face]:
        keys = sorted({face_key(collection.uid, face_id) for face_id in face_ids})
        head_key = require_head(self._items, collection).key
        faces: list[Face] = []
        for batch in batches(keys, FACES_PER_SNAPSHOT):
            head, *found = self._items.read([head_key, *batch])
            same_collection(collection, head)
            faces += [face_of(item.attributes) for item in visible(self._items, found) if item is not None]
        return faces

    def of_user(self, collection: Collection, user_id: str) -> Sequence[Face]:
        for _ in range(USER_ATTEMPTS):
            head = require_head(self._items, collection)
            with suppress(Moved):
                user = self._memberships.user(head, user_id)
                if user is None:
                    return ()
                found = self._memberships.faces(head, user.members)
                self._commits.read_at(head, ())
                return [face_of(item.attributes) for item in self._memberships.items(user.members, found)]
        # Writers never pause: return each face as it is when it is read.
        item = self._items.get(user_key(collection.uid, user_id))
        members = () if item is None else stored_user(item).members
        return [face for face in self.named(collection, members) if face.user_id == user_id]

    def delete(self, collection: Collection, face_ids: Sequence[UUID]) -> FaceDeletion:
        return self._deletions.delete(collection, list(dict.fromkeys(face_ids)))

    def _prepare(self, head: Head, draft: "Draft") -> Change[Sequence[Face] | StagedWork]:
        key = duplicate_key(head.uid, draft.picture)
        record = duplicate_record(key, self._commits.read_at(head, [key])[0])
        missing = draft.missing(record)
        self._check_quota(head, len(missing))
        if len(missing) > self._faces_per_commit:
            return self._prepare_plan(head, record, missing)
        if not missing:
            return Change(draft.result(record, ()))
        if not draft.embedded(missing):
            raise StagedWriteLost
        rows = draft.rows(missing, [draft.fresh_id(face) for face in missing])
        marks = {"seq": head.seq + 1, "picture": key.sort}
        writes: list[Write] = [
            Put(face_key(head.uid, row.face.face_id), {**row.attributes(), **marks}, expect=ABSENT) for row in rows
        ]
        added = [row.face for row in rows]
        writes.append(record.with_faces(added))
        return Change(draft.result(record, added), rows, writes=writes, faces=len(rows))

    def _prepare_plan(
        self, head: Head, record: DuplicateRecord, missing: Sequence[DetectedFace]
    ) -> Change[Sequence[Face] | StagedWork]:
        """Begin a plan, or resume the pending one of an earlier call for the same work.

        It begins with a commit of its own, so that the store cannot carry out the write a second time later, when the
        plan is finished.
        """
        fresh = self._staged_writes.new(head.uid, record, missing)
        stored = self._commits.read_at(head, [fresh.key])[0]
        if stored is None:
            begin = Put(fresh.key, fresh.attributes(), expect=ABSENT)
            return Change(StagedWork(fresh, record, missing), writes=[begin])
        plan = staged_write_of(stored)
        if plan.state != PENDING:
            self._staged_writes.clear(plan)
            raise StagedWriteLost
        return Change(StagedWork(plan, record, missing))

    def _index_by_plan(self, collection: Collection, draft: "Draft", work: StagedWork) -> Sequence[Face]:
        plan = work.plan
        drafted = draft.rows(work.missing, plan.face_ids)
        rows = self._staged_writes.stage(collection, plan, drafted, work.record.key.sort)
        added = [row.face for row in rows]

        def finish(head: Head) -> Change[Sequence[Face]]:
            stored, known = self._commits.read_at(head, [plan.key, work.record.key])
            now = staged_write_of(stored) if stored is not None else None
            record = duplicate_record(work.record.key, known)
            if now is None or now.id != plan.id or now.state == ABANDONED:
                raise StagedWriteLost
            if now.state == DONE:
                return Change(draft.result(work.record, added))
            if record.fingerprint() != plan.base:
                self._staged_writes.clear(plan)
                raise StagedWriteLost
            try:
                self._check_quota(head, len(rows))
            except ServiceQuotaExceeded:
                self._staged_writes.clear(plan)  # or its invisible faces would stay until a sweep
                raise
            writes = [plan.done(head.seq + 1), record.with_faces(added)]
            return Change(draft.result(record, added), rows, writes=writes, faces=len(rows))

        result = self._commits.commit(collection, finish)
        with suppress(Refusal):  # otherwise the orphan sweep settles it
            self._staged_writes.settle(plan)
        return result

    def _check_quota(self, head: Head, added: int) -> None:
        if added and head.faces + added > self._max_faces:
            raise ServiceQuotaExceeded(
                f"The collection holds {head.faces} faces; {added} more would exceed the limit of {self._max_faces}.",
                reason=f"A collection holds at most {self._max_faces} faces.",
            )

    def _gather(self, collection: Collection, after: UUID | None, limit: int, newest: int | None) -> Page[Face]:
        """Return a page of up to `limit` visible faces, without those added after the change `newest`."""
        partition = owned(collection.uid, "face")
        cursor = "" if after is None else str(after)
        kept: list[Item] = []
        while True:
            page = self._items.query(partition, after=cursor, limit=limit - len(kept))
            seen = [item for item in visible(self._items, page.rows) if item is not None]
            kept += [item for item in seen if newest is None or committed_seq(item) <= newest]
            if not page.more or len(kept) >= limit:
                return Page(tuple(face_of(item.attributes) for item in kept), page.more)
            cursor = page.rows[-1].key.sort


class Draft:
    """The state of one IndexFaces call across its attempts: embeddings are computed once, ids are chosen once."""

    def __init__(
        self,
        picture: Picture,
        found: Sequence[DetectedFace],
        embed: Callable[[DetectedFace], Embedding],
        dimensions: int,
    ) -> None:
        self.picture = picture
        self._found = found
        self._embed = embed
        self._dimensions = dimensions
        self._vectors: dict[DetectedFace, tuple[bytes, float]] = {}
        self._ids: dict[DetectedFace, UUID] = {}

    def missing(self, record: DuplicateRecord) -> list[DetectedFace]:
        """Return the faces that the record does not have yet."""
        return [face for face in self._found if record.find(face) is None]

    def embed_missing(self, record: DuplicateRecord) -> None:
        """Compute the embeddings of the missing faces."""
        for face in self.missing(record):
            self._vector(face)

    def embedded(self, faces: Sequence[DetectedFace]) -> bool:
        """Return whether all these faces have embeddings."""
        return all(face in self._vectors for face in faces)

    def fresh_id(self, face: DetectedFace) -> UUID:
        """Return the id for a new face, the same at each attempt."""
        return self._ids.setdefault(face, uuid4())

    def rows(self, missing: Sequence[DetectedFace], face_ids: Sequence[UUID]) -> list[FaceRow]:
        """Return the rows to add, in the order of `missing`."""
        return [
            FaceRow(self._face(face_id, face), *self._vector(face))
            for face, face_id in zip(missing, face_ids, strict=True)
        ]

    def result(self, record: DuplicateRecord, added: Sequence[Face]) -> list[Face]:
        """Return all faces of the call in the caller's order: known ones as they were stored, new ones from `added`."""
        fresh = iter(added)
        return [self._known(record, face) or next(fresh) for face in self._found]

    def _known(self, record: DuplicateRecord, found: DetectedFace) -> Face | None:
        known = record.find(found)
        if known is None:
            return None
        return Face(known.face_id, self.picture.image_id, self.picture.external_image_id, known.box, known.confidence)

    def _face(self, face_id: UUID, face: DetectedFace) -> Face:
        return Face(face_id, self.picture.image_id, self.picture.external_image_id, face.box, face.confidence)

    def _vector(self, face: DetectedFace) -> tuple[bytes, float]:
        if face not in self._vectors:
            embedding = self._embed(face)
            if len(embedding) != self._dimensions:
                raise ValueError(f"an embedding of {len(embedding)} dimensions for a model of {self._dimensions}")
            self._vectors[face] = quantise(embedding)
        return self._vectors[face]
