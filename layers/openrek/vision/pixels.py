"""The pixels of a picture as words, all channels at once."""

import numpy
from PIL import Image

from openrek.vision.arrays import Words


def words(image: Image.Image) -> Words:
    """A copy of the pixels [H, W] of an RGB picture. Pillow holds four bytes a pixel: the cheapest form to take out."""
    return numpy.frombuffer(image.tobytes("raw", "RGBX"), "<i4").reshape(image.height, image.width)
