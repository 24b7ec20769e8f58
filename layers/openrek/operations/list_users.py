"""ListUsers."""

from openrek.domain.ports import Collections, PageTokens, Users
from openrek.operations.translation.matching import MOST_USERS
from openrek.operations.translation.pages import next_token, page_start
from openrek.operations.translation.shapes import Request, Response, user_shape


def list_users(request: Request, *, collections: Collections, users: Users, tokens: PageTokens) -> Response:
    """Return the users of a collection, those without faces too, in an order of ours."""
    collection = collections.require(request["CollectionId"])
    place = f"ListUsers {collection.uid}"
    start = page_start(request, tokens, place)
    page = users.page(collection, start, request.get("MaxResults", MOST_USERS))
    return {
        "Users": [user_shape(entry.user) for entry in page.rows],
        **next_token(page.rows[-1].cursor if page.more else None, tokens, place),
    }
