"""Face items as readers see them.

A face that a larger IndexFaces call is still writing carries the name of its plan and stays invisible until the plan is
done. A face that joined or left a user in a transaction without room for its item carries a claim: it belongs to the
user that the claim names if, and only if, that user's item lists it. Such a face is read in one snapshot with its plan
or user.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from openrek.store.items.batches import batches
from openrek.store.items.port import Item, Items, Key

PENDING: Final = "pending"
DONE: Final = "done"
ABANDONED: Final = "abandoned"
FACES_PER_READ: Final = 40
"""Together with as many plans or users, a snapshot stays under the port's 100 keys."""


def visible(items: Items, faces: Sequence[Item | None]) -> list[Item | None]:
    """Return `faces` as readers see them: None for those of unfinished plans; a finished plan's get its seq, claimed
    ones their owner.
    """
    seen: dict[Key, Item | None] = {face.key: face for face in faces if face is not None}
    doubtful = [face for face in seen.values() if face is not None and _judge_of(face) is not None]
    while doubtful:
        later: list[Item] = []
        for batch in batches(doubtful, FACES_PER_READ):
            later += _judge(items, batch, seen)
        doubtful = later
    return [seen[face.key] if face is not None else None for face in faces]


def committed_seq(face: Item) -> int:
    """Return the number of the change that added this (visible) face."""
    seq: int = face.attributes["seq"]
    return seq


def plan_of(face: Item) -> Key:
    """Return the key of the plan that a face item names; plans lie beside the faces of the same collection."""
    return _beside(face, "plan", face.attributes["plan"])


def _judge(items: Items, doubtful: Sequence[Item], seen: dict[Key, Item | None]) -> list[Item]:
    """Decide about faces from one snapshot; return those that meanwhile depend on another plan or user."""
    judges = sorted({judge for face in doubtful if (judge := _judge_of(face)) is not None})
    found = items.read([*(face.key for face in doubtful), *judges])
    known = dict(zip(judges, found[len(doubtful) :], strict=True))
    later: list[Item] = []
    for before, face in zip(doubtful, found, strict=False):
        judge = None if face is None else _judge_of(face)
        if face is None or judge is None:
            seen[before.key] = face
        elif judge in known:
            seen[before.key] = _seen(face, known[judge])
        else:
            later.append(face)
    return later


def _judge_of(face: Item) -> Key | None:
    """Return the key of the plan or user that decides about this face; None for most faces."""
    if "plan" in face.attributes:
        return plan_of(face)
    return _beside(face, "user", face.attributes["claim"]) if "claim" in face.attributes else None


def _beside(face: Item, kind: str, sort: str) -> Key:
    return Key(f"{face.key.partition.split('/')[0]}/{kind}", sort)


def _seen(face: Item, judge: Item | None) -> Item | None:
    at = face.attributes
    if "plan" not in at:
        listed: Iterable[bytes] = () if judge is None else judge.attributes["members"]
        return Item(face.key, {**at, "owner": at["claim"]}) if at["id"] in listed else face
    if judge is None or judge.attributes.get("id") != at.get("plan_id") or judge.attributes.get("state") != DONE:
        return None
    return Item(face.key, {**at, "seq": judge.attributes["seq"]})
