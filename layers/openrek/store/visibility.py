"""Which face items readers may see.

A face that a larger IndexFaces call is still writing carries the name of its plan and stays invisible until the plan is
done. Face and plan are judged from one snapshot, since settling a plan rewrites the one and deletes the other.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from openrek.store.items import Item, Items, Key

PENDING: Final = "pending"
DONE: Final = "done"
ABANDONED: Final = "abandoned"
FACES_PER_READ: Final = 40
"""Together with as many plans, a snapshot stays under the port's 100 keys."""


def visible(items: Items, faces: Sequence[Item | None]) -> list[Item | None]:
    """`faces` with those of unfinished plans hidden; a finished plan's faces get its seq."""
    doubtful = [face.key for face in faces if face is not None and "plan" in face.attributes]
    if not doubtful:
        return list(faces)
    judged: dict[Key, Item | None] = {}
    for start in range(0, len(doubtful), FACES_PER_READ):
        judged.update(_judge(items, doubtful[start : start + FACES_PER_READ], faces))
    return [judged.get(face.key, face) if face is not None else None for face in faces]


def committed_seq(face: Item) -> int:
    """The change that made this (visible) face."""
    seq: int = face.attributes["seq"]
    return seq


def _judge(items: Items, face_keys: Sequence[Key], faces: Iterable[Item | None]) -> dict[Key, Item | None]:
    wanted = set(face_keys)
    plan_keys = sorted({plan_of(face) for face in faces if face is not None and face.key in wanted})
    found = items.read([*face_keys, *plan_keys])
    plans = {item.key: item for item in found[len(face_keys) :] if item is not None}
    return {key: _seen(face, plans) for key, face in zip(face_keys, found, strict=False)}


def plan_of(face: Item) -> Key:
    """The key of the plan that a face item belongs to; plans lie beside the faces of the same collection."""
    uid = face.key.partition.split("/")[0]
    return Key(f"{uid}/plan", face.attributes["plan"])


def _seen(face: Item | None, plans: dict[Key, Item]) -> Item | None:
    if face is None or "plan" not in face.attributes:
        return face
    plan = plans.get(plan_of(face))
    if plan is None or plan.attributes["id"] != face.attributes["plan_id"] or plan.attributes["state"] != DONE:
        return None
    return Item(face.key, {**face.attributes, "seq": plan.attributes["seq"]})
