"""GetCelebrityInfo."""

from openrek.domain.celebrities import ID, CelebrityRule
from openrek.domain.errors import ResourceNotFound
from openrek.domain.ports import Collections, Users
from openrek.operations.translation.celebrities import celebrity_shape, how_to_fill
from openrek.operations.translation.shapes import Request, Response


def get_celebrity_info(
    request: Request, *, celebrity_rule: CelebrityRule, collections: Collections, users: Users
) -> Response:
    """Return what is known of a celebrity. Raises ResourceNotFound for an id that nobody has."""
    celebrity_id, unknown = request["Id"], ResourceNotFound(f"The celebrity id: {request['Id']} does not exist")
    if not ID.fullmatch(celebrity_id):
        raise unknown
    try:
        collection = collections.require(celebrity_rule.collection_id)
    except ResourceNotFound:
        raise ResourceNotFound(str(unknown), reason=how_to_fill(celebrity_rule)) from None
    celebrity = users.celebrities(collection, [celebrity_id]).get(celebrity_id)
    if celebrity is None:
        raise unknown
    return celebrity_shape(celebrity)
