"""Two processes over one store, and a plain model that says what they must return.

The model is a dictionary. A call gets a place among those that ran while it was suspended, or, if its client died
or learned that nobody knows, perhaps none: `World.explain` looks for places that make every result right.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import combinations_with_replacement
from typing import Any
from uuid import UUID

from openrek.domain.collections import Collection
from openrek.domain.errors import (
    Conflict,
    InternalServerError,
    InvalidParameter,
    Refusal,
    ResourceAlreadyExists,
    ResourceNotFound,
    Throttling,
)
from openrek.domain.faces import Face, FaceNotDeleted
from openrek.domain.models import SFACE
from openrek.domain.users import Association
from openrek.store.blobs.port import Blobs
from openrek.store.collections.collections import StoredCollections
from openrek.store.erasure.erasure import StoredErasure
from openrek.store.faces.faces import StoredFaces
from openrek.store.items.port import ConditionFailed, Contended, Items, OutcomeUnknown
from openrek.store.log.keys import owned
from openrek.store.search.search import StoredSearch
from openrek.store.upkeep.compaction import Compactor
from openrek.store.upkeep.upkeep import Upkeep
from openrek.store.users.users import StoredUsers
from tests.store.faults import Fault, FaultyBlobs, FaultyItems, Killed, Wire
from tests.store.invariants import all_items, check_collection
from tests.store.synthetic import Embedder, no_pause, picture, slot, slot_of, vector_of

FACES_PER_COMMIT = 3
Place = tuple[int, str | None, int]
"""Which face: picture, external image id, slot."""

NUMBERS = {picture(number).image_id: number for number in range(20)}

THROTTLED = "throttled"
UNKNOWN = "unknown"
"""The outcome of a call whose client died, or learned that the store did not say."""


Whom = tuple[str, str]
"""("user", UserId) or ("external", ExternalImageId)."""


@dataclass
class Erasing:
    """The faces that it was to erase, and what it did erase; `doubt`: it may just have done more."""

    faces: set[UUID]
    gone_faces: set[UUID] = field(default_factory=set)
    gone_users: set[str] = field(default_factory=set)
    doubt: bool = True


@dataclass
class Model:
    """The state of a collection: its uid, its faces by place, and every id it ever gave; and its users."""

    uid: UUID | None = None
    faces: dict[Place, UUID] = field(default_factory=dict)
    given: dict[UUID, None] = field(default_factory=dict)
    struck: dict[frozenset[UUID], set[UUID]] = field(default_factory=dict)
    """What larger deletions of the same ids did so far: a repetition may return them too."""
    users: dict[str, set[UUID]] = field(default_factory=dict)
    """Each user's faces."""
    tokens: dict[str, tuple[tuple[str, str, object], object]] = field(default_factory=dict)
    """What came with a request token, and the result of its call."""
    erasures: dict[Whom, Erasing] = field(default_factory=dict)
    """Those whose end nobody saw. A repetition may return what they did, and the sweep may go on with them."""

    def owner(self, face_id: UUID) -> str | None:
        return next((user for user, members in self.users.items() if face_id in members), None)

    @property
    def owners(self) -> dict[UUID, str | None]:
        return {face_id: self.owner(face_id) for face_id in self.faces.values()}

    def drop(self, face_id: UUID) -> None:
        self.faces = {place: known for place, known in self.faces.items() if known != face_id}
        for members in self.users.values():
            members.discard(face_id)


class Wrong(AssertionError):
    """The model cannot explain a result."""


@dataclass(frozen=True)
class Event:
    """One step of the model: `apply(model)` changes it and raises Wrong if the result does not fit.

    `optional`: it may also never have happened.
    """

    name: str
    apply: Callable[[dict[str, Model]], None]
    optional: bool = False


class Process:
    """One process: its own stacks and memory over the shared store."""

    def __init__(self, items: Items, blobs: Blobs, wire: Wire, clock: Callable[[], float]) -> None:
        self.items = FaultyItems(items, wire=wire, most_rows=3)
        self.blobs = FaultyBlobs(blobs, self.items)
        self._clock = clock
        self.open()

    def open(self) -> None:
        self.collections = StoredCollections(self.items, clock=self._clock, pause=no_pause)
        self.faces = StoredFaces(
            self.items, max_faces=60, faces_per_commit=FACES_PER_COMMIT, clock=self._clock, pause=no_pause
        )
        self.users = StoredUsers(self.items, faces_per_commit=FACES_PER_COMMIT, clock=self._clock, pause=no_pause)
        self.erasure = StoredErasure(self.items, faces_per_commit=FACES_PER_COMMIT, clock=self._clock, pause=no_pause)
        self.search = StoredSearch(self.items, self.blobs, threads=1, later=lambda work: work())
        self.compactors = {
            "due": Compactor(self.items, self.blobs, clock=self._clock, pause=no_pause),
            "eager": Compactor(
                self.items, self.blobs, clock=self._clock, pause=no_pause, fold_entries=1, small_bytes=0
            ),
        }
        self.upkeep = Upkeep(self.items, self.blobs, clock=self._clock, pause=no_pause)


def require(condition: bool, *what: object) -> None:
    if not condition:
        raise Wrong(*what)


class ClientCall(ABC):
    """A call, apart from its effects on the model. `run` makes it, `events` says what the result implies."""

    in_pieces = False
    """Refused for too much work, it may have been done in part."""
    repeated = False
    """Clients try it again."""

    def __init__(self, collection: str) -> None:
        self.collection = collection

    @abstractmethod
    def run(self, process: Process) -> Any: ...

    @abstractmethod
    def events(self, result: Any) -> list[Event]: ...

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v}' for k, v in vars(self).items())})"

    def _gone(self) -> list[Event]:
        def apply(models: dict[str, Model]) -> None:
            require(models[self.collection].uid is None, "said to be gone")

        return [Event(f"{self} -> gone", apply)]


class Create(ClientCall):
    def run(self, process: Process) -> Any:
        try:
            return process.collections.create(self.collection, SFACE, {}).uid
        except ResourceAlreadyExists:
            return None

    def events(self, result: Any) -> list[Event]:
        def apply(models: dict[str, Model]) -> None:
            if result is None:
                require(models[self.collection].uid is not None, "said to exist")
                return
            require(models[self.collection].uid is None, "made twice")
            uid = result if result != UNKNOWN else UUID(int=0)
            models[self.collection] = Model(uid=uid)

        return [Event(f"{self} -> {result}", apply, optional=result == UNKNOWN)]


class Remove(ClientCall):
    doubtful = False
    """The store did not say: of two deletions at once, both may then have been the one."""

    def run(self, process: Process) -> Any:
        try:
            process.collections.delete(self.collection)
        except ResourceNotFound:
            return False
        return True

    def events(self, result: Any) -> list[Event]:
        if result is False:
            return self._gone()

        def apply(models: dict[str, Model]) -> None:
            require(models[self.collection].uid is not None or self.doubtful, "deleted what was not there")
            models[self.collection] = Model()

        return [Event(f"{self} -> {result}", apply, optional=result == UNKNOWN)]


class Index(ClientCall):
    repeated = True

    def __init__(self, collection: str, number: int, external: str | None, slots: Sequence[int]) -> None:
        super().__init__(collection)
        self.number, self.external, self.slots = number, external, tuple(slots)

    def places(self) -> list[Place]:
        return [(self.number, self.external, one) for one in self.slots]

    def run(self, process: Process) -> Any:
        of = picture(self.number, self.external)
        try:
            found = process.collections.require(self.collection)
            return process.faces.index(found, of, [slot(one) for one in self.slots], Embedder(of))
        except ResourceNotFound:
            return None

    def events(self, result: Any) -> list[Event]:
        if result is None:
            return self._gone()

        def unknown(models: dict[str, Model]) -> None:
            model = models[self.collection]
            require(model.uid is not None)
            for place in self.places():
                model.faces.setdefault(place, UUID(int=0))

        def apply(models: dict[str, Model]) -> None:
            model = models[self.collection]
            require(model.uid is not None, "indexed into nothing")
            require([slot_of(face) for face in result] == list(self.slots), "other faces")
            for place, face in zip(self.places(), result, strict=True):
                require(face.image_id == picture(self.number).image_id and face.external_image_id == self.external)
                known = model.faces.get(place)
                if known is None or known.int == 0:
                    require(face.face_id not in model.given, "an id given twice")
                    model.faces[place] = face.face_id
                    model.given[face.face_id] = None
                require(model.faces[place] == face.face_id, "another id")

        if result == UNKNOWN:
            return [Event(f"{self} -> unknown", unknown, optional=True)]
        return [Event(f"{self} -> {[str(f.face_id)[:8] for f in result]}", apply)]


class Delete(ClientCall):
    """Each chunk is one event, since a call is atomic per chunk only."""

    in_pieces = repeated = True

    def __init__(self, collection: str, face_ids: Sequence[UUID]) -> None:
        super().__init__(collection)
        self.face_ids = tuple(dict.fromkeys(face_ids))

    def run(self, process: Process) -> Any:
        try:
            return process.faces.delete(process.collections.require(self.collection), self.face_ids)
        except ResourceNotFound:
            return None

    def events(self, result: Any) -> list[Event]:
        if result is None:  # earlier chunks may have gone before the collection did
            return [*(self._chunk(chunk, UNKNOWN) for chunk in self._chunks()), *self._gone()]
        return [self._chunk(chunk, result) for chunk in self._chunks()]

    def _chunks(self) -> Iterator[Sequence[UUID]]:
        for start in range(0, len(self.face_ids), FACES_PER_COMMIT):
            yield self.face_ids[start : start + FACES_PER_COMMIT]

    def _chunk(self, chunk: Sequence[UUID], result: Any) -> Event:
        def apply(models: dict[str, Model]) -> None:
            model = models[self.collection]
            require(model.uid is not None, "deleted from nothing")
            there = {face_id: place for place, face_id in model.faces.items()}
            alone = len(self.face_ids) <= FACES_PER_COMMIT
            struck = set() if alone else model.struck.setdefault(frozenset(self.face_ids), set())
            for face_id in chunk:
                if face_id in there and (owner := model.owner(face_id)) is not None:
                    refused = FaceNotDeleted(face_id, "ASSOCIATED_TO_AN_EXISTING_USER", owner)
                    require(result == UNKNOWN or refused in result.skipped, "a user's face, not refused", face_id)
                    continue
                if result != UNKNOWN:
                    gone = face_id in result.deleted
                    require(gone or face_id not in there, "not deleted", face_id)
                    require(not gone or face_id in there or face_id in struck, "not there to delete", face_id)
                    skipped = [one.face_id for one in result.skipped]
                    require((face_id in skipped) != (face_id in result.deleted), "neither deleted nor skipped")
                if face_id in there:
                    del model.faces[there[face_id]]
                    struck.add(face_id)

        return Event(f"{self} chunk", apply, optional=result == UNKNOWN)


class Look(ClientCall):
    """Every way of reading; each is one event."""

    def __init__(self, collection: str, how: str, probe: Place, face_ids: Sequence[UUID]) -> None:
        super().__init__(collection)
        self.how, self.probe, self.face_ids = how, probe, tuple(face_ids)

    def run(self, process: Process) -> Any:
        try:
            found = process.collections.require(self.collection)
            if self.how == "describe":
                return found
            if self.how == "list":
                return list(process.faces.page(found, None, 4096).rows)
            if self.how == "named":
                return list(process.faces.named(found, self.face_ids))
            vector = vector_of(picture(self.probe[0], self.probe[1]), slot(self.probe[2]).box)
            if self.how == "search":
                return list(process.search.nearest(found, vector, limit=4096, lowest_cosine=-1.0))
            return list(process.search.nearest_to_face(found, self.face_ids[0], limit=4096, lowest_cosine=-1.0))
        except ResourceNotFound:
            return None
        except InvalidParameter:
            return "no such face"

    def events(self, result: Any) -> list[Event]:
        if result is None:
            return self._gone()
        if result == UNKNOWN:
            return []

        def apply(models: dict[str, Model]) -> None:
            model = models[self.collection]
            require(model.uid is not None, "seen although it is gone")
            if not isinstance(result, Collection | str):
                self._meet(model, [found.face if self.how.startswith("search") else found for found in result])
            there = {face_id: place for place, face_id in model.faces.items()}
            if isinstance(result, Collection):
                require(model.uid in (result.uid, UUID(int=0)), "another uid")
                require(result.face_count == len(model.faces), "count", result.face_count, len(model.faces))
                return
            if result == "no such face":
                require(self.face_ids[0] not in there, "a face not found")
                return
            faces: list[Face] = [found.face if self.how.startswith("search") else found for found in result]
            got = {face.face_id: (face.external_image_id, slot_of(face)) for face in faces}
            require(len(got) == len(faces), "a face twice")
            expected = set(there)
            if self.how == "named":
                expected &= set(self.face_ids)
                require([face.face_id for face in faces] == sorted(got), "order")
            if self.how == "search by face":
                expected -= {self.face_ids[0]}
            require(set(got) == expected, self.how, "missing", expected - set(got), "too many", set(got) - expected)
            require(all(got[face_id] == there[face_id][1:] for face_id in got), "another place")
            owners = {face.face_id: face.user_id for face in faces}
            require(owners == {face_id: model.owner(face_id) for face_id in got}, "another owner")
            if self.how == "search":
                scores = [match.cosine for match in result]
                require(scores == sorted(scores, reverse=True), "order of scores")
                place = there.get(result[0].face.face_id) if result else None
                require(self.probe not in model.faces or place == self.probe, "the best match")

        def face_found(models: dict[str, Model]) -> None:
            require(self.face_ids[0] in models[self.collection].faces.values(), "found by a face that is not there")

        by_face = self.how == "search by face" and result != "no such face"
        return [*([Event(f"{self} finds its face", face_found)] if by_face else []), Event(f"{self}", apply)]

    @staticmethod
    def _meet(model: Model, faces: Sequence[Face]) -> None:
        """The ids of faces that a call of unknown outcome added."""
        for face in faces:
            place = (NUMBERS[face.image_id], face.external_image_id, slot_of(face))
            if model.faces.get(place) == UUID(int=0) and face.face_id not in model.given:
                model.faces[place] = face.face_id
                model.given[face.face_id] = None


class Sweep(ClientCall):
    def run(self, process: Process) -> Any:
        with suppress(Contended, OutcomeUnknown, Refusal):
            process.upkeep.sweep()

    def events(self, result: Any) -> list[Event]:
        return []


class Compact(ClientCall):
    """Changes nothing that anybody may see. The eager one folds the log at once, and marks dead rows before they go."""

    def __init__(self, collection: str, how: str) -> None:
        super().__init__(collection)
        self.how = how

    def run(self, process: Process) -> Any:
        with suppress(Contended, OutcomeUnknown, Refusal):
            force = self.how == "forced"
            process.compactors["due" if force else self.how].step(self.collection, force=force)

    def events(self, result: Any) -> list[Event]:
        return []


class Purge(ClientCall):
    def run(self, process: Process) -> Any:
        with suppress(Contended, OutcomeUnknown, ConditionFailed, Refusal):
            process.upkeep.purge()

    def events(self, result: Any) -> list[Event]:
        return []


def attempt(call: ClientCall, process: Process) -> Any:
    """The result, or UNKNOWN. A client that dies is started anew. Throttling means that nothing was written."""
    try:
        return call.run(process)
    except Killed:
        process.items.choose = lambda _: Fault.NONE
        process.items.before = lambda _: None
        process.open()
        return UNKNOWN
    except InternalServerError:
        return UNKNOWN
    except (Throttling, Conflict):
        return UNKNOWN if call.in_pieces else THROTTLED  # earlier chunks stay deleted


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
        for name, model in models.items():
            try:
                found = fresh.collections.require(name)
            except ResourceNotFound:
                if model.uid is not None:
                    return False
                continue
            if model.uid is None or model.uid not in (found.uid, UUID(int=0)):
                return False
            model.uid = found.uid
            rows = fresh.faces.page(found, None, 4096).rows
            seen = {(NUMBERS[face.image_id], face.external_image_id, slot_of(face)): face.face_id for face in rows}
            users = {each.user.user_id for each in fresh.users.page(found, None, 500).rows}
            tokens = {item.key.sort for item in all_items(self._items, owned(found.uid, "token"))}
            _settle_erasures(model, set(seen.values()), users, tokens)
            if tokens != set(model.tokens):
                return False
            if len(seen) != len(rows) or set(seen) != set(model.faces):
                return False
            if any(face_id.int and seen[place] != face_id for place, face_id in model.faces.items()):
                return False
            for place in sorted(seen, key=repr):
                if model.faces[place].int == 0 and seen[place] in model.given:
                    return False
                model.faces[place] = seen[place]
                model.given[seen[place]] = None
            if not _settle_users(model, found, fresh, {face.face_id: face.user_id for face in rows}):
                return False
            check_collection(self._items, found, self._blobs)
        return True


def names_any(token: tuple[tuple[str, str, object], object], faces: set[UUID], users: set[str]) -> bool:
    """Return whether the result kept for a token (an Association, or words about a user) names any of them."""
    (_, user, _), kept = token
    if not isinstance(kept, Association):
        return user in users
    named = {*kept.changed, *(face.face_id for face in kept.skipped)}
    return not named.isdisjoint(faces) or not {kept.user.user_id, *(face.user_id for face in kept.skipped)}.isdisjoint(
        users
    )


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
