"""Faces that are found after a picture was shrunk in openrek's way, by an area filter, or by taking single pixels.

    python -m benchmarks.faces.shrinking [--pictures 40]

Portraits of the tests are pasted into scenes 1.1 to 3.1 times larger than the searched picture, 24 a scene, so that
their faces are 10 to 70 px high in the end. Then the scenes are spoilt. "found": share of the faces in whose place the
fine search finds one; of those that all three ways find, "score" is the detector's, and "points" the distance of its
points from those of the portrait alone, in percent of the face's height.
"""

import argparse
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession
from PIL import Image

from openrek.vision.faces import detect, sface
from openrek.vision.faces.reader import FaceReader
from openrek.vision.images.arrays import Floats
from openrek.vision.images.resample import reduced_tensor
from openrek.vision.models.sessions import ModelSessions
from tests.support import photos as photo_packages

PORTRAITS = ("obama.jpg", "obama2.jpg", "obama3.jpg", "biden.jpg", "astronaut.png")
SCENES = ("coffee.png", "rocket.jpg", "chelsea.png")
SEARCHED = (1280, 960)
CELL_PX = (213, 240)
SEED = 7

Pixels: TypeAlias = NDArray[np.float32]
Shrink: TypeAlias = Callable[[Image.Image], Floats]
Spoil: TypeAlias = Callable[[Pixels, np.random.Generator], Image.Image]


@dataclass(frozen=True)
class Face:
    """A face in pixels of the searched picture: middle [2], height, points [5, 2]."""

    middle: Floats
    height: float
    points: Floats


@dataclass(frozen=True)
class Seen:
    score: float
    points_off: float


def resized(resampling: Image.Resampling) -> Shrink:
    return lambda image: reduced_tensor(image.resize(SEARCHED, resampling), SEARCHED)


WAYS: dict[str, Shrink] = {
    "openrek": lambda image: reduced_tensor(image, SEARCHED),
    "area filter": resized(Image.Resampling.BOX),
    "single pixels": resized(Image.Resampling.NEAREST),
}


def noisy(gain: float, sigma: float) -> Spoil:
    def spoil(pixels: Pixels, rng: np.random.Generator) -> Image.Image:
        noise = rng.standard_normal(pixels.shape, dtype=np.float32) * np.float32(sigma)
        return Image.fromarray(np.clip(pixels * np.float32(gain) + noise, 0, 255).astype(np.uint8))

    return spoil


def dithered(pixels: Pixels, _: np.random.Generator) -> Image.Image:
    return Image.fromarray(pixels.astype(np.uint8)).convert("1").convert("RGB")


SPOILT: dict[str, Spoil] = {
    "noise, sigma 2": noisy(1, 2),
    "noise, sigma 40": noisy(1, 40),
    "a fifth of the light, sigma 15": noisy(0.2, 15),
    "black and white dither": dithered,
}


def heads(session: InferenceSession) -> list[tuple[Image.Image, Face]]:
    """Return each portrait's head with some room around it, and its face there."""
    photos, found = photo_packages.load(), []
    for name in PORTRAITS:
        portrait = Image.open(io.BytesIO(photos[name])).convert("RGB")
        alone = detect.detect(session, portrait)
        box, points = alone.boxes[0], alone.points[0]
        edges = [round(float(edge)) for edge in (*(box[:2] - box[2:] / 2), *(box[:2] + box[2:] * 1.5))]
        corner = np.array(edges[:2], np.float32)
        face = Face(box[:2] + box[2:] / 2 - corner, float(box[3]), points - corner)
        found.append((portrait.crop((edges[0], edges[1], edges[2], edges[3])), face))
    return found


def scenes(count: int, session: InferenceSession, rng: np.random.Generator) -> Iterator[tuple[Image.Image, list[Face]]]:
    photos, known = photo_packages.load(), heads(session)
    for number in range(count):
        factor = rng.uniform(1.1, 3.1)
        empty = Image.open(io.BytesIO(photos[SCENES[number % len(SCENES)]])).convert("RGB")
        scene = empty.resize((round(SEARCHED[0] * factor), round(SEARCHED[1] * factor)), Image.Resampling.BICUBIC)
        faces = []
        for left in range(0, SEARCHED[0] - CELL_PX[0], CELL_PX[0]):
            for top in range(0, SEARCHED[1], CELL_PX[1]):
                head, face = known[rng.integers(len(known))]
                zoom = rng.uniform(10, 70) / face.height
                size = round(head.width * zoom * factor), round(head.height * zoom * factor)
                corner = round((left + 20) * factor), round((top + 20) * factor)
                scene.paste(head.resize(size, Image.Resampling.LANCZOS), corner)
                exact = np.array([size[0] / head.width, size[1] / head.height]) / factor
                at = np.array(corner) / factor
                faces.append(Face(face.middle * exact + at, face.height * exact[1], face.points * exact + at))
        yield scene, faces


def search(session: InferenceSession, tensor: Floats, faces: Sequence[Face]) -> list[Seen | None]:
    """Return for each face the detection in its place, or None."""
    found = detect.search(session, tensor)
    middles = found.boxes[:, :2] + found.boxes[:, 2:] / 2
    results: list[Seen | None] = []
    for face in faces:
        away = np.linalg.norm(middles - face.middle, axis=1) / face.height
        if away.size and away.min() < 0.3:
            nearest = int(away.argmin())
            off = np.linalg.norm(found.points[nearest] - face.points, axis=1).mean() / face.height
            results.append(Seen(float(found.scores[nearest]), float(off)))
        else:
            results.append(None)
    return results


def rows(spoilt: str, results: dict[str, list[Seen | None]]) -> Iterator[str]:
    shared = [all(each) for each in zip(*results.values(), strict=True)]
    for way, seen in results.items():
        both = [each for each, in_all in zip(seen, shared, strict=True) if each and in_all]
        share = sum(each is not None for each in seen) / len(seen)
        score = f"{np.mean([each.score for each in both]):.4f}" if both else "-"
        points = f"{100 * np.mean([each.points_off for each in both]):.2f} %" if both else "-"
        yield f"| {spoilt} | {way} | {share:.3f} | {score} | {points} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pictures", type=int, default=40)
    count = parser.parse_args().pictures
    session = FaceReader(ModelSessions(Path(sys.prefix) / "share/openrek/weights"), sface.packs()).session("yunet")
    rng = np.random.default_rng(SEED)
    found: dict[str, dict[str, list[Seen | None]]] = {spoilt: {way: [] for way in WAYS} for spoilt in SPOILT}
    for scene, faces in scenes(count, session, rng):
        pixels = np.asarray(scene).astype(np.float32)
        for spoilt, spoil in SPOILT.items():
            image = spoil(pixels, rng)
            for way, shrink in WAYS.items():
                found[spoilt][way].extend(search(session, shrink(image), faces))
    print(f"{len(found['noise, sigma 2']['openrek'])} faces\n")
    print("| picture | way | found | score | points |\n| --- | --- | --- | --- | --- |")
    for spoilt, results in found.items():
        print("\n".join(rows(spoilt, results)))


if __name__ == "__main__":
    main()
