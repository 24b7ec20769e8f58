"""Calls of the faces' port, as several tests of it make them."""

from collections.abc import Sequence

from openrek.domain.collections import Collection
from openrek.domain.faces import Face, Picture
from openrek.store.faces.faces import StoredFaces
from openrek.store.items.port import Items
from tests.store.synthetic import Embedder, now, searcher, slots
from tests.support.clocks import FakeClock

NOW_S = 1_700_000_000.0
FACES, SMALL = 7, 3
"""A call of seven faces against three per commit: it needs a plan."""


def faces_over(items: Items, *, per_commit: int = 97, max_faces: int = 1_000_000) -> StoredFaces:
    return StoredFaces(items, max_faces=max_faces, faces_per_commit=per_commit, clock=FakeClock(NOW_S))


def index(
    items: Items, collection: Collection, of: Picture, number: int = FACES, *, per_commit: int = 97
) -> Sequence[Face]:
    return faces_over(items, per_commit=per_commit).index(collection, of, slots(number), Embedder(of))


def listed(items: Items, collection: Collection) -> Sequence[Face]:
    return faces_over(items).page(collection, None, 100_000).rows


def seq(items: Items, collection: Collection) -> int:
    return searcher(items).over._cache.current(now(items, collection)).seq
