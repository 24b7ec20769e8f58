"""Face models and what their cosines mean.

A collection is pinned for life to the face model it was created with; vectors of different models are never compared.
"""

import math
from dataclasses import dataclass

from openrek.domain.errors import InvalidParameter
from openrek.domain.faces import float32


@dataclass(frozen=True, slots=True)
class FaceModel:
    """A face model.

    `version` is the FaceModelVersion on the wire; Similarity = 100 / (1 + exp(-slope (cosine - midpoint))).
    `clear_length` is the length that vectors of clear photos have before they are made unit vectors.
    """

    version: str
    name: str
    dimensions: int
    slope: float
    midpoint: float
    clear_length: float

    def similarity_pct(self, cosine: float) -> float:
        """Return the similarity of a cosine: 0..100, float32, never falling as the cosine rises."""
        return float32(100.0 / (1.0 + math.exp(-self.slope * (cosine - self.midpoint))))

    def lowest_cosine(self, similarity_pct: float) -> float:
        """Return the least cosine whose similarity reaches `similarity_pct`, both as float32; infinity when none does.

        Found by bisection, so that rounding decides nothing: 53 halvings, some 50 microseconds.
        """
        wanted_pct = float32(similarity_pct)
        below, reached = -1.0, 1.0
        if self.similarity_pct(below) >= wanted_pct:
            return below
        if self.similarity_pct(reached) < wanted_pct:
            return math.inf
        while below < (middle := (below + reached) / 2) < reached:
            if self.similarity_pct(middle) >= wanted_pct:
                reached = middle
            else:
                below = middle
        return reached


SFACE = FaceModel(version="7.0", name="sface-2021dec", dimensions=128, slope=36.0, midpoint=0.359, clear_length=12.5)
"""Constants fitted on LFW (`clear_length` is the median there); what each threshold means is in docs/ACCURACY.md."""

FACE_MODELS = {model.version: model for model in (SFACE,)}


def face_model(version: str) -> FaceModel:
    """Return the model of a version. Raises InvalidParameter for a version that this build does not carry."""
    try:
        return FACE_MODELS[version]
    except KeyError:
        raise InvalidParameter(
            reason=f"The collection was made with face model {version}, which this deployment does not carry."
        ) from None
