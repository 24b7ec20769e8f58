"""An upright picture at the detector's size, as the tensor that the detector takes: float32 [1, 3, H, W], BGR 0..255,
zeros to the right and below up to multiples of 32.

Reducing takes the mean of 2 x 2 samples a pixel, in a third of the time of an area filter. Enlarging is bilinear, in
float32 plane by plane. Both go in bands that stay in the cache.
"""

import numpy
from numpy.typing import NDArray
from PIL import Image

from openrek.vision.arrays import Floats

STEP_PX = 32
_BAND_PX = 32
_STRIP_PX = 128


def to_tensor(image: Image.Image) -> Floats:
    """The picture at its own size."""
    tensor = _empty(image.size)
    _unpack(image, tensor[0, :, : image.height, : image.width])
    return tensor


def reduced(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The picture at a smaller (width, height); itself if that is its size."""
    if size == image.size:
        return image
    return image.resize((2 * size[0], 2 * size[1]), Image.Resampling.NEAREST).reduce(2)


def reduced_tensors(image: Image.Image, size: tuple[int, int], coarser: int) -> tuple[Floats, Floats]:
    """The picture at a smaller or its own (width, height), and `coarser` times smaller still.

    Goes band by band, each from the picture to both tensors while it is in the cache.
    """
    width, height = size
    fine = _empty(size)
    small = Image.new("RGB", (-(-width // coarser), -(-height // coarser)))
    for top in range(0, height, _STRIP_PX):
        bottom = min(top + _STRIP_PX, height)
        strip = _strip(image, size, top, bottom)
        _unpack(strip, fine[0, :, top:bottom, :width])
        small.paste(strip.reduce(coarser), (0, top // coarser))
    return fine, to_tensor(small)


def enlarged_tensor(image: Image.Image, size: tuple[int, int]) -> Floats:
    """The picture at a larger (width, height)."""
    width, height = size
    planes = numpy.empty((3, image.height, image.width), numpy.float32)
    _unpack(image, planes)
    left, across = _taps(image.width, width)
    top, down = _taps(image.height, height)
    wide = numpy.empty((image.height, width), numpy.float32)
    other = numpy.empty_like(wide)
    tensor = _empty(size)
    for plane, target in zip(planes, tensor[0], strict=True):
        plane.take(left, axis=1, out=wide, mode="clip")
        plane.take(left + 1, axis=1, out=other, mode="clip")
        _blend(wide, other, across)
        for start in range(0, height, _BAND_PX):
            band = slice(start, min(start + _BAND_PX, height))
            upper = wide[top[band]]
            _blend(upper, wide[top[band] + 1], down[band, None])
            target[band, :width] = upper
    return tensor


def _strip(image: Image.Image, size: tuple[int, int], top: int, bottom: int) -> Image.Image:
    """Rows `top` to `bottom` of `reduced(image, size)`."""
    width, height = size
    if size == image.size:
        return image.crop((0, top, width, bottom))
    scale = image.height / height
    box = (0, top * scale, image.width, min(bottom * scale, image.height))
    return image.resize((2 * width, 2 * (bottom - top)), Image.Resampling.NEAREST, box).reduce(2)


def _empty(size: tuple[int, int]) -> Floats:
    width, height = size
    tensor = numpy.empty((1, 3, -(-height // STEP_PX) * STEP_PX, -(-width // STEP_PX) * STEP_PX), numpy.float32)
    tensor[:, :, height:] = 0
    tensor[:, :, :, width:] = 0
    return tensor


def _unpack(image: Image.Image, planes: Floats) -> None:
    """RGB picture -> float32 [3, H, W], blue first. Pillow holds four bytes a pixel: the cheapest form to take out."""
    pixels = numpy.frombuffer(image.tobytes("raw", "RGBX"), numpy.uint8).reshape(image.height, image.width, 4)
    for start in range(0, image.height, _BAND_PX):
        band = slice(start, start + _BAND_PX)
        for plane, channel in zip(planes, (2, 1, 0), strict=True):
            plane[band] = pixels[band, :, channel]


def _taps(source: int, target: int) -> tuple[NDArray[numpy.intp], Floats]:
    """For each target pixel the source pixel before its place and how far it lies towards the next, 0..1."""
    places = numpy.clip((numpy.arange(target) + 0.5) * (source / target) - 0.5, 0, source - 1)
    before = numpy.minimum(places.astype(numpy.intp), source - 2)
    return before, (places - before).astype(numpy.float32)


def _blend(first: Floats, second: Floats, share: Floats) -> None:
    """first += (second - first) * share, in place; `second` is used up."""
    second -= first
    second *= share
    first += second
