"""Face models and what their cosines mean.

A collection is pinned for life to the face model it was created with; vectors of different models are never compared.
Which models a deployment offers is decided where it is put together, and handed down.
"""

import math
from dataclasses import dataclass, replace

from openrek.domain.errors import InvalidParameter
from openrek.domain.faces import float32


@dataclass(frozen=True, slots=True)
class FaceModel:
    """A face model.

    `version` is the FaceModelVersion on the wire; Similarity = 100 / (1 + exp(-slope (cosine - midpoint))).
    `clear_length` is the length that vectors of clear photos have before they are made unit vectors. A face whose
    vector has a cosine above `child_cosine` with the mean of small children is told to be one; None: none is told.
    """

    version: str
    name: str
    dimensions: int
    slope: float
    midpoint: float
    clear_length: float
    child_cosine: float | None = None

    def similarity_pct(self, cosine: float) -> float:
        """Return the similarity of a cosine: 0..100, float32, never falling as the cosine rises."""
        return float32(100.0 / (1.0 + math.exp(-self.slope * (cosine - self.midpoint))))

    def is_child(self, child_cosine: float | None) -> bool:
        """Return True if a face with this cosine with the mean of small children is told to be one."""
        return self.child_cosine is not None and child_cosine is not None and child_cosine > self.child_cosine

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


@dataclass(frozen=True, slots=True)
class FaceModels:
    """The face models that a deployment offers. The first is that of new collections, and of all that has none."""

    offered: tuple[FaceModel, ...]

    def __post_init__(self) -> None:
        """Raise ValueError unless there is a model, and each version once."""
        if not self.offered or len({model.version for model in self.offered}) != len(self.offered):
            raise ValueError("A deployment offers at least one face model, and each version once.")

    @property
    def newest(self) -> FaceModel:
        return self.offered[0]

    def get(self, version: str) -> FaceModel | None:
        """Return the model of a version, or None if it is not offered."""
        return next((model for model in self.offered if model.version == version), None)

    def of(self, version: str) -> FaceModel:
        """Return the model of a collection's version. Raises InvalidParameter if it is not offered."""
        model = self.get(version)
        if model is None:
            raise InvalidParameter(
                reason=f"The collection was made with face model {version}, which this deployment does not carry."
            )
        return model


SFACE = FaceModel(
    version="7.0",
    name="sface-2021dec",
    dimensions=128,
    slope=36.0,
    midpoint=0.359,
    clear_length=12.5,
    child_cosine=0.40,
)
"""Constants fitted on LFW (`clear_length` is the median there); what each threshold means is in docs/ACCURACY.md."""

SFACE_7_1 = replace(SFACE, version="7.1", name="sface-2021dec without the child direction")
"""The curve is SFace's: the projection moves the cosines of adults by less than the curve was fitted to."""
