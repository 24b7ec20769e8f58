"""`python -m training.label_background FEATURES PART`: writes the pictures that an owner's label is learnt against.

FEATURES is the `.npz` of `training.label_heads`. Half of the `ROWS` are of Caltech-101, half of COCO, the first in the
order of the sha256 of their names: a choice that is the same everywhere and favours nothing.
"""

import hashlib
import sys
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from openrek.vision.models.learnt_parts import Provenance, encode

ROWS: Final = 512
SOURCES: Final = ("caltech101", "coco2017")
ABOUT: Final = Provenance(
    name="label-background",
    what="ordinary pictures that an owner's label is told apart from",
    reads="pplcnet: flatten_1.tmp_0 of the middle of each picture, of unit length",
    learnt_from="Caltech-101 (Li, Andreetto, Ranzato, Perona 2003; CC BY 4.0) and photos of COCO 2017",
    learnt_by="training/label_background.py",
    licence="Apache-2.0",
)


def background(table: dict[str, NDArray[np.generic]]) -> bytes:
    """Return the bytes of the part: `features` [ROWS, 1280], each named by its source and picture."""
    chosen: list[int] = []
    for source in SOURCES:
        rows = np.flatnonzero(table["source"] == source)
        order = sorted(rows, key=lambda row: hashlib.sha256(str(table["name"][row]).encode()).digest())
        chosen += order[: ROWS // len(SOURCES)]
    features = table["f"][chosen].astype(np.float64)
    units = features / np.linalg.norm(features, axis=1, keepdims=True)
    names = tuple(f"{table['source'][row]}/{table['name'][row]}" for row in chosen)
    return encode(ABOUT, names, {"features": units})


def main(features: str, part: str) -> None:
    Path(part).write_bytes(background(dict(np.load(features, allow_pickle=False))))


if __name__ == "__main__":
    main(*sys.argv[1:])
