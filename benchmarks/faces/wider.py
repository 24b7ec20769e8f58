"""Recall and precision of the search for faces on WIDER FACE, by the height of a face in the picture.

`python -m benchmarks.faces.wider PATH [--part train] [--limit N]`; PATH is a folder with WIDER_val/images (or
WIDER_train) and the files *_bbx_gt.txt, of which any pictures may be missing. "whole" is one search of the whole
picture in its turns, "anywhere" what a call does: tiles, dark and pale pictures, print. A detection counts if it
shares half with a face of 10 px or more; those that share half with a face that the data mark as invalid, or that is
smaller, count as nothing."""

import argparse
import itertools
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.pipeline import WEIGHTS, header, row
from openrek.vision.faces.detect import Detections
from openrek.vision.faces.reader import MOST_FACES
from openrek.vision.faces.rescue import detect_anywhere
from openrek.vision.faces.turned import detect_every_way
from openrek.vision.images.decode import decode
from openrek.vision.models.sessions import ModelSessions

HEIGHTS_PX = (10, 20, 30, 50)
LEAST_SHARED = 0.5
_INVALID_AT = 7
_Floats = NDArray[np.float64]


def annotated(listing: Path) -> dict[str, _Floats]:
    """Return the rows [n, 10] of each picture: left, top, width, height in px, then marks."""
    lines = iter(listing.read_text("utf-8").splitlines())
    return {
        name: np.array([row.split() for row in itertools.islice(lines, max(1, int(next(lines, "0"))))], float)
        for name in lines
    }


class Tally:
    """What was found of one part of the data."""

    def __init__(self) -> None:
        self.faces, self.found = np.zeros(len(HEIGHTS_PX)), np.zeros(len(HEIGHTS_PX))
        self.right = self.wrong = 0

    def add(self, seen: Detections, rows: _Floats) -> None:
        """Match the largest MOST_FACES detections, best score first, each with the face it shares most with."""
        largest = np.argsort(-np.prod(seen.boxes[:, 2:], axis=1))[:MOST_FACES]
        boxes = seen.boxes[largest[np.argsort(-seen.scores[largest])]].astype(float)
        rows = rows[np.prod(rows[:, 2:4], axis=1) > 0]
        counted = (rows[:, _INVALID_AT] == 0) & (rows[:, 3] >= HEIGHTS_PX[0])
        union, within = shares(boxes, rows[:, :4])
        used = np.zeros(len(rows), bool)
        for over, inside in zip(union, within, strict=True):
            free = np.where(counted & ~used, over, 0)
            if free.max(initial=0) >= LEAST_SHARED:
                used[free.argmax()] = True
                self.right += 1
            else:
                self.wrong += np.where(counted, 0, np.maximum(over, inside)).max(initial=0) < LEAST_SHARED
        for at, height_px in enumerate(HEIGHTS_PX):
            tall = counted & (rows[:, 3] >= height_px)
            self.faces[at] += tall.sum()
            self.found[at] += (tall & used).sum()

    def cells(self) -> list[str]:
        """Return recall by height, then precision and the number of detections that are no faces."""
        recall = [f"{found / max(faces, 1):.3f}" for found, faces in zip(self.found, self.faces, strict=True)]
        return [*recall, f"{self.right / max(self.right + self.wrong, 1):.3f}", str(self.wrong)]


def shares(boxes: _Floats, others: _Floats) -> tuple[_Floats, _Floats]:
    """Return intersection over union, and over the first's area, of boxes [n, 4] and [m, 4]; both [n, m]."""
    low = np.maximum(boxes[:, None, :2], others[:, :2])
    high = np.minimum((boxes[:, :2] + boxes[:, 2:])[:, None], others[:, :2] + others[:, 2:])
    both = np.prod(np.maximum(high - low, 0), axis=2)
    area, other = np.prod(boxes[:, 2:], axis=1)[:, None], np.prod(others[:, 2:], axis=1)
    return both / (area + other - both), both / area


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("path", type=Path)
    arguments.add_argument("--part", choices=("train", "val"), default="val")
    arguments.add_argument("--limit", type=int, help="so many pictures, drawn by chance")
    given = arguments.parse_args()
    truth = annotated(next(given.path.rglob(f"wider_face_{given.part}_bbx_gt.txt")))
    folder = given.path / f"WIDER_{given.part}" / "images"
    names = [name for name in sorted(truth) if (folder / name).exists()]
    random.Random(3).shuffle(names)
    yunet = ModelSessions(WEIGHTS).session("yunet")
    ways: dict[str, Callable[[Image.Image], Detections]] = {
        "whole": lambda image: detect_every_way(yunet, image),
        "anywhere": lambda image: detect_anywhere(yunet, image)[1],
    }
    tallies = {name: Tally() for name in ways}
    for name in names[: given.limit]:
        image = decode((folder / name).read_bytes()).image
        for way, search in ways.items():
            tallies[way].add(search(image), truth[name])
    header("search", *(f"recall from {height} px" for height in HEIGHTS_PX), "precision", "no faces")
    for way, tally in tallies.items():
        row(way, *tally.cells())


if __name__ == "__main__":
    main()
