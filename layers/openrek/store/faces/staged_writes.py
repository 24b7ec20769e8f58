"""Staged writes: IndexFaces calls larger than one transaction, written invisibly and made visible by one commit.

    begin    one commit: a plan, pending, with the FaceIds in order; a retry of the call finds and resumes it
    stage    the face items, in chunks, each naming the plan: invisible while it is pending
    finish   one commit: the log entry with all rows, the duplicate record, the plan becomes done
    settle   the plan's name is removed from the face items; the plan is deleted
    abandon  a pending plan becomes abandoned (so it can never be finished), its faces and the plan are deleted

Every step can be repeated, by any process, after a crash at any point.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID, uuid4

from openrek.domain.clock import Clock
from openrek.domain.collections import Collection
from openrek.domain.faces import DetectedFace
from openrek.store.faces.duplicates import DuplicateRecord
from openrek.store.items.batches import batches
from openrek.store.items.port import ABSENT, Check, Delete, Item, Items, Key, Put, Write
from openrek.store.items.retries import RESENDS, Sent, refusal_of, send
from openrek.store.log.head import require_head
from openrek.store.log.keys import face_key, head_key, owned, plan_key
from openrek.store.log.pages import item_pages
from openrek.store.log.rows import FaceRow, face_row, geometry
from openrek.store.log.visibility import ABANDONED, DONE, PENDING

FACES_PER_CHUNK: Final = 50


class StagedWriteLost(Exception):
    """The plan was finished, abandoned or outdated by another call, or an embedding is missing: start over."""


@dataclass(frozen=True, slots=True)
class StagedWrite:
    """The plan of a staged write. `base` is the duplicate record that it was made from; `seq` is 0 until it is done."""

    key: Key
    id: bytes
    state: str
    seq: int
    made_ms: int
    base: bytes
    face_ids: tuple[UUID, ...]

    @property
    def is_pending(self) -> dict[str, Any]:
        """The condition that the plan is pending."""
        return {"id": self.id, "state": PENDING}

    def attributes(self) -> dict[str, Any]:
        return {
            "kind": "index",
            "id": self.id,
            "state": self.state,
            "seq": self.seq,
            "made_ms": self.made_ms,
            "base": self.base,
            "faces": [face_id.bytes for face_id in self.face_ids],
        }

    def done(self, seq: int) -> Write:
        """Return the write that finishes the plan with the change `seq`."""
        return Put(self.key, replace(self, state=DONE, seq=seq).attributes(), expect=self.is_pending)


def staged_write_of(item: Item) -> StagedWrite:
    """Return the plan in `item`."""
    at = item.attributes
    ids = tuple(UUID(bytes=face_id) for face_id in at["faces"])
    return StagedWrite(item.key, at["id"], at["state"], at["seq"], at["made_ms"], at["base"], ids)


class StagedWrites:
    """The staged writes of a store."""

    def __init__(self, items: Items, *, clock: Clock) -> None:
        self._items = items
        self._clock = clock

    def new(self, uid: UUID, record: DuplicateRecord, missing: Sequence[DetectedFace]) -> StagedWrite:
        """Return a new plan for this work, not yet stored. The same work always has the same key."""
        return StagedWrite(
            plan_key(uid, f"index/{work_hash(record, missing)}"), secrets.token_bytes(16), PENDING, 0,
            int(self._clock.now_s() * 1000), record.fingerprint(), tuple(uuid4() for _ in missing),
        )  # fmt: skip

    def stage(self, collection: Collection, plan: StagedWrite, rows: Sequence[FaceRow], picture: str) -> list[FaceRow]:
        """Write the face items, invisibly; return the rows as they are stored, for the first caller to stage a face
        sets its vector.

        Raises StagedWriteLost, or ResourceNotFound when the collection is gone.
        """
        for batch in batches(rows, FACES_PER_CHUNK):
            keys = {face_key(collection.uid, row.face.face_id): row for row in batch}
            staged = self._items.read(list(keys))
            writes = [
                Put(key, {**row.attributes(), "seq": 0, "picture": picture, **_mark(plan)}, expect=ABSENT)
                for (key, row), item in zip(keys.items(), staged, strict=True)
                if item is None
            ]
            if writes:
                self._write(collection, [Check(plan.key, plan.is_pending), *writes])
        # A chunk that lost a race to another caller with the same plan is as good as ours; any other lost chunk is
        # missing here.
        stored: list[FaceRow] = []
        for chunk in _chunks(plan):
            stored += [face_row(item.attributes) for item in self._items.read(chunk) if item is not None]
        if len(stored) != len(rows):
            raise StagedWriteLost
        return stored

    def settle(self, plan: StagedWrite) -> None:
        """Clear the plan if it is done; a later plan for the same work is left alone."""
        found = self._items.get(plan.key)
        if found is not None and found.attributes["id"] == plan.id and found.attributes["state"] == DONE:
            self.clear(staged_write_of(found))

    def clear(self, plan: StagedWrite) -> None:
        """Settle a done plan; delete the faces and the plan of any other."""
        if plan.state == DONE:
            self._each_face(plan, lambda item: Put(item.key, _settled(item, plan), expect=_mark(plan)))
        elif plan.state == PENDING:
            abandoned = replace(plan, state=ABANDONED)
            if not self._tried([Put(plan.key, abandoned.attributes(), expect=plan.is_pending)]):
                return
            plan = abandoned
        if plan.state == ABANDONED:
            self._each_face(plan, lambda item: Delete(item.key, expect=_mark(plan), forget=True))
        self._tried([Delete(plan.key, expect={"id": plan.id, "state": plan.state})])

    def staged_faces(self, plan: StagedWrite) -> Iterator[Item]:
        """Yield the face items that still name the plan."""
        for keys in _chunks(plan):
            yield from self._marked(keys, plan)

    def _each_face(self, plan: StagedWrite, change: Callable[[Item], Write]) -> None:
        """Apply `change` to every face item that still names the plan."""
        for keys in _chunks(plan):
            for _ in range(RESENDS):
                marked = self._marked(keys, plan)
                if not marked or self._tried([change(item) for item in marked]):
                    break
            else:
                raise StagedWriteLost

    def _marked(self, keys: Sequence[Key], plan: StagedWrite) -> list[Item]:
        found = self._items.read(keys)
        return [item for item in found if item is not None and item.attributes.get("plan_id") == plan.id]

    def _write(self, collection: Collection, writes: Sequence[Write]) -> None:
        """Write, provided the collection is still the same; the caller finds out about a lost race."""
        head = require_head(self._items, collection)
        self._tried([Check(head_key(collection.collection_id), head.same_collection), *writes])

    def _tried(self, writes: Sequence[Write]) -> bool:
        """Send a transaction; return whether it is known to be written. Each one here may safely be sent twice."""
        sent = send(self._items, writes, clock=self._clock)
        if sent in (Sent.BUSY, Sent.UNKNOWN):
            raise refusal_of(sent)
        return sent is Sent.WRITTEN


def work_hash(record: DuplicateRecord, missing: Sequence[DetectedFace]) -> str:
    """Return a name of the work: a hash of the picture, its known faces, and the faces to add, in order."""
    digest = hashlib.sha256(record.key.sort.encode() + b"\0" + record.fingerprint())
    for face in missing:
        digest.update(geometry(face.box, face.confidence))
    return digest.hexdigest()


def plans_of(items: Items, uid: UUID) -> list[Item]:
    """Return every plan of a collection, of any kind; there are hardly ever any."""
    return [plan for rows in item_pages(items, owned(uid, "plan")) for plan in rows]


def _mark(plan: StagedWrite) -> dict[str, Any]:
    return {"plan": plan.key.sort, "plan_id": plan.id}


def _chunks(plan: StagedWrite) -> Iterator[list[Key]]:
    faces = plan.key.partition.removesuffix("/plan") + "/face"
    for batch in batches(plan.face_ids, FACES_PER_CHUNK):
        yield [Key(faces, str(face_id)) for face_id in batch]


def _settled(item: Item, plan: StagedWrite) -> dict[str, Any]:
    kept = {name: value for name, value in item.attributes.items() if name not in ("plan", "plan_id")}
    return {**kept, "seq": plan.seq}
