"""The Confidence of a face: how likely what the detector found is one.

The detector's score is no probability: of what it scores .76 on photos of WIDER FACE six of seven are faces, of what
it scores .87 all but one in a hundred, and portraits have .93. The curve was fitted on 300 of these photos and is
judged on others (docs/ACCURACY.md, "Confidence"); beyond what they can tell it goes on in the same direction.
"""

import math
from typing import Final

import numpy as np

from openrek.domain.faces import float32

_CURVE: Final = (
    (0.50, 5.0),
    (0.70, 55.0),
    (0.74, 78.0),
    (0.78, 89.0),
    (0.82, 93.5),
    (0.85, 97.0),
    (0.87, 99.0),
    (0.89, 99.6),
    (0.91, 99.85),
    (0.93, 99.95),
    (0.95, 99.98),
    (1.00, 99.999),
)
"""Score of the detector, and the percentage of such findings that are faces; between them the logit is straight."""
_SCORES: Final = np.array([score for score, _ in _CURVE])
_LOGITS: Final = np.array([math.log(pct / (100 - pct)) for _, pct in _CURVE])


def confidence_pct(score: float) -> float:
    """Return the confidence, 0..100, float32, of a face that the detector gave this score, 0..1.

    It never falls as the score rises.
    """
    logit = float(np.interp(score, _SCORES, _LOGITS))
    return float32(100 / (1 + math.exp(-logit)))
