"""DeleteUser."""

from openrek.domain.ports import Collections, Users
from openrek.operations.translation.idempotency import request_token
from openrek.operations.translation.shapes import Request, Response


def delete_user(request: Request, *, collections: Collections, users: Users) -> Response:
    """Delete a user; its faces stay in the collection."""
    collection = collections.require(request["CollectionId"])
    users.delete(collection, request["UserId"], request_token("DeleteUser", request))
    return {}
