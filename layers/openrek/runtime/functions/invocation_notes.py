"""What is worth telling of one invocation, noted while it runs. Counts and names only: never what was sent or found."""

from collections.abc import Mapping, Sized
from dataclasses import dataclass
from typing import Any

from openrek.domain.caller import Caller
from openrek.runtime.parts.adapters import Bound


@dataclass(slots=True)
class Notes:
    """`collection` is an id that the service model allows. A function works on one request at a time."""

    collection: str | None = None
    faces: int | None = None
    indexed: int = 0
    rows_scanned: int = 0

    def clear(self) -> None:
        self.collection = self.faces = None
        self.indexed = self.rows_scanned = 0

    def scan(self, rows: int) -> None:
        self.rows_scanned += rows


FACES = ("FaceRecords", "FaceMatches", "FaceDetails", "Faces", "DeletedFaces", "UserMatches", "SearchedFaces")
"""Members of an answer that list faces, or users found; an answer has at most one of them."""


def noted(operation: Bound, notes: Notes) -> Bound:
    """The operation, with notes taken of its request and its answer."""

    def bound(request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        notes.collection = request.get("CollectionId")
        answer = operation(request, caller)
        notes.faces = _faces(answer)
        notes.indexed = len(answer.get("FaceRecords", ()))
        return answer

    return bound


def _faces(answer: Mapping[str, Any]) -> int | None:
    found: Sized | None = next((answer[name] for name in FACES if name in answer), None)
    return None if found is None else len(found)
