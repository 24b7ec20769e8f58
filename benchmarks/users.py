"""A user's vector: the normalised mean of its faces (as in the store), next to two other ways.

    python benchmarks/users.py FOLDER [--faces 2 3 5] [--rounds 20] [--seed 1] [--least-px 20]

FOLDER holds one folder per person with photos of that person. Each round gives every person that has enough photos a
user of so many faces, drawn at random; its other photos are the probes. A genuine trial is a probe against its own
user, an impostor trial against any other. Faces are stored as the store stores them (int8), probes are float32.

With --least-px every photo is first shrunk to a width drawn between that and its own, evenly in the logarithm, and
enlarged again: photos of mixed quality, for sets on which every way is right.

The last two columns are at the default threshold of searches, Similarity 80.

- mean: `openrek.store.users.user_vectors`
- best member: the highest score of the user's faces, each compared on its own
- quality-weighted mean: weights are sharpness x confidence
"""

import argparse
import io
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

sys.path.insert(0, str(Path(__file__).parents[1]))

from openrek.domain.errors import Refusal
from openrek.domain.faces import largest
from openrek.domain.models import SFACE
from openrek.store.log.quantisation import dequantise, quantise
from openrek.store.users.user_vectors import user_vector
from openrek.vision.faces import sface
from openrek.vision.faces.reader import FaceReader
from openrek.vision.models import build_weights
from openrek.vision.models.sessions import ModelSessions

WEIGHTS = Path(sys.prefix) / "share/openrek/weights"
SUFFIXES = {".jpg", ".jpeg", ".png"}
FAR = 1e-3
DEFAULT = SFACE.lowest_cosine(80.0)


@dataclass(frozen=True)
class Portrait:
    """`stored` is the face as the store keeps it, `weight` how good it looks."""

    embedding: Any
    stored: tuple[bytes, float]
    weight: float


@dataclass(frozen=True)
class Read:
    people: dict[str, list[Portrait]]
    without_face: int


def mean(members: Sequence[Portrait]) -> Any:
    return np.array([dequantise(*user_vector([member.stored for member in members]))])


def best_member(members: Sequence[Portrait]) -> Any:
    return np.array([dequantise(*member.stored) for member in members])


def weighted_mean(members: Sequence[Portrait]) -> Any:
    total = sum(member.weight * np.array(dequantise(*member.stored), np.float64) for member in members)
    unit = total / np.linalg.norm(total)
    return np.array([dequantise(*quantise(array("f", unit)))])


WAYS: dict[str, Callable[[Sequence[Portrait]], Any]] = {
    "mean": mean,
    "best member": best_member,
    "quality-weighted mean": weighted_mean,
}


def read(folder: Path, spoil: Callable[[bytes], bytes]) -> Read:
    """Return the largest face of each photo; a photo without one, or that cannot be read, is skipped."""
    build_weights.build(WEIGHTS, print)
    reader = FaceReader(ModelSessions(WEIGHTS), sface.packs())
    people: dict[str, list[Portrait]] = {}
    without_face = 0
    for home in sorted(path for path in folder.iterdir() if path.is_dir()):
        for path in sorted(path for path in home.iterdir() if path.suffix.lower() in SUFFIXES):
            portrait = portray(reader, spoil(path.read_bytes()))
            if portrait is None:
                without_face += 1
            else:
                people.setdefault(home.name, []).append(portrait)
    return Read(people, without_face)


def spoiler(least_px: int | None, seed: int) -> Callable[[bytes], bytes]:
    if least_px is None:
        return lambda image: image
    random = np.random.default_rng(seed)

    def spoil(image: bytes) -> bytes:
        with Image.open(io.BytesIO(image)) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGB")
        low = min(least_px, picture.width)
        width = round(low * (picture.width / low) ** random.random())
        small = picture.resize((width, max(1, round(picture.height * width / picture.width))), Image.Resampling.BOX)
        out = io.BytesIO()
        small.resize(picture.size, Image.Resampling.BICUBIC).save(out, "PNG")
        return out.getvalue()

    return spoil


def portray(reader: FaceReader, image: bytes) -> Portrait | None:
    try:
        photo = reader.read(image)
    except Refusal:
        return None
    if not photo.faces:
        return None
    face = largest(photo.faces)
    embedding = photo.embed(face).embedding
    weight = max(face.quality.sharpness, 1.0) * face.confidence
    return Portrait(np.array(embedding, np.float64), quantise(embedding), weight)


def trials(
    people: dict[str, list[Portrait]], faces: int, rounds: int, seed: int
) -> Iterator[tuple[dict[str, list[Portrait]], list[tuple[int, Portrait]]]]:
    """Yield for each round the users' members, and the probes with the place of their own user."""
    enough = {name: portraits for name, portraits in people.items() if len(portraits) > faces}
    random = np.random.default_rng(seed)
    for _ in range(rounds):
        users: dict[str, list[Portrait]] = {}
        probes = []
        for place, (name, portraits) in enumerate(enough.items()):
            shuffled = [portraits[index] for index in random.permutation(len(portraits))]
            users[name] = shuffled[:faces]
            probes += [(place, portrait) for portrait in shuffled[faces:]]
        yield users, probes


@dataclass
class Tally:
    """Scores of one way over all rounds."""

    genuine: list[Any]
    impostor: list[Any]
    first: int = 0

    def add(self, way: Callable[[Sequence[Portrait]], Any], members: list[list[Portrait]], probes: Any) -> None:
        embeddings = np.array([portrait.embedding for _, portrait in probes])
        own = np.array([place for place, _ in probes])
        scores = np.stack([(embeddings @ way(each).T).max(axis=1) for each in members], axis=1)
        mine = np.zeros(scores.shape, bool)
        mine[np.arange(len(own)), own] = True
        self.genuine.append(scores[mine])
        self.impostor.append(scores[~mine])
        self.first += int((scores.argmax(axis=1) == own).sum())

    def line(self, name: str) -> str:
        genuine, impostor = np.concatenate(self.genuine), np.concatenate(self.impostor)
        allowed = int(FAR * len(impostor))
        threshold = np.sort(impostor)[::-1][allowed]  # what scores above it lets `allowed` impostors in at most
        per_round = [float((scores > threshold).mean()) for scores in self.genuine]
        return (
            f"{name:<22} {100 * self.first / len(genuine):9.3f} {100 * np.mean(per_round):12.3f}"
            f" {100 * np.std(per_round):8.3f} {threshold:10.4f}"
            f" {100 * (genuine >= DEFAULT).mean():9.2f} {(impostor >= DEFAULT).mean():12.2e}"
        )


def report(found: Read, faces: int, rounds: int, seed: int) -> None:
    tallies = {name: Tally([], []) for name in WAYS}
    people, probed = 0, 0
    for users, probes in trials(found.people, faces, rounds, seed):
        people, probed = len(users), len(probes)
        if people < 2:
            break
        for name, way in WAYS.items():
            tallies[name].add(way, list(users.values()), probes)
    if people < 2:
        print(f"\n{faces} faces a user: fewer than two people have more photos than that")
        return
    genuine, impostor = rounds * probed, rounds * probed * (people - 1)
    print(f"\n{faces} faces a user: {people} users, {probed} probes a round, {rounds} rounds (seed {seed})")
    print(f"{genuine} genuine and {impostor} impostor trials; different rounds share photos")
    print(f"{'':22} rank-1, %  TAR@FAR1e-3, %  +- round  threshold  TAR@80, %  FAR@80")
    for name, tally in tallies.items():
        print(tally.line(name))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--faces", type=int, nargs="+", default=[2, 3, 5])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--least-px", type=int)
    arguments = parser.parse_args()
    found = read(arguments.folder, spoiler(arguments.least_px, arguments.seed))
    photos = sum(len(portraits) for portraits in found.people.values())
    print(f"{len(found.people)} people, {photos} photos with a face, {found.without_face} without")
    for faces in arguments.faces:
        report(found, faces, arguments.rounds, arguments.seed)


if __name__ == "__main__":
    main()
