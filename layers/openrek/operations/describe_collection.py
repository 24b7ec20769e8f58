"""DescribeCollection."""

from openrek.domain.caller import Caller
from openrek.domain.collections import collection_arn
from openrek.domain.ports import Collections
from openrek.operations.translation.shapes import Request, Response


def describe_collection(request: Request, *, collections: Collections, caller: Caller) -> Response:
    """Return the counts, model version, ARN and creation time of a collection."""
    collection = collections.require(request["CollectionId"])
    return {
        "FaceCount": collection.face_count,
        "FaceModelVersion": collection.model_version,
        "CollectionARN": collection_arn(collection.collection_id, region=caller.region, account=caller.account),
        "CreationTimestamp": round(collection.created_s, 3),
        "UserCount": collection.user_count,
    }
