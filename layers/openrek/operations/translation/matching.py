"""Defaults of searches and comparisons, and the check of a collection's face model."""

from openrek.domain.collections import Collection
from openrek.domain.errors import InvalidParameter
from openrek.domain.models import FaceModel

DEFAULT_THRESHOLD_PCT = 80.0
MOST_MATCHES = 4096
"""The most that the service model allows, and the default: AWS documents none, and a smaller one would hide matches."""
MOST_FACES_IN_PHOTO = 100
ASSOCIATION_THRESHOLD_PCT = 75.0
MOST_USERS = 500
"""The most that the service model allows in a response and in a page, and the default of both."""
MOST_MATCHES_PER_FACE = 50
"""Of SearchAllFacesByImage: the response for 100 faces stays below the 6 MB that a Lambda function may return."""


def require_pinned_model(collection: Collection, model: FaceModel) -> None:
    """Check that the collection's vectors come from this model. Raises InvalidParameter."""
    if collection.model_version != model.version:
        raise InvalidParameter(
            reason=f"The collection {collection.collection_id} was made with face model {collection.model_version}; "
            f"this deployment reads photos with {model.version}."
        )
