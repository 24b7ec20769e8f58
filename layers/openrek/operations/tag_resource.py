"""TagResource."""

from openrek.domain.caller import Caller
from openrek.domain.collections import collection_of_arn
from openrek.domain.ports import Collections, Tags
from openrek.operations.translation.shapes import Request, Response


def tag_resource(request: Request, *, collections: Collections, tags: Tags, caller: Caller) -> Response:
    """Add tags to a collection."""
    collection = collections.require(collection_of_arn(request["ResourceArn"], caller))
    tags.put(collection, request["Tags"])
    return {}
