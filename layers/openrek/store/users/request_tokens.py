"""ClientRequestTokens: what a call answered is kept in the transaction of its effect, and given again for 24 hours."""

import struct
import time
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from openrek.domain.errors import token_in_use
from openrek.domain.users import Association, FaceNotChanged, RequestToken, User
from openrek.store.items.port import Item, Key, Operation, Put
from openrek.store.log.keys import token_key

VALID_S: Final = 24 * 3600.0
COSINE: Final = struct.Struct("<d")


class Tokens:
    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives epoch seconds."""
        self._clock = clock

    def key(self, uid: UUID, once: RequestToken) -> Key:
        return token_key(uid, once.value)

    def answer(self, once: RequestToken, item: Item | None) -> Association | None:
        """What a valid `item` says the call answered; None if it is to be carried out. Raises
        IdempotentParameterMismatch."""
        if item is None or is_spent(item, self._clock()):
            return None
        if item.attributes["input"] != once.input_sha256:
            raise token_in_use(once.value)
        return _answer(item)

    def put(self, uid: UUID, once: RequestToken, answer: Association) -> Operation:
        """The head's condition guards it."""
        marks = {"input": once.input_sha256, "made_ms": int(self._clock() * 1000)}
        return Put(self.key(uid, once), {**marks, **_attributes(answer)})


def is_spent(token: Item, now_s: float) -> bool:
    made_ms: int = token.attributes["made_ms"]
    return now_s - made_ms / 1000.0 >= VALID_S


def names_any(token: Item, users: set[str], faces: set[bytes]) -> bool:
    """Whether the kept answer tells of one of these users or faces (ids of 16 bytes)."""
    at = token.attributes
    told = {*at["changed"], *(face["id"] for face in at["left"])}
    owners = {at["user"], *(face["owner"] for face in at["left"] if "owner" in face)}
    return not users.isdisjoint(owners) or not faces.isdisjoint(told)


def _attributes(answer: Association) -> dict[str, Any]:
    return {
        "user": answer.user.user_id,
        "faces": answer.user.face_count,
        "changed": [face_id.bytes for face_id in answer.changed],
        "left": [_left_attributes(face) for face in answer.left],
    }


def _answer(item: Item) -> Association:
    at = item.attributes
    return Association(
        tuple(UUID(bytes=face_id) for face_id in at["changed"]),
        tuple(
            FaceNotChanged(
                UUID(bytes=face["id"]),
                face.get("reason"),
                face.get("owner"),
                COSINE.unpack(face["cosine"])[0] if "cosine" in face else None,
            )
            for face in at["left"]
        ),
        User(at["user"], at["faces"]),
    )


def _left_attributes(face: FaceNotChanged) -> dict[str, Any]:
    found: dict[str, Any] = {"id": face.face_id.bytes}
    if face.reason is not None:
        found["reason"] = face.reason
    if face.user_id is not None:
        found["owner"] = face.user_id
    if face.cosine is not None:
        found["cosine"] = COSINE.pack(face.cosine)
    return found
