"""The numbers that make probabilities of what the networks say: `calibration.learnt`, made by
`training.label_calibration`.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from openrek.vision.images.arrays import Floats
from openrek.vision.models.learnt_parts import decode

FILE: Final = Path(__file__).with_name("calibration.learnt")


@dataclass(frozen=True, slots=True)
class Calibration:
    """Weights of logistic functions. Rows 0 and 1: without and with tiles.

    `present` [2, 4], of the best box of a class: its score's logit, the logarithm of its share of the picture, the
    logit of the next best score, and 1. `another` [2, 3], of every other box: its score's logit, the logarithm of its
    share, and 1; with tiles one thing is seen in two pieces now and then. `object_names` and `other_names` [3], of
    labels that ImageNet's classes answer: the logit of their summed probability, the logarithm of their number, and 1.
    The first are for names that COCO's classes decide too, and of which the detector may have seen nothing.
    """

    present: Floats
    another: Floats
    object_names: Floats
    other_names: Floats


@cache
def calibration() -> Calibration:
    """Return the numbers that ship, read once."""
    return Calibration(**decode(FILE.read_bytes()).arrays)
