"""`python -m training.face_cover FEATURES PART`: learns the heads of DetectProtectiveEquipment; writes the learnt part.

FEATURES is an .npz with `f` float16 [n, 1280] (pplcnet's feature of a square around each face, 1.4 times as large), `y`
("with_mask", "without_mask", "mask_weared_incorrect") and `photo` (whole numbers, one for each photo). Photos whose
number is divisible by five have no part in it: how right the heads are on those is printed. On every fifth one after
them the scores of the ridge (`training.ridge`) become logits.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openrek.vision.equipment.covers import COVER, WORN_RIGHT
from openrek.vision.models.learnt_parts import Provenance, encode
from training import ridge

PENALTY = 0.003
SLOPES = np.arange(0.5, 12.01, 0.25)
SHIFTS = np.arange(-4, 4.01, 0.25)
BALANCED = (True, False)
"""How common masks are differs from place to place; that one is worn wrongly is rare wherever they are worn."""
PROVENANCE = Provenance(
    name="face cover",
    what="whether something covers the nose and mouth of a face, and whether it is worn right",
    reads="pplcnet, flatten_1.tmp_0 of unit length, of a square 1.4 times as large as the face",
    learnt_from=(
        "2,252 faces of 20 px and more on 853 photos of the Face Mask Detection data set (Kaggle, andrewmvd; CC0 by "
        "its page there), four of five photos"
    ),
    learnt_by="training/face_cover.py: ridge regression, scores made logits on photos that had no part in it",
    licence="Apache-2.0, as openrek",
)
Matrix = NDArray[np.float64]


def targets(kinds: NDArray[np.str_]) -> Matrix:
    """Return 1, -1 or 0 (does not count) for each face and head, [n, 2]."""
    cover = np.where(kinds == "without_mask", -1.0, 1.0)
    right = np.select([kinds == "with_mask", kinds == "without_mask"], [1.0, 0.0], -1.0)
    return np.stack([cover, right], axis=1)


def learn(features: Matrix, wanted: Matrix, photos: NDArray[np.int64]) -> bytes:
    """Return the bytes of the part."""
    units = features / np.linalg.norm(features, axis=1, keepdims=True)
    kind = photos % 5
    weights, biases = ridge.fit(units[kind > 1], wanted[kind > 1], PENALTY)
    scores = units @ weights.T + biases
    for head in range(wanted.shape[1]):
        rows = (kind == 1) & (wanted[:, head] != 0)
        slope, shift = _logistic(scores[rows, head], wanted[rows, head], BALANCED[head])
        weights[head], biases[head] = slope * weights[head], slope * biases[head] + shift
    return encode(PROVENANCE, (COVER, WORN_RIGHT), {"weights": weights, "biases": biases})


def _logistic(scores: Matrix, wanted: Matrix, balanced: bool) -> tuple[float, float]:
    """Return the slope and shift of a grid that make the answers likeliest; `balanced`: both signs weigh the same."""
    share = np.full(len(wanted), 1 / len(wanted))
    if balanced:
        share = np.where(wanted > 0, 0.5 / (wanted > 0).sum(), 0.5 / (wanted < 0).sum())
    losses = {
        (slope, shift): float((share * np.logaddexp(0, -wanted * (slope * scores + shift))).sum())
        for slope in SLOPES.tolist()
        for shift in SHIFTS.tolist()
    }
    return min(losses, key=losses.__getitem__)


def report(features: Matrix, wanted: Matrix, photos: NDArray[np.int64], part: bytes) -> None:
    """Print the share of held-back faces that each head is right about, and the area under its ROC curve."""
    from openrek.vision.models.learnt_parts import decode

    arrays = decode(part).arrays
    units = features / np.linalg.norm(features, axis=1, keepdims=True)
    logits = units @ arrays["weights"].T + arrays["biases"]
    for head, name in enumerate((COVER, WORN_RIGHT)):
        rows = (photos % 5 == 0) & (wanted[:, head] != 0)
        yes, no = logits[rows & (wanted[:, head] > 0), head], logits[rows & (wanted[:, head] < 0), head]
        area = float((yes[:, None] > no[None]).mean())
        found, false = float((yes > 0).mean()), float((no > 0).mean())
        print(f"{name}: {len(yes)} yes, {len(no)} no; found {found:.3f}, false {false:.3f}, AUC {area:.3f}")


def main(features: str, part: str) -> None:
    table = np.load(features, allow_pickle=False)
    rows = table["f"].astype(np.float64), targets(table["y"]), table["photo"]
    made = learn(*rows)
    Path(part).write_bytes(made)
    report(*rows, made)


if __name__ == "__main__":
    main(*sys.argv[1:])
