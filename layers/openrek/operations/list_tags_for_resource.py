"""ListTagsForResource."""

from openrek.domain.caller import Caller
from openrek.domain.collections import collection_of_arn
from openrek.domain.ports import Collections, Tags
from openrek.operations.translation.shapes import Request, Response


def list_tags_for_resource(request: Request, *, collections: Collections, tags: Tags, caller: Caller) -> Response:
    """Return the tags of a collection."""
    collection = collections.require(collection_of_arn(request["ResourceArn"], caller))
    return {"Tags": dict(tags.read(collection))}
