"""CreateCollection."""

from openrek.domain.caller import Caller
from openrek.domain.collections import collection_arn
from openrek.domain.models import FaceModels
from openrek.domain.ports import Collections
from openrek.operations.translation.shapes import Request, Response


def create_collection(request: Request, *, collections: Collections, models: FaceModels, caller: Caller) -> Response:
    """Create a collection of the newest face model.

    The ARN is returned without its `arn:`, as Rekognition does here and nowhere else.
    """
    collection = collections.create(request["CollectionId"], models.newest, request.get("Tags", {}))
    arn = collection_arn(collection.collection_id, region=caller.region, account=caller.account)
    return {
        "StatusCode": 200,
        "CollectionArn": arn.removeprefix("arn:"),
        "FaceModelVersion": collection.model_version,
    }
