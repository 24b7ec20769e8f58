"""What searches and comparisons have in common: defaults, and which model a collection's vectors belong to."""

from openrek.domain.collections import Collection
from openrek.domain.errors import InvalidParameter
from openrek.domain.models import FaceModel

DEFAULT_THRESHOLD_PCT = 80.0
MOST_MATCHES = 4096
"""What the service model allows, and the default: AWS documents none, and a shorter one would hide matches."""
MOST_FACES_IN_PHOTO = 100
ASSOCIATION_THRESHOLD_PCT = 75.0
MOST_USERS = 500
"""What the service model allows in an answer and in a page, and the default of both."""
MOST_MATCHES_PER_FACE = 50
"""Of SearchAllFacesByImage: the answer for 100 faces stays below the 6 MB that a Lambda function may answer."""


def require_pinned_model(collection: Collection, model: FaceModel) -> None:
    """Raises InvalidParameter if the collection's vectors come from another model than the one at hand."""
    if collection.model_version != model.version:
        raise InvalidParameter(
            reason=f"The collection {collection.collection_id} was made with face model {collection.model_version}; "
            f"this deployment reads photos with {model.version}."
        )
