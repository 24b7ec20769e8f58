"""A face pack: all that this room knows of a face model, as one value.

The numbers that other rooms need, too, are in its FaceModel. Which packs there are is not decided here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from openrek.domain.models import FaceModel

Direction: TypeAlias = NDArray[np.float64]
"""[dimensions], of unit length, not to be written to."""

UNIT_WITHIN: Final = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class FacePack:
    """A face model: its networks, how they are fed, and what becomes of their vectors.

    `detector` and `embedder` are rows of the manifest; any detector is read as YuNet is. The embedder takes crops as
    float32 [1, 3, 112, 112] RGB, (0..255 - `mean`) / `deviation`, as `input_name`, and gives vectors [1, dimensions] as
    `output_name`. With `project_out` vectors lose their part along it before they are normalised. The cosine with
    `child_direction` tells faces of small children.
    """

    model: FaceModel
    detector: str
    embedder: str
    input_name: str
    output_name: str
    mean: float = 0.0
    deviation: float = 1.0
    project_out: Direction | None = None
    child_direction: Direction | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a direction of another length than the vectors, or not of unit length."""
        for direction in (self.project_out, self.child_direction):
            if direction is None:
                continue
            if direction.shape != (self.model.dimensions,):
                raise ValueError(
                    f"A direction of face model {self.model.version} has the shape {list(direction.shape)}; "
                    f"its vectors have {self.model.dimensions} numbers."
                )
            if abs(float(np.linalg.norm(direction)) - 1) > UNIT_WITHIN:
                raise ValueError(f"A direction of face model {self.model.version} is not of unit length.")


def projected(vectors: NDArray[np.float64], direction: Direction) -> NDArray[np.float64]:
    """Return vectors [..., dimensions] without their part along the unit `direction`: v - (v . b) b."""
    left: NDArray[np.float64] = vectors - (vectors @ direction)[..., None] * direction
    return left


def conversion(old: FacePack, new: FacePack) -> Callable[[NDArray[np.float64]], NDArray[np.float64]] | None:
    """Return how unit vectors [n, dimensions] of `old` become vectors of `new`, of any length; None where they cannot.

    They can if both have one network and `new` only leaves out a direction that `old` has: the projection of v / |v| is
    that of v, divided by |v|.
    """
    networks = [
        (pack.detector, pack.embedder, pack.input_name, pack.output_name, pack.mean, pack.deviation)
        for pack in (old, new)
    ]
    direction = new.project_out
    if networks[0] != networks[1] or old.project_out is not None or direction is None:
        return None
    return lambda vectors: projected(vectors, direction)
