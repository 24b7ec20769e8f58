"""From what the networks say to confidences of labels, 0..100.

Each label has a score, 0..1, and a least score at which it is told unless another confidence is asked for: that is
confidence 50. The least scores were chosen on ordinary photos, so that at most two in a thousand get the label, and are
measured on others (`python -m benchmarks.moderation`, docs/ACCURACY.md).
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from openrek.domain.faces import float32
from openrek.vision.moderation.networks import Styles

MOST_PCT: Final = 99.9
LEAST_PCT: Final = 1.0
"""A label that is less sure than this is not told, whatever is asked for."""

EXPLICIT, SUGGESTIVE = "Explicit", "Non-Explicit Nudity of Intimate parts and Kissing"
FEMALE_SWIMWEAR, MALE_SWIMWEAR = "Female Swimwear or Underwear", "Male Swimwear or Underwear"
PICTURED: Final[Mapping[str, tuple[tuple[int, ...], float]]] = {
    FEMALE_SWIMWEAR: ((445, 459, 638, 639), 0.65),  # bikini, brassiere, maillots; bare shoulders have up to .6
    MALE_SWIMWEAR: ((842,), 0.25),  # swimming trunks
    "Weapons": ((413, 456, 471, 657, 763, 764), 0.4),  # rifles, bow, cannon, missile, revolver
    "Alcoholic Beverages": ((440, 441, 503, 907, 966), 0.25),  # beer, cocktail shaker, wine
    "Gambling": ((800,), 0.25),  # slot machine
    "Pills": ((720,), 0.25),  # pill bottle
}
"""Label -> the classes of ImageNet whose probabilities are summed, and the least sum at which it is told."""
_LEAST_UNSAFE: Final = 0.8
_LEAST_EXPLICIT: Final = 0.5
_LEAST_SUGGESTIVE: Final = 0.5
_MOST_SWIMWEAR: Final = 0.3
"""A picture of swimwear or underwear is not told to be explicit: open-nsfw takes much of it to be unsafe."""


def labels(unsafe: float, styles: Styles, probabilities: NDArray[np.float32]) -> dict[str, float]:
    """Return the confidences of the labels that are told: of open-nsfw's probability, of nsfwjs's, and of those [1000]
    of ImageNet's classes.

    What open-nsfw alone takes to be unsafe is told to be suggestive. nsfwjs's "drawing" is not used: it says so of a
    third of all photos, and of hardly any cartoon.
    """
    scores = {name: float(probabilities[list(classes)].sum()) for name, (classes, _) in PICTURED.items()}
    swimwear = scores[FEMALE_SWIMWEAR] + scores[MALE_SWIMWEAR]
    explicit = min(
        confidence(unsafe, _LEAST_UNSAFE),
        confidence(styles.porn + styles.hentai, _LEAST_EXPLICIT),
        confidence(1 - swimwear, 1 - _MOST_SWIMWEAR),
    )
    found = {name: confidence(scores[name], least) for name, (_, least) in PICTURED.items()}
    found[EXPLICIT] = explicit
    unexplained = confidence(unsafe, _LEAST_UNSAFE) if explicit < 50 else 0.0
    found[SUGGESTIVE] = max(confidence(styles.sexy, _LEAST_SUGGESTIVE), unexplained)
    return {name: sure for name, sure in found.items() if sure >= LEAST_PCT}


def confidence(score: float, least: float) -> float:
    """Return the confidence of a score, 0..100, float32: 50 at `least`, and in straight lines to both ends."""
    score = min(1.0, max(0.0, score))
    part = score / (2 * least) if score < least else 0.5 + (score - least) / (2 * (1 - least))
    return float32(min(100 * part, MOST_PCT))
