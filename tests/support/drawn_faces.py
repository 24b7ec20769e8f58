"""Portraits on which something was drawn: sunglasses, glasses, masks, lids that are shut."""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from openrek.vision.faces.attributes.mesh import Mesh
from openrek.vision.faces.attributes.signals import Signals
from openrek.vision.faces.reader import FaceReader
from openrek.vision.images.decode import Upright
from openrek.vision.models.sessions import ModelSessions
from tests.support import variants
from training.drawn_masks import masked

EYES = ((33, 133, 159, 145), (263, 362, 386, 374))
OPENINGS = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7),
    (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249),
)
LOWER_LIDS = ((33, 7, 163, 144, 145, 153, 154, 155, 133), (263, 249, 390, 373, 374, 380, 381, 382, 362))
DARK = (18, 18, 22)


def with_mask(reader: FaceReader, image: bytes, kind: int = 0) -> bytes:
    picture, mesh = _seen(reader, image)
    return variants.saved(masked(picture, mesh, kind), "PNG")


def with_glasses(reader: FaceReader, image: bytes, *, dark: bool) -> bytes:
    """Return the photo of a face that wears round glasses, or sunglasses."""
    picture, mesh = _seen(reader, image)
    draw, wide = ImageDraw.Draw(picture), float(np.linalg.norm(mesh.at(33) - mesh.at(263)))
    frame = max(2, round(wide / 25))
    for eye in EYES:
        x, y = mesh.at(*eye)
        lens = (x - 0.26 * wide, y - 0.2 * wide, x + 0.26 * wide, y + 0.22 * wide)
        draw.ellipse(lens, fill=DARK if dark else None, outline=DARK, width=frame)
    for first, second in ((133, 362), (33, 127), (263, 356)):
        draw.line((*mesh.at(first), *mesh.at(second)), fill=DARK, width=frame)
    return variants.saved(picture, "PNG")


def with_shut_eyes(reader: FaceReader, image: bytes) -> bytes:
    """Return the photo of a face with skin over the eyes and a line of lashes below."""
    picture, mesh = _seen(reader, image)
    draw, wide = ImageDraw.Draw(picture), float(np.linalg.norm(mesh.at(33) - mesh.at(263)))
    for opening, lid in zip(OPENINGS, LOWER_LIDS, strict=True):
        x, y = mesh.at(*opening)
        skin = picture.getpixel((round(float(x)), round(float(y - 0.12 * wide))))
        places = [tuple(mesh.points[number, :2].tolist()) for number in opening]
        draw.polygon(places, fill=skin)
        draw.line(places, fill=skin, width=max(2, round(wide / 18)))
        lashes = [tuple(mesh.points[number, :2].tolist()) for number in lid]
        draw.line(lashes, fill=(40, 25, 20), width=max(1, round(wide / 50)))
    return variants.saved(picture, "PNG")


def _seen(reader: FaceReader, image: bytes) -> tuple[Image.Image, Mesh]:
    picture = variants.opened(image)
    face = reader.read_upright(Upright(picture, *picture.size)).faces[0]
    sessions = ModelSessions(Path(sys.prefix) / "share/openrek/weights")
    return picture, Signals(sessions.session, picture, face).mesh
