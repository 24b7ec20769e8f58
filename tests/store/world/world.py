"""Two processes over one store, and a plain model that says what they must return.

The model is a dictionary. A call gets a place among those that ran while it was suspended, or, if its client died
or learned that nobody knows, perhaps none: `World.explain` looks for places that make every result right.
"""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from itertools import combinations_with_replacement
from uuid import UUID

from openrek.domain.collections import Collection
from openrek.domain.errors import ResourceNotFound
from openrek.domain.faces import Face
from openrek.store.blobs.port import Blobs
from openrek.store.items.port import Items
from openrek.store.log.keys import owned
from tests.store.faults import Wire
from tests.store.invariants import all_items, check_collection
from tests.store.synthetic import slot_of
from tests.store.world.model import NUMBERS, Event, Model, Wrong, names_any
from tests.store.world.process import Process


class World:
    """The models that can explain everything seen so far; there is hardly ever more than one."""

    def __init__(self, items: Items, blobs: Blobs, names: Sequence[str]) -> None:
        self._items = items
        self._blobs = blobs
        self.names = tuple(names)
        self.candidates: list[dict[str, Model]] = [{name: Model() for name in names}]

    @property
    def model(self) -> dict[str, Model]:
        return self.candidates[0]

    def explain(self, suspended: Sequence[Event], others: Sequence[Event]) -> None:
        """`others` ran in this order while the one client of `suspended` stood still somewhere."""
        survivors: list[dict[str, Model]] = []
        problems: list[str] = []
        for candidate in self.candidates:
            for places in combinations_with_replacement(range(len(others) + 1), len(suspended)):
                for happened in _choices([*suspended, *others]):
                    models = deepcopy(candidate)
                    try:
                        _replay(models, suspended, happened, places, others)
                    except Wrong as wrong:
                        problems.append(str(wrong))
                        continue
                    if models not in survivors:
                        survivors.append(models)
        if not survivors:
            history = "\n".join(event.name for event in (*suspended, *others))
            raise AssertionError(f"nothing explains\n{history}\n{problems[:5]}\nin {self.candidates[0]}")
        self.candidates = survivors

    def look(self) -> None:
        """Compares with the store as a newly started process sees it; whatever was unknown is now settled."""
        survivors = [candidate for candidate in self.candidates if self._settle(candidate)]
        if not survivors:
            raise AssertionError(f"the store is none of {self.candidates}")
        self.candidates = survivors[:1]

    def _settle(self, models: dict[str, Model]) -> bool:
        fresh = Process(self._items, self._blobs, Wire(self._items), lambda: 0.0)
        return all(self._settle_collection(fresh, name, model) for name, model in models.items())

    def _settle_collection(self, fresh: Process, name: str, model: Model) -> bool:
        try:
            found = fresh.collections.require(name)
        except ResourceNotFound:
            return model.uid is None
        if model.uid is None or model.uid not in (found.uid, UUID(int=0)):
            return False
        model.uid = found.uid
        rows = fresh.faces.page(found, None, 4096).rows
        users = {each.user.user_id for each in fresh.users.page(found, None, 500).rows}
        tokens = {item.key.sort for item in all_items(self._items, owned(found.uid, "token"))}
        _settle_erasures(model, {face.face_id for face in rows}, users, tokens)
        if tokens != set(model.tokens) or not _settle_faces(model, rows):
            return False
        if not _settle_users(model, found, fresh, {face.face_id: face.user_id for face in rows}):
            return False
        check_collection(self._items, found, self._blobs)
        return True


def _settle_faces(model: Model, rows: Sequence[Face]) -> bool:
    """Give faces that a call of unknown outcome added the ids that the store has for them."""
    seen = {(NUMBERS[face.image_id], face.external_image_id, slot_of(face)): face.face_id for face in rows}
    if len(seen) != len(rows) or set(seen) != set(model.faces):
        return False
    if any(face_id.int and seen[place] != face_id for place, face_id in model.faces.items()):
        return False
    for place in sorted(seen, key=repr):
        if model.faces[place].int == 0 and seen[place] in model.given:
            return False
        model.faces[place] = seen[place]
        model.given[seen[place]] = None
    return True


def _settle_erasures(model: Model, faces: set[UUID], users: set[str], tokens: set[str]) -> None:
    """Settle erasures of unknown outcome: faces and users that are missing were erased."""
    for whom, erasing in model.erasures.items():
        if not erasing.doubt:
            continue
        erasing.doubt = False
        gone = {face_id for face_id in erasing.faces if face_id in model.faces.values() and face_id not in faces}
        touched = {owner for face_id in gone if (owner := model.owner(face_id)) is not None}
        for face_id in gone:
            model.drop(face_id)
        candidates = {whom[1]} if whom[0] == "user" else touched
        empty = {user for user in candidates & set(model.users) if not model.users[user] and user not in users}
        for user in empty:
            del model.users[user]
        erasing.gone_faces |= gone
        erasing.gone_users |= empty
        for token, kept in list(model.tokens.items()):
            if token not in tokens and names_any(kept, erasing.gone_faces, erasing.gone_users):
                del model.tokens[token]


def _settle_users(model: Model, found: Collection, fresh: Process, owners: dict[UUID, str | None]) -> bool:
    listed = {each.user.user_id: each.user.face_count for each in fresh.users.page(found, None, 500).rows}
    return (
        listed == {user: len(members) for user, members in model.users.items()}
        and owners == model.owners
        and all({face.face_id for face in fresh.faces.of_user(found, user)} == model.users[user] for user in listed)
        and found.user_count == len(listed)
    )


def _choices(events: Sequence[Event]) -> Iterator[tuple[bool, ...]]:
    """Every way in which the optional ones happened or not."""
    if not events:
        yield ()
        return
    for rest in _choices(events[1:]):
        yield (True, *rest)
        if events[0].optional:
            yield (False, *rest)


def _replay(
    models: dict[str, Model],
    suspended: Sequence[Event],
    happened: Sequence[bool],
    places: Sequence[int],
    others: Sequence[Event],
) -> None:
    mine, theirs = happened[: len(suspended)], happened[len(suspended) :]
    for position in range(len(others) + 1):
        for event, place, real in zip(suspended, places, mine, strict=True):
            if place == position and real:
                event.apply(models)
        if position < len(others) and theirs[position]:
            others[position].apply(models)
