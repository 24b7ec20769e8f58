"""The attributes that an item must hold, by the kind of its partition, so that a check of the store can read it safely.

Further rules for faces, users, plans and request tokens are where those are checked.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from openrek.store.items.port import Attributes, Item
from openrek.store.log.keys import DIRECTORY, UIDS
from openrek.store.log.rows import GEOMETRY, SCALE

ID_BYTES: Final = 16
MODEL_VERSION: Final = re.compile(r"[0-9]{1,9}\.[0-9]{1,9}", re.ASCII)
MOST_DIMENSIONS: Final = 4096
Rule = Callable[[Any], bool]


def fault_of_shape(item: Item, dimensions: int | None = None) -> tuple[str, str] | None:
    """Return the fault of an item, as a kind of finding and its detail; None if there is none.

    `dimensions`: of the vectors in the log, where that is known.
    """
    kind = _kind(item.key.partition)
    wrong = [name for name, fine in _rules(kind, dimensions).items() if not fine(item.attributes.get(name))]
    if kind == "head" and not wrong:
        wrong = sorted(set(item.attributes) - set(HEAD))
    if kind in KEYS and not KEYS[kind](item.key.sort):
        wrong.append("key")
    return (f"a bad {kind} item", f"the {kind} item {item.key.sort} has a bad {', '.join(wrong)}") if wrong else None


def _kind(partition: str) -> str:
    if partition in (DIRECTORY, UIDS):
        return partition
    return "head" if partition.startswith("collection/") else partition.rpartition("/")[2]


def _rules(kind: str, dimensions: int | None) -> Mapping[str, Rule]:
    if kind == "log":
        rows = _all(lambda row: _is_row(row, dimensions))
        return {"rows": rows, "deleted": _all(_is_id), "users": _maybe(_all(_is_text))}
    return RULES.get(kind, {})


def _is_bytes(size: int) -> Rule:
    return lambda value: isinstance(value, bytes) and len(value) == size


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and value >= 0


def _all(rule: Rule) -> Rule:
    return lambda value: isinstance(value, list) and all(map(rule, value))


def _maybe(rule: Rule) -> Rule:
    return lambda value: value is None or rule(value)


def _has(rules: Mapping[str, Rule]) -> Rule:
    return lambda value: isinstance(value, dict) and all(fine(value.get(name)) for name, fine in rules.items())


def _is_row(value: object, dimensions: int | None) -> bool:
    if not _has(ROW)(value):
        return False
    row: Attributes = value  # type: ignore[assignment]
    return dimensions is None or len(row["vector"]) == dimensions


_is_id: Final = _is_bytes(ID_BYTES)

ROW: Final[Mapping[str, Rule]] = {
    "kind": lambda value: value in ("face", "user"),
    "id": _is_id,
    "image": _is_id,
    "geometry": _is_bytes(GEOMETRY.size),
    "vector": lambda value: isinstance(value, bytes),
    "scale": _is_bytes(SCALE.size),
    "external": _maybe(_is_text),
    "owner": _maybe(_is_text),
}

HEAD: Final[Mapping[str, Rule]] = {
    "uid": _is_id,
    "seq": _is_count,
    "faces": _is_count,
    "users": _is_count,
    "model": lambda value: isinstance(value, str) and MODEL_VERSION.fullmatch(value) is not None,
    "dimensions": _maybe(lambda value: type(value) is int and 0 < value <= MOST_DIMENSIONS),
    "created_ms": _is_count,
    "manifest": _maybe(_is_text),
    "version": _maybe(_is_count),
    "nonce": _maybe(lambda value: isinstance(value, bytes)),
    "compacted_through": _maybe(_is_count),
    "log_bytes": _maybe(_is_count),
}

RULES: Final[Mapping[str, Mapping[str, Rule]]] = {
    "head": HEAD,
    DIRECTORY: {"id": _is_text, "uid": _is_id, "model": _is_text},
    UIDS: {"id": _is_text, "created_ms": _is_count},
    "face": {"plan": _maybe(_is_text), "claim": _maybe(_is_text), "id": _is_id},
    "duplicate": {"faces": _all(_has({"id": _is_id, "geometry": _is_bytes(GEOMETRY.size)}))},
    "user": {"members": _all(_is_id)},
    "tags": {"tags": lambda value: isinstance(value, dict) and all(map(_is_text, value.values())), "nonce": _is_id},
}

KEYS: Final[Mapping[str, Callable[[str], bool]]] = {
    "log": lambda sort: len(sort) >= 16 and sort.isascii() and sort.isdecimal(),
    UIDS: lambda sort: len(sort) == 32 and not set(sort) - set("0123456789abcdef"),
}
