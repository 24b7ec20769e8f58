"""UntagResource."""

from openrek.domain.caller import Caller
from openrek.domain.collections import collection_of_arn
from openrek.domain.ports import Collections, Tags
from openrek.operations.translation.shapes import Request, Response


def untag_resource(request: Request, *, collections: Collections, tags: Tags, caller: Caller) -> Response:
    """Remove tags from a collection."""
    collection = collections.require(collection_of_arn(request["ResourceArn"], caller))
    tags.remove(collection, request["TagKeys"])
    return {}
