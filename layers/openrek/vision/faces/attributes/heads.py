"""The heads of a face: linear functions of what the networks say, learnt by openrek, a file beside this module.

docs/LEARNT.md describes the file, training/face_heads.py makes it. A head's value is the sum of its weights times the
numbers of its blocks, and its bias: of "age" years, of all others the logit of a probability.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from openrek.vision.faces.attributes.signals import Signals
from openrek.vision.models.learnt_parts import LearntPartError, decode
from openrek.vision.models.zoo import WeightsError

FILE: Final = Path(__file__).with_name("heads.learnt")
_LOWER_FACE: Final = ("lip", "mouth", "chin")
_EXPRESSION: Final = ("eyes", *_LOWER_FACE, "movements")
INPUTS: Final[Mapping[str, tuple[str, ...]]] = {
    "eyeglasses": ("eyes",),
    "sunglasses": ("eyes",),
    "beard": _LOWER_FACE,
    "mustache": _LOWER_FACE,
    "occluded": _LOWER_FACE,
    "mouth_open": (*_LOWER_FACE, "movements"),
    "smile": (*_LOWER_FACE, "movements"),
    "eyes_open": ("lids", "eyes"),
    "male": ("feature", "genders"),
    "age": ("feature", "ages"),
    "HAPPY": _EXPRESSION,
    "SAD": _EXPRESSION,
    "ANGRY": _EXPRESSION,
    "SURPRISED": _EXPRESSION,
    "DISGUSTED": _EXPRESSION,
    "CALM": _EXPRESSION,
}
"""The blocks of numbers (see `signals`) that each head reads, one after the other."""
SUREST_LOGIT: Final = 6.0
"""No head is surer than 99.75 %: so few faces were there to learn from."""


@dataclass(frozen=True, slots=True, eq=False)
class Heads:
    """Weights [numbers] and bias of each head, by its name in INPUTS."""

    weights: Mapping[str, NDArray[np.float64]]
    biases: Mapping[str, float]

    def value(self, name: str, signals: Signals) -> float:
        """Return what the head says of a face; runs the networks that it needs and that have not run."""
        numbers = np.concatenate([signals.numbers(block) for block in INPUTS[name]])
        return float(self.weights[name] @ numbers.astype(np.float64)) + self.biases[name]

    def chance(self, name: str, signals: Signals) -> float:
        """Return the probability, 0..1, that a head gives."""
        logit = max(-SUREST_LOGIT, min(SUREST_LOGIT, self.value(name, signals)))
        return 1 / (1 + math.exp(-logit))


@lru_cache(maxsize=1)
def heads(path: Path = FILE) -> Heads:
    """Return the heads in the file. Raises WeightsError for one that is missing, damaged or another."""
    try:
        part = decode(path.read_bytes())
    except (OSError, LearntPartError) as error:
        raise WeightsError(f"The file of heads {path} cannot be used: {error}") from error
    if part.names != tuple(INPUTS) or {*part.arrays} != {*INPUTS, "biases"}:
        raise WeightsError(f"The file of heads {path} has other heads than this version of openrek.")
    biases = dict(zip(part.names, part.arrays["biases"].tolist(), strict=True))
    return Heads({name: part.arrays[name].astype(np.float64) for name in INPUTS}, biases)
