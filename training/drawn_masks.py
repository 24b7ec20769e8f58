"""`python -m training.drawn_masks FOLDER OUT EVERY`: copies of photos whose faces wear a drawn mask.

Of every EVERY-th photo in FOLDER with a face; written to OUT as `masked-<name>`. FairFace was taken before anybody wore
masks, so that heads learn from these what covers a mouth. Colours, height, folds and bands vary by the photo's place.
"""

import sys
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from openrek.vision.faces import sface
from openrek.vision.faces.attributes.mesh import Mesh
from openrek.vision.faces.attributes.signals import Signals
from openrek.vision.faces.reader import FaceReader
from openrek.vision.images.decode import decode
from openrek.vision.models.sessions import ModelSessions
from training.face_features import middle_face

JAW: Final = (234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454)
TOPS: Final = ((346, 347, 6, 118, 117), (346, 329, 197, 100, 117), (345, 330, 195, 101, 116), (352, 425, 4, 205, 123))
"""Upper edges, from the viewer's right to the left: over the bridge of the nose, lower, and at its tip."""
EARS: Final = ((127, 356), (234, 454))
COLOURS: Final = ((236, 240, 242), (150, 196, 222), (38, 38, 42), (110, 170, 160), (200, 120, 130), (60, 80, 130))
LEAST_PRESENCE: Final = 0.9


def masked(image: Image.Image, mesh: Mesh, kind: int) -> Image.Image:
    """Return a copy of an RGB picture in which the face with this mesh wears the mask of a number."""
    random = np.random.default_rng(kind)
    top = TOPS[kind % len(TOPS)]
    outline = [tuple(mesh.points[number, :2].tolist()) for number in (*JAW, *top)]
    size = float(np.ptp(mesh.points[:, 1]))
    shape = Image.new("L", image.size)
    draw = ImageDraw.Draw(shape)
    draw.polygon(outline, fill=255)
    for (ear, _), edge in zip((EARS[0], EARS[1]), (JAW[1], JAW[4]), strict=True):
        _band(draw, mesh, ear, edge, size)
    for (_, ear), edge in zip((EARS[0], EARS[1]), (JAW[-2], JAW[-5]), strict=True):
        _band(draw, mesh, ear, edge, size)
    soft = shape.filter(ImageFilter.GaussianBlur(max(0.6, size / 120)))
    cloth = Image.fromarray(_cloth(image, COLOURS[kind % len(COLOURS)], outline, random))
    return Image.composite(cloth, image, soft)


def _band(draw: ImageDraw.ImageDraw, mesh: Mesh, ear: int, edge: int, size: float) -> None:
    ends = [tuple(mesh.points[number, :2].tolist()) for number in (ear, edge)]
    draw.line(ends, fill=255, width=max(1, round(size / 60)))


def _cloth(
    image: Image.Image, colour: tuple[int, ...], outline: list[tuple[float, ...]], random: np.random.Generator
) -> NDArray[np.uint8]:
    """Return a cloth of a colour over the whole picture, with the light of the picture, folds and some noise."""
    light = np.asarray(image.convert("L").filter(ImageFilter.GaussianBlur(image.height / 12)), np.float64)[..., None]
    low, high = min(y for _, y in outline), max(y for _, y in outline)
    rows = (np.arange(image.height)[:, None, None] - low) / max(high - low, 1.0)
    folds = 1 - 0.12 * (np.abs((rows * random.integers(2, 5)) % 1 - 0.5) < random.uniform(0.03, 0.08))
    shade = (0.55 + 0.45 * light / max(float(light.max()), 1.0)) * folds * random.uniform(0.8, 1.05)
    tone = np.array(colour, np.float64) + random.normal(0, 10, 3)
    cloth = tone * shade + random.normal(0, 3, (image.height, image.width, 1))
    return np.clip(cloth, 0, 255).astype(np.uint8)


def main(folder: str, out: str, every: str) -> None:
    sessions = ModelSessions(Path(sys.prefix) / "share/openrek/weights")
    reader = FaceReader(sessions, sface.packs())
    for kind, path in enumerate(sorted(Path(folder).glob("*.jpg"))[:: int(every)]):
        upright = decode(path.read_bytes())
        faces = reader.read_upright(upright).faces
        if not faces:
            continue
        mesh = Signals(sessions.session, upright.image, middle_face(faces)).mesh
        if mesh.presence >= LEAST_PRESENCE:
            masked(upright.image, mesh, kind).save(Path(out) / f"masked-{path.name}", quality=92)


if __name__ == "__main__":
    main(*sys.argv[1:])
