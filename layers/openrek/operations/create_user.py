"""CreateUser."""

from openrek.domain.ports import Collections, Users
from openrek.operations.translation.idempotency import request_token
from openrek.operations.translation.shapes import Request, Response


def create_user(request: Request, *, collections: Collections, users: Users) -> Response:
    """Create a user without faces, which no search finds yet."""
    collection = collections.require(request["CollectionId"])
    users.create(collection, request["UserId"], request_token("CreateUser", request))
    return {}
