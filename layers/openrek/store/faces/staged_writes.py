"""IndexFaces calls larger than one transaction: written ahead invisibly, made visible by one commit.

    begin    one commit: a plan record, pending, with the FaceIds in order; a retry of the call finds and resumes it
    stage    the face items, in chunks, each naming the plan: invisible while it is pending
    finish   one commit: the log entry with all rows, the duplicate record, the plan turns done
    settle   the face items lose the plan's name; the record goes
    abandon  a pending plan turns abandoned (so it can never be finished), its faces are erased, the record goes

Every step can be repeated, by anyone, after a crash at any point.
"""

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID, uuid4

from openrek.domain.collections import Collection
from openrek.domain.faces import DetectedFace
from openrek.store.faces.duplicates import DuplicateRecord
from openrek.store.items.port import ABSENT, Check, Delete, Item, Items, Key, Operation, Put
from openrek.store.items.retries import RESENDS, Sent, no_answer, send
from openrek.store.log.head import require_head
from openrek.store.log.keys import face_key, head_key, owned, plan_key
from openrek.store.log.pages import item_pages
from openrek.store.log.rows import FaceRow, face_row, geometry
from openrek.store.log.visibility import ABANDONED, DONE, PENDING

FACES_PER_CHUNK: Final = 50


class PlanLost(Exception):
    """The plan was finished, abandoned or outdated by another call, or what it needs is not ready: start over."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`base` is the duplicate record that the plan was made from; `seq` is 0 until the plan is done."""

    key: Key
    id: bytes
    state: str
    seq: int
    made_ms: int
    base: bytes
    face_ids: tuple[UUID, ...]

    @property
    def is_pending(self) -> dict[str, Any]:
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

    def done(self, seq: int) -> Operation:
        return Put(self.key, replace(self, state=DONE, seq=seq).attributes(), expect=self.is_pending)


def plan_from(item: Item) -> Plan:
    at = item.attributes
    ids = tuple(UUID(bytes=face_id) for face_id in at["faces"])
    return Plan(item.key, at["id"], at["state"], at["seq"], at["made_ms"], at["base"], ids)


class Plans:
    def __init__(
        self, items: Items, *, clock: Callable[[], float] = time.time, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._items = items
        self._clock = clock
        self._pause = pause

    def fresh(self, uid: UUID, record: DuplicateRecord, missing: Sequence[DetectedFace]) -> Plan:
        """A new plan for this work, not yet stored. The same work always has the same key."""
        return Plan(
            plan_key(uid, f"index/{work_hash(record, missing)}"), secrets.token_bytes(16), PENDING, 0,
            int(self._clock() * 1000), record.fingerprint(), tuple(uuid4() for _ in missing),
        )  # fmt: skip

    def stage(self, collection: Collection, plan: Plan, rows: Sequence[FaceRow], picture: str) -> list[FaceRow]:
        """Write the face items, invisibly, and return the rows as they are stored: whoever staged a face first gave
        its vector. Raises PlanLost, or ResourceNotFound when the collection is gone.
        """
        for start in range(0, len(rows), FACES_PER_CHUNK):
            keys = {face_key(collection.uid, row.face.face_id): row for row in rows[start : start + FACES_PER_CHUNK]}
            staged = self._items.read(list(keys))
            writes = [
                Put(key, {**row.attributes(), "seq": 0, "picture": picture, **_mark(plan)}, expect=ABSENT)
                for (key, row), item in zip(keys.items(), staged, strict=True)
                if item is None
            ]
            if writes:
                self._write(collection, [Check(plan.key, plan.is_pending), *writes])
        # A chunk that lost a race to the same plan's other caller is as good as ours; one that lost to anything else
        # shows here.
        stored: list[FaceRow] = []
        for chunk in _chunks(plan):
            stored += [face_row(item.attributes) for item in self._items.read(chunk) if item is not None]
        if len(stored) != len(rows):
            raise PlanLost
        return stored

    def settle(self, plan: Plan) -> None:
        """Clear the plan if it is done; a later plan for the same work is left alone."""
        found = self._items.get(plan.key)
        if found is not None and found.attributes["id"] == plan.id and found.attributes["state"] == DONE:
            self.clear(plan_from(found))

    def clear(self, plan: Plan) -> None:
        """Settle a done plan; erase what is left of any other."""
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

    def staged(self, plan: Plan) -> Iterator[Item]:
        """The face items that still carry the plan's mark."""
        for keys in _chunks(plan):
            yield from self._marked(keys, plan)

    def _each_face(self, plan: Plan, change: Callable[[Item], Operation]) -> None:
        """Apply `change` to every face item that still carries the plan's mark."""
        for keys in _chunks(plan):
            for _ in range(RESENDS):
                marked = self._marked(keys, plan)
                if not marked or self._tried([change(item) for item in marked]):
                    break
            else:
                raise PlanLost

    def _marked(self, keys: Sequence[Key], plan: Plan) -> list[Item]:
        found = self._items.read(keys)
        return [item for item in found if item is not None and item.attributes.get("plan_id") == plan.id]

    def _write(self, collection: Collection, operations: Sequence[Operation]) -> None:
        """Write beside the head, provided the collection is still the same; a lost race is left to the caller."""
        head = require_head(self._items, collection)
        self._tried([Check(head_key(collection.collection_id), head.same_collection), *operations])

    def _tried(self, operations: Sequence[Operation]) -> bool:
        """Whether the transaction is known to be written. Each one here may safely be sent twice."""
        sent = send(self._items, operations, pause=self._pause)
        if sent in (Sent.BUSY, Sent.UNKNOWN):
            raise no_answer(sent)
        return sent is Sent.WRITTEN


def work_hash(record: DuplicateRecord, missing: Sequence[DetectedFace]) -> str:
    """Names the work: the picture, what was known of it, and the faces to add, in order."""
    digest = hashlib.sha256(record.key.sort.encode() + b"\0" + record.fingerprint())
    for face in missing:
        digest.update(geometry(face.box, face.confidence))
    return digest.hexdigest()


def plans_of(items: Items, uid: UUID) -> list[Item]:
    """Every plan of a collection, of any kind; there are hardly ever any."""
    return [plan for rows in item_pages(items, owned(uid, "plan")) for plan in rows]


def _mark(plan: Plan) -> dict[str, Any]:
    return {"plan": plan.key.sort, "plan_id": plan.id}


def _chunks(plan: Plan) -> Iterator[list[Key]]:
    faces = plan.key.partition.removesuffix("/plan") + "/face"
    for start in range(0, len(plan.face_ids), FACES_PER_CHUNK):
        yield [Key(faces, str(face_id)) for face_id in plan.face_ids[start : start + FACES_PER_CHUNK]]


def _settled(item: Item, plan: Plan) -> dict[str, Any]:
    kept = {name: value for name, value in item.attributes.items() if name not in ("plan", "plan_id")}
    return {**kept, "seq": plan.seq}
