"""`python -m training.linear_heads FOLDER PART`: learns a linear head for each label and writes a learnt part.

FOLDER holds `features.npy` (float16 or float32, a row for each picture), `labels.csv` (a column for each label: 1, 0,
or blank where nobody is sure) and `about.toml` (the provenance, and `penalty`). PART has the arrays `weights`
[labels, features] and `biases` [labels]; a head says yes where features . weights + bias > 0.
"""

import csv
import sys
import tomllib
from pathlib import Path

import numpy as np

from openrek.vision.models.learnt_parts import Provenance, encode
from training import ridge

_TARGETS = {"1": 1.0, "0": -1.0, "": 0.0}


def learn(folder: Path) -> bytes:
    """Return the bytes of the part. The same folder gives the same bytes."""
    about = tomllib.loads((folder / "about.toml").read_text("utf-8"))
    features = np.load(folder / "features.npy", allow_pickle=False)
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        names, *rows = csv.reader(file)
    targets = np.array([[_TARGETS[cell.strip()] for cell in row] for row in rows], np.float64)
    weights, biases = ridge.fit(features, targets, float(about.pop("penalty")))
    return encode(Provenance(**about), tuple(names), {"weights": weights, "biases": biases})


def main(folder: str, part: str) -> None:
    Path(part).write_bytes(learn(Path(folder)))


if __name__ == "__main__":
    main(*sys.argv[1:])
