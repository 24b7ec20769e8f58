"""DeleteCollection."""

from openrek.domain.ports import Collections
from openrek.operations.translation.shapes import Request, Response


def delete_collection(request: Request, *, collections: Collections) -> Response:
    """Delete a collection and everything in it."""
    collections.delete(request["CollectionId"])
    return {"StatusCode": 200}
