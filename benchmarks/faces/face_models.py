"""What projecting the child direction out changes: face models 7.0 and 7.1 from the same raw vectors.

    python -m benchmarks.faces.face_models largest FOLDER OUT.npz    the raw vector of the largest face of each .jpg
    python -m benchmarks.faces.face_models middle FOLDER OUT.npz     of the one nearest the middle: for LFW
    python -m benchmarks.faces.face_models lfw LFW.npz pairs.txt     accuracy, true and false matches on LFW's View 2
    python -m benchmarks.faces.face_models fairface FAIRFACE.npz LABELS.csv [LEAVE_OUT]

FairFace's photos are all of different persons, so that every pair of two is a pair of strangers. LEAVE_OUT is a folder
of photos whose names do not count. Vectors are personal data: keep the .npz where the photos are.
"""

import csv
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from openrek.domain.faces import DetectedFace
from openrek.domain.models import FaceModel
from openrek.vision.faces import sface
from openrek.vision.faces.packs import FacePack, projected
from openrek.vision.faces.reader import FaceReader
from openrek.vision.models.sessions import ModelSessions

THRESHOLDS_PCT = (80.0, 99.0)
ENOUGH = 30
"""Events: a share of fewer is given as their number."""


def largest(folder: Path, out: Path) -> None:
    _vectors(folder, out, lambda faces: faces[0])


def middle(folder: Path, out: Path) -> None:
    _vectors(folder, out, lambda faces: min(faces, key=_from_middle))


def _from_middle(face: DetectedFace) -> float:
    box = face.box
    return math.hypot(box.left + box.width / 2 - 0.5, box.top + box.height / 2 - 0.5)


def _vectors(folder: Path, out: Path, chosen: Callable[[Sequence[DetectedFace]], DetectedFace]) -> None:
    reader = FaceReader(ModelSessions(Path(sys.prefix) / "share/openrek/weights"), sface.packs())
    names, raw = [], []
    for path in sorted(folder.rglob("*.jpg")):
        photo = reader.read(path.read_bytes())
        if photo.faces:
            names.append(str(path.relative_to(folder)))
            raw.append(photo.raw(chosen(photo.faces)))
    np.savez(out, names=np.array(names), raw=np.array(raw, np.float32))


def embeddings(raw: np.ndarray, pack: FacePack) -> np.ndarray:
    """Return unit vectors, float64 [n, dimensions]."""
    found = raw.astype(np.float64)
    if pack.project_out is not None:
        found = projected(found, pack.project_out)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))


def lfw(vectors_file: Path, pairs_file: Path) -> None:
    with np.load(vectors_file, allow_pickle=False) as file:
        place = {name: row for row, name in enumerate(file["names"].tolist())}
        raw = file["raw"]
    folds, each = map(int, pairs_file.read_text("utf-8").split("\n", 1)[0].split())
    lines = [line.split() for line in pairs_file.read_text("utf-8").splitlines()[1:] if line.strip()]
    same = np.array([len(line) == 3 for line in lines])
    rows = np.array([[place[name] for name in _names(line)] for line in lines])
    fold = np.arange(len(lines)) // (2 * each)
    people = np.array([name.split("/")[0] for name in place])
    print("| face model | accuracy, 10 folds | TAR at 80 / 99 | FMR at 80 / 99, all pairs of strangers |")
    print("|---|---|---|---|")
    for pack in reversed(sface.packs()):
        unit = embeddings(raw, pack)
        cosines = np.einsum("ij,ij->i", unit[rows[:, 0]], unit[rows[:, 1]])
        right = [_accuracy(cosines, same, fold == k) for k in range(folds)]
        lowest = [pack.model.lowest_cosine(pct) for pct in THRESHOLDS_PCT]
        true = [f"{100 * (cosines[same] >= least).mean():.2f}" for least in lowest]
        counts, total = _strangers(unit, people, lowest)
        print(
            f"| {pack.model.version} | {100 * np.mean(right):.2f} +- {100 * np.std(right) / math.sqrt(folds):.2f} % "
            f"| {true[0]} / {true[1]} % | {counts[0] / total:.2e} / {counts[1] / total:.2e} |"
        )


def _names(line: Sequence[str]) -> list[str]:
    person, *rest = line
    others = [(person, rest[0]), (person, rest[1])] if len(line) == 3 else [(person, rest[0]), (rest[1], rest[2])]
    return [f"{name}/{name}_{int(number):04}.jpg" for name, number in others]


def _accuracy(cosines: np.ndarray, same: np.ndarray, tested: np.ndarray) -> float:
    """Return the share of right answers in a fold at the threshold that is best for all others."""
    order = np.argsort(cosines[~tested])
    candidates, true = cosines[~tested][order], same[~tested][order]
    above = np.cumsum(true[::-1])[::-1]
    below = np.cumsum(~true) - ~true
    best = candidates[int(np.argmax(above + below))]
    return float(((cosines[tested] >= best) == same[tested]).mean())


def _strangers(unit: np.ndarray, people: np.ndarray, lowest: Sequence[float]) -> tuple[list[int], int]:
    """Return how many pairs of different people reach each cosine, and how many such pairs there are."""
    counts, total = [0] * len(lowest), 0
    for start in range(0, len(unit), 1000):
        part = slice(start, start + 1000)
        cosines = unit[part] @ unit[start:].T
        other = people[part, None] != people[None, start:]
        other &= np.arange(len(unit[part]))[:, None] < np.arange(len(unit) - start)[None]
        total += int(other.sum())
        counts = [count + int((cosines[other] >= least).sum()) for count, least in zip(counts, lowest, strict=True)]
    return counts, total


def fairface(vectors_file: Path, labels_file: Path, leave_out: Path | None = None) -> None:
    left_out = {path.name for path in leave_out.iterdir()} if leave_out else set()
    with labels_file.open(encoding="utf-8", newline="") as file:
        labels = {Path(row["file"]).name: row for row in csv.DictReader(file)}
    with np.load(vectors_file, allow_pickle=False) as file:
        kept = np.array([Path(name).name not in left_out for name in file["names"].tolist()])
        raw = file["raw"][kept]
        of = [labels[Path(name).name] for name in file["names"][kept].tolist()]
    ages = {"03-Sep": "3-9", "Oct-19": "10-19"}  # as a spreadsheet has written some of them
    groups = _groups(np.array([ages.get(row["age"], row["age"]) for row in of]), of)
    packs = list(reversed(sface.packs()))
    found = {pack.model.version: _shares(embeddings(raw, pack), groups, pack.model) for pack in packs}
    print(f"{len(raw)} photos; strangers at 80 and at 99 for each of {', '.join(found)}")
    for name, rows in groups.items():
        cells = [cell for version in found for cell in found[version][name]]
        print(f"| {name} | {sum(map(len, rows))} | {' | '.join(cells)} |")
    for pack in packs[-1:]:
        _told(raw, np.array([ages.get(row["age"], row["age"]) for row in of]), pack)


def _groups(ages: np.ndarray, of: Sequence[Mapping[str, str]]) -> dict[str, list[np.ndarray]]:
    """Return name -> sets of rows within which all pairs count."""
    alike = np.array([f"{row['race']} {row['gender']}" for row in of])
    order = sorted(set(ages.tolist()), key=lambda age: (age.startswith("more"), int(age.split("-")[0].split()[-1])))
    within = {f"{age} years": [np.flatnonzero(ages == age)] for age in order}
    for age in order[:2]:
        within[f"{age} years, same race and sex"] = [
            np.flatnonzero((ages == age) & (alike == each)) for each in sorted(set(alike.tolist()))
        ]
    within["all ages, same race and sex"] = [np.flatnonzero(alike == each) for each in sorted(set(alike.tolist()))]
    return within


def _shares(unit: np.ndarray, groups: Mapping[str, list[np.ndarray]], model: FaceModel) -> dict[str, list[str]]:
    shares = {}
    for name, sets in groups.items():
        cosines = np.concatenate([(unit[rows] @ unit[rows].T)[np.triu_indices(len(rows), 1)] for rows in sets])
        cells = []
        for pct in THRESHOLDS_PCT:
            count = int((cosines >= model.lowest_cosine(pct)).sum())
            cells.append(f"{count / len(cosines):.2g}" if count >= ENOUGH else f"{count} of {len(cosines)}")
        shares[name] = cells
    return shares


def _told(raw: np.ndarray, ages: np.ndarray, pack: FacePack) -> None:
    assert pack.child_direction is not None
    assert pack.model.child_cosine is not None
    cosines = raw @ pack.child_direction / np.linalg.norm(raw, axis=1)
    for age in sorted(set(ages.tolist())):
        print(f"told to be a young child: {age} {100 * (cosines[ages == age] > pack.model.child_cosine).mean():.2f} %")


def main(what: str, *arguments: str) -> None:
    command: Any = {"largest": largest, "middle": middle, "lfw": lfw, "fairface": fairface}[what]
    command(*map(Path, arguments))


if __name__ == "__main__":
    main(*sys.argv[1:])
