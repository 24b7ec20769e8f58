"""The plan of an erasure, and where it remembers what it has removed."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from openrek.store.items.port import Attributes, Item, Key
from openrek.store.log.keys import plan_key
from openrek.store.log.visibility import PENDING

NAMES_PER_MEMORY: Final = 1500
"""Of removed faces and users: 400 KB hold as many users of the longest names."""


class Gone(Exception):
    """Somebody else ended this plan."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Of a user, with the faces that it had; or of an ExternalImageId. `removed` counts the names in its memory, which
    lies in items of at most NAMES_PER_MEMORY."""

    key: Key
    id: bytes
    made_ms: int
    user_id: str | None
    external_image_id: str | None
    face_ids: tuple[UUID, ...] = ()
    removed: int = 0

    @property
    def unmoved(self) -> Attributes:
        """The condition that nobody went on with it, or ended it, since. An end does not move the head."""
        return {"id": self.id, "removed": self.removed}

    def attributes(self) -> dict[str, Any]:
        whom = {"user": self.user_id} if self.user_id is not None else {"external": self.external_image_id}
        return {
            "kind": "erase",
            "id": self.id,
            "state": PENDING,
            "made_ms": self.made_ms,
            "faces": [face_id.bytes for face_id in self.face_ids],
            "removed": self.removed,
            **whom,
        }

    def memories(self) -> list[Key]:
        """The items that hold its memory; the last one is being filled."""
        return [
            Key(self.key.partition, f"{self.key.sort}/{number:06d}")
            for number in range(self.removed // NAMES_PER_MEMORY + 1)
        ]


def fresh_plan(uid: UUID, user_id: str | None, external_image_id: str | None, now_s: float) -> Plan:
    """A new plan, not yet stored. The same person always has the same key."""
    name = hashlib.sha256(repr((user_id, external_image_id)).encode()).hexdigest()
    key = plan_key(uid, f"erase/{name}")
    return Plan(key, secrets.token_bytes(16), int(now_s * 1000), user_id, external_image_id)


def erasure_plan(item: Item) -> Plan:
    at = item.attributes
    faces = tuple(UUID(bytes=face_id) for face_id in at["faces"])
    return Plan(item.key, at["id"], at["made_ms"], at.get("user"), at.get("external"), faces, at["removed"])


def still(begun: Plan, stored: Item | None) -> Plan:
    """The plan as it is now. Raises Gone."""
    if stored is None or stored.attributes["id"] != begun.id:
        raise Gone
    return erasure_plan(stored)
