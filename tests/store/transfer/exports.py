"""Faces to export, and exports compared and changed."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any
from uuid import UUID

from openrek.domain.collections import Collection
from openrek.store.faces.faces import StoredFaces
from openrek.store.items.port import Items
from openrek.store.transfer.archive import Archive
from tests.store.synthetic import Embedder, picture, slots


def index(items: Items, collection: Collection, number: int, faces: int) -> list[UUID]:
    of = picture(number, f"path:{number}.jpg" if number % 3 else None)
    return [face.face_id for face in StoredFaces(items).index(collection, of, slots(faces), Embedder(of))]


def same(first: Archive, second: Archive) -> bool:
    pairs = [(getattr(first, field.name), getattr(second, field.name)) for field in fields(Archive)]
    return all(a.dtype == b.dtype and a.shape == b.shape and (a == b).all() for a, b in pairs)


def changed(archive: Archive, name: str, change: Callable[[Any], Any]) -> Archive:
    return replace(archive, **{name: change(getattr(archive, name).copy())})


def at_row(row: int, value: Any) -> Callable[[Any], Any]:
    def change(array: Any) -> Any:
        array[row] = value
        return array

    return change
