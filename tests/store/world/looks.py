"""The calls that read faces, and what each result says of the model."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from openrek.domain.collections import Collection
from openrek.domain.errors import InvalidParameter, ResourceNotFound
from openrek.domain.faces import Face
from tests.store.synthetic import picture, slot, slot_of, vector_of
from tests.store.world.calls import ClientCall
from tests.store.world.model import NUMBERS, UNKNOWN, Event, Model, Place, require
from tests.store.world.process import Process


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
            if isinstance(result, Collection):
                require(model.uid in (result.uid, UUID(int=0)), "another uid")
                require(result.face_count == len(model.faces), "count", result.face_count, len(model.faces))
            elif result == "no such face":
                require(self.face_ids[0] not in model.faces.values(), "a face not found")
            else:
                self._check_faces(model, result)

        def face_found(models: dict[str, Model]) -> None:
            require(self.face_ids[0] in models[self.collection].faces.values(), "found by a face that is not there")

        by_face = self.how == "search by face" and result != "no such face"
        return [*([Event(f"{self} finds its face", face_found)] if by_face else []), Event(f"{self}", apply)]

    def _check_faces(self, model: Model, result: Any) -> None:
        faces: list[Face] = [found.face if self.how.startswith("search") else found for found in result]
        self._meet(model, faces)
        there = {face_id: place for place, face_id in model.faces.items()}
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

    @staticmethod
    def _meet(model: Model, faces: Sequence[Face]) -> None:
        """The ids of faces that a call of unknown outcome added."""
        for face in faces:
            place = (NUMBERS[face.image_id], face.external_image_id, slot_of(face))
            if model.faces.get(place) == UUID(int=0) and face.face_id not in model.given:
                model.faces[place] = face.face_id
                model.given[face.face_id] = None
