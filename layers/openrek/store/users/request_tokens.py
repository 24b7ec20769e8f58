"""ClientRequestTokens: the result of a call is stored in its transaction, and returned again for 24 hours."""

import struct
from typing import Any, Final
from uuid import UUID

from openrek.domain.clock import Clock
from openrek.domain.errors import token_in_use
from openrek.domain.users import Association, FaceNotChanged, RequestToken, User
from openrek.store.items.port import Item, Key, Put, Write
from openrek.store.log.keys import token_key

VALID_S: Final = 24 * 3600.0
COSINE: Final = struct.Struct("<d")


class RequestTokens:
    """The stored results of calls with a request token."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock

    def key(self, uid: UUID, token: RequestToken) -> Key:
        """Return the key of the token's item."""
        return token_key(uid, token.value)

    def result(self, token: RequestToken, item: Item | None) -> Association | None:
        """Return the result in a valid `item`; None if the call is to be carried out.

        Raises IdempotentParameterMismatch.
        """
        if item is None or is_spent(item, self._clock.now_s()):
            return None
        if item.attributes["input"] != token.input_sha256:
            raise token_in_use(token.value)
        return _association(item)

    def put(self, uid: UUID, token: RequestToken, result: Association) -> Write:
        """Return the write that stores a result. It needs no condition: that on the head protects it."""
        marks = {"input": token.input_sha256, "made_ms": int(self._clock.now_s() * 1000)}
        return Put(self.key(uid, token), {**marks, **_attributes(result)})


def is_spent(token: Item, now_s: float) -> bool:
    """Return whether the token's 24 hours are over."""
    made_ms: int = token.attributes["made_ms"]
    return now_s - made_ms / 1000.0 >= VALID_S


def names_any(token: Item, users: set[str], faces: set[bytes]) -> bool:
    """Return whether the stored result names one of these users or faces (ids of 16 bytes)."""
    at = token.attributes
    named = {*at["changed"], *(face["id"] for face in at["left"])}
    owners = {at["user"], *(face["owner"] for face in at["left"] if "owner" in face)}
    return not users.isdisjoint(owners) or not faces.isdisjoint(named)


def _attributes(result: Association) -> dict[str, Any]:
    return {
        "user": result.user.user_id,
        "faces": result.user.face_count,
        "changed": [face_id.bytes for face_id in result.changed],
        "left": [_skipped_attributes(face) for face in result.skipped],
    }


def _association(item: Item) -> Association:
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


def _skipped_attributes(face: FaceNotChanged) -> dict[str, Any]:
    found: dict[str, Any] = {"id": face.face_id.bytes}
    if face.reason is not None:
        found["reason"] = face.reason
    if face.user_id is not None:
        found["owner"] = face.user_id
    if face.cosine is not None:
        found["cosine"] = COSINE.pack(face.cosine)
    return found
