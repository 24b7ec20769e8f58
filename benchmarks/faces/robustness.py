"""Damaged photos against good ones: what is found, what the quality filter keeps, and who matches.

    python -m benchmarks.faces.robustness PEOPLE [--people 300] [--seed 7]

PEOPLE is a folder with a folder for each person, as LFW comes. Of people with two photos or more `--people` are drawn,
and of each two photos; of each photo the most central face counts. The second one is damaged, in each of these ways:

* blur: Gaussian, with a sigma of .03 or .06 of the face's height; q30: a JPEG of quality 30;
* dark: a tenth of the light; turned: the whole photo, by a quarter or upside down;
* sunglasses, mask: drawn over the face; crop: the photo is cut to the face's box, and enlarged to twice its size.

True matches: the damaged photo with the good one of the same person. False ones: damaged photos of two people, which is
where a damage makes all faces alike. "kept" counts faces that QualityFilter AUTO keeps. Intervals as in
`openrek evaluate`.
"""

import argparse
import io
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps
from rich.console import Console

from openrek.domain.faces import DetectedFace
from openrek.domain.ports import Photo
from openrek.domain.quality import quality_reasons
from openrek.runtime.cli.evaluate.numbers import percent, rare
from openrek.runtime.cli.users.report import plain_table
from openrek.runtime.evaluation.measure import lowest_cosines
from openrek.runtime.evaluation.pipeline import Pipeline, most_central, open_pipeline
from openrek.runtime.evaluation.rates import Cell, Rating
from openrek.runtime.evaluation.sample import ListedPair
from openrek.runtime.evaluation.trials import Trials, every_two, from_list

SUFFIXES = {".jpg", ".jpeg", ".png"}
NIGHT = 0.1
NOISE = 2.0
"""Of a dark photo, in the 256 steps of its pixels: the least noise that a camera adds."""

BLACK, PALE_BLUE = (16, 16, 18), (150, 185, 205)


@dataclass(frozen=True)
class Seen:
    """The face of a photo: its embedding, and whether AUTO keeps it; `face` is its place."""

    embedding: np.ndarray
    kept: bool
    face: DetectedFace


Damage = Callable[[Image.Image, DetectedFace], Image.Image]


def blurred(share: float) -> Damage:
    return lambda photo, face: photo.filter(ImageFilter.GaussianBlur(share * face.box.height * photo.height))


def squeezed(photo: Image.Image, _face: DetectedFace) -> Image.Image:
    out = io.BytesIO()
    photo.save(out, "JPEG", quality=30)
    return Image.open(out).convert("RGB")


def blurred_then_squeezed(photo: Image.Image, face: DetectedFace) -> Image.Image:
    return squeezed(blurred(0.06)(photo, face), face)


def dark(photo: Image.Image, _face: DetectedFace) -> Image.Image:
    noise = np.random.default_rng(photo.width * photo.height).normal(0, NOISE, (photo.height, photo.width, 3))
    return Image.fromarray(np.clip(np.asarray(photo) * NIGHT + noise, 0, 255).round().astype(np.uint8))


def turned(how: Image.Transpose) -> Damage:
    return lambda photo, _face: photo.transpose(how)


def points(photo: Image.Image, face: DetectedFace) -> dict[str, np.ndarray]:
    """Return the five points in pixels."""
    size = np.array(photo.size)
    return {point.name: np.array([point.x, point.y]) * size for point in face.landmarks}


def with_sunglasses(photo: Image.Image, face: DetectedFace) -> Image.Image:
    at, drawn = points(photo, face), photo.copy()
    draw = ImageDraw.Draw(drawn)
    left, right = at["eyeLeft"], at["eyeRight"]
    radius = np.array([0.36, 0.29]) * float(np.linalg.norm(right - left))
    for eye in (left, right):
        draw.ellipse([*(eye - radius), *(eye + radius)], BLACK)
    draw.line([tuple(left), tuple(right)], BLACK, max(2, round(radius[0] / 4)))
    return drawn


def with_mask(photo: Image.Image, face: DetectedFace) -> Image.Image:
    at, drawn = points(photo, face), photo.copy()
    middle = (at["mouthLeft"] + at["mouthRight"]) / 2
    across = (at["mouthRight"] - at["mouthLeft"]) * 1.25
    down = middle - (at["eyeLeft"] + at["eyeRight"]) / 2
    over = (at["nose"] + middle) / 2 - 0.35 * down
    corners = [over - across, over, over + across, middle + across + 0.2 * down, middle + 0.75 * down]
    corners.append(middle - across + 0.2 * down)
    ImageDraw.Draw(drawn).polygon([tuple(corner) for corner in corners], PALE_BLUE)
    return drawn


def cropped(photo: Image.Image, face: DetectedFace) -> Image.Image:
    box, (width, height) = face.box, photo.size
    ends = box.left * width, box.top * height, (box.left + box.width) * width, (box.top + box.height) * height
    cut = photo.crop(tuple(round(end) for end in ends))
    return cut.resize((2 * cut.width, 2 * cut.height), Image.Resampling.BICUBIC)


DAMAGES: dict[str, Damage] = {
    "none": lambda photo, _face: photo,
    "blur .03": blurred(0.03),
    "blur .06": blurred(0.06),
    "q30": squeezed,
    "blur .06, then q30": blurred_then_squeezed,
    "dark": dark,
    "turned by a quarter": turned(Image.Transpose.ROTATE_90),
    "upside down": turned(Image.Transpose.ROTATE_180),
    "sunglasses": with_sunglasses,
    "mask": with_mask,
    "crop": cropped,
}


def kept_by_auto(photo: Photo, face: DetectedFace) -> bool:
    """Return True if AUTO keeps the face; a filter that asks for how clear it is gets that, too."""
    clearness = getattr(photo, "clearness", None)
    return not quality_reasons(face, "AUTO", *([] if clearness is None else [clearness(face)]))


def seen(pipeline: Pipeline, picture: Image.Image) -> Seen | None:
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=1)
    photo = pipeline.read(out.getvalue())
    if not photo.faces:
        return None
    face = most_central(photo.faces)
    return Seen(np.array(pipeline.embed(photo, face), np.float64), kept_by_auto(photo, face), face)


def couples(folder: Path, people: int, seed: int) -> list[tuple[Image.Image, Image.Image]]:
    """Return two photos of each of the people that are drawn."""
    draw = random.Random(seed)
    homes = []
    for home in sorted(path for path in folder.iterdir() if path.is_dir()):
        photos = sorted(path for path in home.iterdir() if path.suffix.lower() in SUFFIXES)
        if len(photos) > 1:
            homes.append(photos)
    return [
        tuple(ImageOps.exif_transpose(Image.open(path)).convert("RGB") for path in draw.sample(photos, 2))
        for photos in draw.sample(homes, min(people, len(homes)))
    ]


def rated(pipeline: Pipeline, good: list[Seen], damaged: list[tuple[int, Seen]]) -> Cell:
    """Return the rates of damaged photos, each with its person's place among the good ones."""
    floor, *_ = thresholds = lowest_cosines(pipeline.model)
    own = np.array([place for place, _ in damaged], np.intp)
    vectors = np.array([each.embedding for _, each in damaged])
    strangers = every_two(vectors, np.unique(own, return_inverse=True)[1], floor)
    pairs = [ListedPair(at, len(own) + at, True, 0) for at in range(len(own))]
    both = np.concatenate([vectors, np.array([good[place].embedding for place in own])])
    people = np.arange(len(own))
    same = from_list(both, np.concatenate([people, people]), pairs, floor)
    trials = Trials(same.people, same.same, strangers.strangers, strangers.strangers_by_cosine)
    found = Rating(strangers, thresholds).whole()
    return Cell("", len(own), len(own), Rating(trials, thresholds).whole().same, found.strangers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("people_folder", type=Path)
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    pipeline, console = open_pipeline(), Console(width=170)
    good: list[Seen] = []
    second: list[tuple[Image.Image, DetectedFace]] = []
    for one, other in couples(arguments.people_folder, arguments.people, arguments.seed):
        first, spoilt = seen(pipeline, one), seen(pipeline, other)
        if first is not None and spoilt is not None:
            good.append(first)
            second.append((other, spoilt.face))
    table = plain_table(
        "damage", "found", "kept", "true at 80", "true at 99", "false at 80", "false at 99", "false at 99, kept"
    )
    for name, damage in DAMAGES.items():
        tried = [(place, seen(pipeline, damage(*each))) for place, each in enumerate(second)]
        found = [(place, each) for place, each in tried if each is not None]
        kept = [(place, each) for place, each in found if each.kept]
        every = rated(pipeline, good, found)
        left = rare(rated(pipeline, good, kept).strangers[-1]) if len(kept) > 1 else "-"
        rates = percent(every.same[0]), percent(every.same[-1]), rare(every.strangers[0]), rare(every.strangers[-1])
        table.add_row(name, f"{len(found)}", f"{len(kept)}", *rates, left)
        console.print(f"{name}: {len(found)} of {len(tried)} found", highlight=False, style="dim")
    console.print(f"{len(good)} people, {len(good)} good and {len(good)} damaged photos; {pipeline.model.version}")
    console.print(table)


if __name__ == "__main__":
    main()
