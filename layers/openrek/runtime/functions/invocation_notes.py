"""Notes on one invocation for log and metrics: counts and names only, never contents of a request or a response."""

from dataclasses import dataclass
from typing import Any

from openrek.domain.caller import Caller
from openrek.wire.door import BoundOperation


@dataclass(slots=True)
class Notes:
    """The notes of the invocation that is running; a function works on one request at a time.

    `collection` is an id that the service model allows; `listed` is how much the response lists.
    """

    collection: str | None = None
    listed: int | None = None
    rows_scanned: int = 0

    def clear(self) -> None:
        self.collection = self.listed = None
        self.rows_scanned = 0

    def scan(self, rows: int) -> None:
        self.rows_scanned += rows


def noted(operation: BoundOperation, notes: Notes, listed: str) -> BoundOperation:
    """Wrap the operation so that it writes notes on its request and its response.

    `listed` is the list in the response that is counted, or empty.
    """

    def bound(request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        notes.collection = request.get("CollectionId")
        response = operation(request, caller)
        notes.listed = len(response[listed]) if listed in response else None
        return response

    return bound
