"""The plan of an erasure, and the keys of its memory: the ids that it has removed."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from openrek.store.items.port import Attributes, Item, Key
from openrek.store.log.keys import plan_key
from openrek.store.log.visibility import PENDING

NAMES_PER_MEMORY: Final = 1500
"""The most ids in one item of the memory: 400 KB hold as many users of the longest names."""


class ErasureEnded(Exception):
    """Another process ended this plan."""


@dataclass(frozen=True, slots=True)
class ErasurePlan:
    """The erasure of a user, with the faces that it had; or of an ExternalImageId.

    `removed` counts the ids in its memory, which lies in items of at most NAMES_PER_MEMORY.
    """

    key: Key
    id: bytes
    made_ms: int
    user_id: str | None
    external_image_id: str | None
    face_ids: tuple[UUID, ...] = ()
    removed: int = 0

    @property
    def unmoved(self) -> Attributes:
        """The condition that no other process continued or ended the plan. An end does not move the head."""
        return {"id": self.id, "removed": self.removed}

    def attributes(self) -> dict[str, Any]:
        person = {"user": self.user_id} if self.user_id is not None else {"external": self.external_image_id}
        return {
            "kind": "erase",
            "id": self.id,
            "state": PENDING,
            "made_ms": self.made_ms,
            "faces": [face_id.bytes for face_id in self.face_ids],
            "removed": self.removed,
            **person,
        }

    def memories(self) -> list[Key]:
        """Return the keys of the items of its memory; the last one is being filled."""
        return [
            Key(self.key.partition, f"{self.key.sort}/{number:06d}")
            for number in range(self.removed // NAMES_PER_MEMORY + 1)
        ]


def new_erasure_plan(uid: UUID, user_id: str | None, external_image_id: str | None, now_s: float) -> ErasurePlan:
    """Return a new plan, not yet stored. The same person always has the same key."""
    name = hashlib.sha256(repr((user_id, external_image_id)).encode()).hexdigest()
    key = plan_key(uid, f"erase/{name}")
    return ErasurePlan(key, secrets.token_bytes(16), int(now_s * 1000), user_id, external_image_id)


def erasure_plan_of(item: Item) -> ErasurePlan:
    """Return the plan in `item`."""
    at = item.attributes
    faces = tuple(UUID(bytes=face_id) for face_id in at["faces"])
    return ErasurePlan(item.key, at["id"], at["made_ms"], at.get("user"), at.get("external"), faces, at["removed"])


def current_plan(begun: ErasurePlan, stored: Item | None) -> ErasurePlan:
    """Return the plan as it is stored now. Raises ErasureEnded."""
    if stored is None or stored.attributes["id"] != begun.id:
        raise ErasureEnded
    return erasure_plan_of(stored)
