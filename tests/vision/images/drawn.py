"""Pictures that the tests draw, and their pixels as they are decoded."""

import io

import numpy as np
from PIL import Image

from openrek.vision.images.decode import decode


def scene(mode: str = "RGB", size: tuple[int, int] = (160, 120)) -> Image.Image:
    """Four quarters: red, green, blue, white, so that a turned or mirrored picture is told from an upright one."""
    picture = Image.new("RGB", size, "white")
    half = size[0] // 2, size[1] // 2
    for place, colour in (((0, 0), "red"), ((half[0], 0), "green"), ((0, half[1]), "blue")):
        picture.paste(colour, (*place, place[0] + half[0], place[1] + half[1]))
    return picture.convert(mode)


def saved(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def pixels(image: bytes) -> np.ndarray:
    return np.asarray(decode(image).image).astype(int)


RGB = np.asarray(scene()).astype(int)
"""The pixels of the scene."""
