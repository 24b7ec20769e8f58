"""A user's vector: the normalised mean of its faces' embeddings. Standard library only."""

import math
from array import array
from collections.abc import Sequence
from typing import Final

from openrek.store.log.quantisation import quantise

SHORTEST_SUM: Final = 1e-3
"""Of embeddings of length 1. If the sum is shorter, they cancel each other out and only rounding errors remain."""


def user_vector(faces: Sequence[tuple[bytes, float]]) -> tuple[bytes, float]:
    """Return (int8 bytes, scale) of a user, given its faces, (int8 bytes, scale) each, in ascending order of FaceId.

    Sums are float64 in that order. Faces that cancel each other out are represented by the first of them.
    """
    sums = [0.0] * len(faces[0][0])
    for vector, scale in faces:
        sums = [total + scale * x for total, x in zip(sums, array("b", vector), strict=True)]
    length = math.sqrt(math.fsum(x * x for x in sums))
    if length < SHORTEST_SUM:
        return faces[0]
    return quantise(array("f", (x / length for x in sums)))
