"""Faces of numbered pictures in a collection."""

from collections.abc import Sequence

from openrek.domain.collections import Collection
from openrek.domain.faces import Face
from openrek.store.faces.faces import StoredFaces
from openrek.store.items.port import Items
from tests.store.synthetic import Embedder, picture, slots


def index(items: Items, collection: Collection, number: int, faces: int = 5) -> Sequence[Face]:
    of = picture(number, f"picture {number}")
    return StoredFaces(items).index(collection, of, slots(faces), Embedder(of))
