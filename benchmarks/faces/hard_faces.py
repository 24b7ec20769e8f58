"""Photos of a folder, spoilt, turned and cropped: what the quality filter keeps of them, and who is then alike.

    python -m benchmarks.faces.hard_faces FOLDER [--photos 200] [--seed 7]

FOLDER holds one folder per person, or photos of different people. Of each person the first photo is taken, at random
`--photos` of them, and of each photo the largest face. Three tables:

* spoilt: the share of faces that are found again and that AUTO keeps; pairs of different people at Similarity 99 among
  all that are found and among those that are kept, as counts and as shares of these pairs;
* turned by 90, 180 and 270 degrees: the share found in its place and that matches its own upright photo, and pairs of
  different people;
* cropped to the face, with people of two photos only: true matches at 80 and 99 of a crop with the other photo.

Blur is Gaussian with a sigma, motion a straight line with a length, both in heights of the face; q is a JPEG's quality.
"""

import argparse
import io
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from openrek.domain.faces import BoundingBox, DetectedFace
from openrek.domain.quality import quality_reasons
from openrek.vision.faces import sface
from openrek.vision.faces.reader import FacePhoto, FaceReader
from openrek.vision.images.decode import Upright
from openrek.vision.models.sessions import ModelSessions

Spoil: TypeAlias = Callable[[Image.Image, float], Image.Image]
"""`spoil(picture, height of the face in px)`."""
SAME_PLACE = 0.4
TURNS = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}


def jpeg(picture: Image.Image, quality: int) -> Image.Image:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return Image.open(out).convert("RGB")


def blurred(picture: Image.Image, sigma_px: float) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(sigma_px))


def moved(picture: Image.Image, length_px: float) -> Image.Image:
    """Blur along a line whose direction depends on the picture's size and the length, so that all directions occur."""
    angle = (length_px * 997) % 3.14159
    steps = np.linspace(-length_px / 2, length_px / 2, max(3, round(length_px)))
    total = np.zeros((picture.height, picture.width, 3), np.float32)
    for step in steps:
        shift = (1, 0, step * np.cos(angle), 0, 1, step * np.sin(angle))
        total += np.asarray(picture.transform(picture.size, Image.Transform.AFFINE, shift, Image.Resampling.BILINEAR))
    return Image.fromarray((total / len(steps) + 0.5).astype(np.uint8))


def small(picture: Image.Image, scale: float) -> Image.Image:
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.resize(size, Image.Resampling.LANCZOS).resize(picture.size, Image.Resampling.BICUBIC)


SPOILT: dict[str, Spoil] = {
    "as they are": lambda picture, _: picture,
    "blur .06, q 30": lambda picture, height: jpeg(blurred(picture, 0.06 * height), 30),
    "blur .06, q 50": lambda picture, height: jpeg(blurred(picture, 0.06 * height), 50),
    "blur .04, q 50": lambda picture, height: jpeg(blurred(picture, 0.04 * height), 50),
    "motion .15, q 50": lambda picture, height: jpeg(moved(picture, 0.15 * height), 50),
    "motion .25, q 50": lambda picture, height: jpeg(moved(picture, 0.25 * height), 50),
    "faces of 20 px": lambda picture, height: small(picture, 20 / height),
    "q 20": lambda picture, _: jpeg(picture, 20),
}


@dataclass
class Found:
    """Vectors [n] of the faces that were found again, and which of them AUTO keeps."""

    vectors: list[NDArray[np.float64]] = field(default_factory=list)
    kept: list[bool] = field(default_factory=list)

    def add(self, photo: FacePhoto, face: DetectedFace) -> None:
        self.vectors.append(vector(photo, face))
        self.kept.append(not quality_reasons(face, "AUTO", photo.clearness(face)))


def vector(photo: FacePhoto, face: DetectedFace) -> NDArray[np.float64]:
    return np.frombuffer(photo.embed(face).embedding, np.float32).astype(np.float64)


def read(reader: FaceReader, picture: Image.Image) -> FacePhoto:
    return reader.read_upright(Upright(picture, *picture.size))


def in_place(photo: FacePhoto, box: BoundingBox) -> DetectedFace | None:
    """Return the face that overlaps most with `box`, if it is that one."""
    face = max(photo.faces, key=lambda face: face.box.iou(box), default=None)
    return face if face is not None and face.box.iou(box) >= SAME_PLACE else None


def people(folder: Path, count: int, seed: int) -> list[list[Path]]:
    """Return the photos of `count` people, by chance."""
    folders = [each for each in sorted(folder.iterdir()) if each.is_dir()]
    photos = [sorted(each.glob("*.jpg")) for each in folders] or [[each] for each in sorted(folder.glob("*.jpg"))]
    photos = [each for each in photos if each]
    random.Random(seed).shuffle(photos)
    return photos[:count]


def pairs_at(vectors: list[NDArray[np.float64]], lowest_cosine: float) -> tuple[int, int]:
    """Return the pairs whose cosine reaches the lowest, and all pairs."""
    if len(vectors) < 2:
        return 0, 0
    table = np.array(vectors)
    cosines = (table @ table.T)[np.triu_indices(len(table), 1)]
    return int((cosines >= lowest_cosine).sum()), len(cosines)


def row(*cells: object) -> None:
    print("| " + " | ".join(f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in cells) + " |")


def header(*cells: str) -> None:
    print()
    row(*cells)
    row(*["---"] * len(cells))


def firsts(reader: FaceReader, photos: list[list[Path]]) -> Iterator[tuple[Image.Image, FacePhoto, DetectedFace]]:
    """Yield picture, photo and largest face of everybody who has one."""
    for of_one in photos:
        picture = Image.open(of_one[0]).convert("RGB")
        photo = read(reader, picture)
        if photo.faces:
            yield picture, photo, photo.faces[0]


def spoilt_table(reader: FaceReader, photos: list[list[Path]], lowest_cosine: float) -> None:
    found: dict[str, Found] = {name: Found() for name in SPOILT}
    for picture, _, face in firsts(reader, photos):
        height_px = face.box.height * picture.height
        for name, spoil in SPOILT.items():
            photo = read(reader, spoil(picture, height_px))
            again = in_place(photo, face.box)
            if again is not None:
                found[name].add(photo, again)
    header("photos", "found", "of these kept by AUTO", "pairs at 99, all", "share", "pairs at 99, kept", "share")
    for name, each in found.items():
        kept = [one for one, keep in zip(each.vectors, each.kept, strict=True) if keep]
        shares = [
            (wrong, wrong / max(1, pairs))
            for wrong, pairs in (pairs_at(v, lowest_cosine) for v in (each.vectors, kept))
        ]
        row(name, len(each.vectors), len(kept) / max(1, len(each.vectors)), *shares[0], *shares[1])


def turned_table(reader: FaceReader, photos: list[list[Path]]) -> None:
    found: dict[int, list[NDArray[np.float64]]] = {turn: [] for turn in (0, *TURNS)}
    own = dict.fromkeys(TURNS, 0)
    for picture, photo, face in firsts(reader, photos):
        found[0].append(vector(photo, face))
        for turn, way in TURNS.items():
            again = read(reader, picture.transpose(way))
            there = in_place(again, turned_box(face.box, turn))
            if there is not None:
                found[turn].append(vector(again, there))
                own[turn] += bool(found[turn][-1] @ found[0][-1] >= reader.model.lowest_cosine(80))
    header("turned by", "faces", "found", "match their own upright photo", "pairs at 80", "pairs at 99", "of")
    for turn, vectors in found.items():
        at = [pairs_at(vectors, reader.model.lowest_cosine(threshold)) for threshold in (80, 99)]
        row(f"{turn} deg", len(found[0]), len(vectors), own.get(turn, len(vectors)), at[0][0], at[1][0], at[0][1])


def turned_box(box: BoundingBox, turn_deg: int) -> BoundingBox:
    for _ in range(turn_deg // 90):
        box = BoundingBox(box.top, 1 - box.left - box.width, box.height, box.width)
    return box


def crops_table(reader: FaceReader, photos: list[list[Path]]) -> None:
    parts = {
        "whole photo": (-9.0, -9.0, 9.0, 9.0),
        "the face only": (0.0, 0.0, 1.0, 1.0),
        "face at the left edge": (0.15, -0.3, 1.6, 1.3),
    }
    matches = {name: [0, 0, 0] for name in parts}
    tried = 0
    for one, other, *_ in (each for each in photos if len(each) > 1):
        picture, probe = (Image.open(path).convert("RGB") for path in (one, other))
        photo, other_photo = read(reader, picture), read(reader, probe)
        if not photo.faces or not other_photo.faces:
            continue
        tried += 1
        wanted = vector(other_photo, other_photo.faces[0])
        for name, part in parts.items():
            again = read(reader, picture.crop(cut(picture, photo.faces[0].box, part)))
            if again.faces:
                cosine = float(vector(again, again.faces[0]) @ wanted)
                reached = [cosine >= reader.model.lowest_cosine(threshold) for threshold in (80, 99)]
                matches[name] = [n + more for n, more in zip(matches[name], (1, *reached), strict=True)]
    if tried:
        header("cropped to", "people", "found", "true matches at 80", "at 99")
        for name, counts in matches.items():
            row(name, tried, *(count / tried for count in counts))


def cut(picture: Image.Image, box: BoundingBox, part: tuple[float, ...]) -> tuple[int, int, int, int]:
    """Return the part of a box, in its widths and heights, as pixels within the picture."""
    across = [round((box.left + at * box.width) * picture.width) for at in part[::2]]
    down = [round((box.top + at * box.height) * picture.height) for at in part[1::2]]
    return max(across[0], 0), max(down[0], 0), min(across[1], picture.width), min(down[1], picture.height)


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--photos", type=int, default=200)
    arguments.add_argument("--seed", type=int, default=7)
    given = arguments.parse_args()
    reader = FaceReader(ModelSessions(Path(sys.prefix) / "share/openrek/weights"), sface.packs())
    photos = people(given.folder, given.photos, given.seed)
    spoilt_table(reader, photos, reader.model.lowest_cosine(99))
    turned_table(reader, photos)
    crops_table(reader, photos)


if __name__ == "__main__":
    main()
