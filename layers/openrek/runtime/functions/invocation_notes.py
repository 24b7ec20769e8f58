"""Notes on one invocation for log and metrics: counts and names only, never contents of a request or a response."""

from collections.abc import Mapping, Sized
from dataclasses import dataclass
from typing import Any

from openrek.domain.caller import Caller
from openrek.wire.door import BoundOperation


@dataclass(slots=True)
class Notes:
    """The notes of the invocation that is running; a function works on one request at a time.

    `collection` is an id that the service model allows.
    """

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
"""Members of a response that list faces, or users found; a response has at most one of them."""


def noted(operation: BoundOperation, notes: Notes) -> BoundOperation:
    """Wrap the operation so that it writes notes on its request and its response."""

    def bound(request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        notes.collection = request.get("CollectionId")
        response = operation(request, caller)
        notes.faces = _faces(response)
        notes.indexed = len(response.get("FaceRecords", ()))
        return response

    return bound


def _faces(response: Mapping[str, Any]) -> int | None:
    found: Sized | None = next((response[name] for name in FACES if name in response), None)
    return None if found is None else len(found)
