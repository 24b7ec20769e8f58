"""Face models and what their cosines mean.

A collection is pinned for life to the face model it was created with; vectors of different models are never compared.
"""

import math
from dataclasses import dataclass

from openrek.domain.errors import InvalidParameter
from openrek.domain.faces import float32


@dataclass(frozen=True, slots=True)
class FaceModel:
    """`version` is the FaceModelVersion on the wire; Similarity = 100 / (1 + exp(-slope (cosine - midpoint)))."""

    version: str
    name: str
    dimensions: int
    slope: float
    midpoint: float

    def similarity_pct(self, cosine: float) -> float:
        """0..100, float32, never falling as the cosine rises."""
        return float32(100.0 / (1.0 + math.exp(-self.slope * (cosine - self.midpoint))))

    def lowest_cosine(self, similarity_pct: float) -> float:
        """A cosine below which no similarity reaches `similarity_pct` as float32; a little low: rounding loses none.

        Threshold and similarity are both rounded; near 100 each of them may move by half of 7.6e-6.
        """
        lowest_pct = min(similarity_pct - 1e-5, 99.9999)
        if lowest_pct <= 0.0:
            return -1.0
        return max(-1.0, self.midpoint + math.log(lowest_pct / (100.0 - lowest_pct)) / self.slope - 1e-6)


SFACE = FaceModel(version="7.0", name="sface-2021dec", dimensions=128, slope=36.0, midpoint=0.359)
"""Constants fitted on LFW; what each threshold means is in docs/ACCURACY.md."""

FACE_MODELS = {model.version: model for model in (SFACE,)}


def face_model(version: str) -> FaceModel:
    """Raises InvalidParameter for a version that this build does not carry."""
    try:
        return FACE_MODELS[version]
    except KeyError:
        raise InvalidParameter(
            reason=f"The collection was made with face model {version}, which this deployment does not carry."
        ) from None
