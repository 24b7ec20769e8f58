"""The calls that change a collection and its faces, and what each result says of the model."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from openrek.domain.errors import (
    Conflict,
    InternalServerError,
    Refusal,
    ResourceAlreadyExists,
    ResourceNotFound,
    Throttling,
)
from openrek.domain.faces import FaceNotDeleted
from openrek.domain.models import SFACE
from openrek.store.items.port import ConditionFailed, Contended, OutcomeUnknown
from tests.store.faults import Fault, Killed
from tests.store.synthetic import Embedder, picture, slot, slot_of
from tests.store.world.model import THROTTLED, UNKNOWN, Event, Model, Place, require
from tests.store.world.process import FACES_PER_COMMIT, Process


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
