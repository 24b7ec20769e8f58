"""An upright picture at the detector's size, as the tensor that the detector takes: float32 [1, 3, H, W], BGR 0..255,
zeros to the right and below up to multiples of 32.

Reducing takes the mean of two samples a pixel, a quarter and three quarters down the diagonal of what it covers: the
detector finds the same faces with the same scores as after an area filter, in a third of its time. Enlarging is
bilinear, in float32. Both go strip by strip, each from the picture to the tensors while it is in the cache.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy
from PIL import Image

from openrek.vision.arrays import Floats, Words
from openrek.vision.pixels import lent_words, words

STEP_PX = 32
COARSER = 4
_PLACES = (0.25, 0.75)
_STRIP_PX = 64  # of 1280 words: with its intermediates it fits a cache of 2 MB; smaller ones cost more calls
_TALL_STRIP_PX = 128
_COLUMNS = 64  # blocks of a product: small enough to skip most zeros, large enough to be worth a call,
_ROWS = 16  # and below the size from which OpenBLAS wakes other threads, two times 2^18 multiplications
_LOW_7_BITS = 0x7F7F7F7F


@dataclass(frozen=True, slots=True)
class Block:
    """Some target pixels along one side, the k source pixels around them, and what each takes of those, [n, k]."""

    target: slice
    source: slice
    weights: Floats


def reduced_tensor(image: Image.Image, size: tuple[int, int]) -> Floats:
    """The picture at a smaller or its own (width, height)."""
    tensor = _empty(size)
    for top, pixels in _strips(image, size):
        _unpack(pixels, tensor[0, :, top:, : size[0]])
    return tensor


def reduced_tensors(image: Image.Image, size: tuple[int, int]) -> tuple[Floats, Floats]:
    """The picture at a smaller or its own (width, height), and COARSER times smaller still: the mean of the four pixels
    on the diagonal of every 4 x 4; beyond the picture's edge each is as the one before it."""
    width, height = -(-size[0] // COARSER), -(-size[1] // COARSER)
    fine, coarse = _empty(size), _empty((width, height))
    diagonal = numpy.empty((COARSER, height, width), numpy.int32)
    for top, pixels in _strips(image, size):
        _unpack(pixels, fine[0, :, top:, : size[0]])
        for place, samples in enumerate(diagonal[:, top // COARSER :]):
            there = pixels[place::COARSER, place::COARSER]
            samples[: there.shape[0], : there.shape[1]] = there
    for place in range(1, COARSER):
        if (width - 1) * COARSER + place >= size[0]:
            diagonal[place, :, -1] = diagonal[place - 1, :, -1]
        if (height - 1) * COARSER + place >= size[1]:
            diagonal[place, -1] = diagonal[place - 1, -1]
    _unpack(_mean(_mean(*diagonal[:2]), _mean(*diagonal[2:])), coarse[0, :, :, :width])
    return fine, coarse


def enlarged_tensor(image: Image.Image, size: tuple[int, int]) -> Floats:
    """The picture, of at least 2 x 2 pixels, at a larger or its own (width, height)."""
    tensor = _empty(size)
    columns = [*_blocks(image.width, size[0], range(0, size[0], _COLUMNS))]
    for top in range(0, size[1], _TALL_STRIP_PX):
        _enlarge(image, size, top, columns, tensor[0, :, top : min(top + _TALL_STRIP_PX, size[1]), : size[0]])
    return tensor


def _strips(image: Image.Image, size: tuple[int, int]) -> Iterator[tuple[int, Words]]:
    """The picture at a smaller or its own (width, height): the row at which each strip begins, and its words."""
    width, height = size
    lent = lent_words(image)
    for top in range(0, height, _STRIP_PX):
        rows = range(top, min(top + _STRIP_PX, height))
        if size != image.size:
            yield top, _mean(*(_sampled(image, lent, size, rows, place) for place in _PLACES))
        elif lent is not None:
            yield top, lent[rows.start : rows.stop]
        else:
            yield top, words(image.crop((0, rows.start, width, rows.stop)))


def _sampled(image: Image.Image, lent: Words | None, size: tuple[int, int], rows: range, place: float) -> Words:
    """Rows of the picture at a smaller (width, height): the pixels at `place` 0..1 on the diagonals. Pillow takes them
    where it does not lend them, in twice the time."""
    across, down = image.width / size[0], image.height / size[1]
    if lent is not None:
        lines = ((numpy.arange(rows.start, rows.stop) + place) * down).astype(numpy.intp)
        columns = ((numpy.arange(size[0]) + place) * across).astype(numpy.intp)
        return lent.take(lines, axis=0).take(columns, axis=1)
    affine = (across, 0, (place - 0.5) * across, 0, down, (rows.start + place - 0.5) * down)
    return words(image.transform((size[0], len(rows)), Image.Transform.AFFINE, affine, Image.Resampling.NEAREST))


def _mean(first: Words, second: Words) -> Words:
    """Byte by byte, halves upwards: a + b = 2 (a | b) - (a ^ b), and no byte touches its neighbour."""
    half = first ^ second
    half >>= 1
    half &= _LOW_7_BITS
    mean: Words = numpy.subtract(first | second, half, out=half)
    return mean


def _enlarge(image: Image.Image, size: tuple[int, int], top: int, columns: list[Block], strip: Floats) -> None:
    """Fill the strip, which begins at row `top`, with the picture at a larger (width, height).

    Blocks of columns, then of rows, are products with the weights of their taps: BLAS multiplies by the many zeros
    faster than numpy gathers and blends. The blocks are too small for BLAS to wake other threads.
    """
    rows = [*_blocks(image.height, size[1], range(top, top + strip.shape[1], _ROWS))]
    first, end = rows[0].source.start, rows[-1].source.stop
    pixels = words(image.crop((0, first, image.width, end)))
    planes = numpy.empty((3, *pixels.shape), numpy.float32)
    _unpack(pixels, planes)
    wide = numpy.empty((3, len(pixels), size[0]), numpy.float32)
    for block in columns:
        numpy.matmul(planes[:, :, block.source], block.weights.T, out=wide[:, :, block.target])
    for block in rows:
        between = wide[:, block.source.start - first : block.source.stop - first]
        numpy.matmul(block.weights, between, out=strip[:, block.target.start - top : block.target.stop - top])


def _blocks(source: int, target: int, starts: range) -> Iterator[Block]:
    """Bilinear enlarging along one side, in blocks that begin at `starts`: the two pixels around a place share it by
    their distance."""
    for start in starts:
        stop = min(start + starts.step, starts.stop)
        places = numpy.clip((numpy.arange(start, stop) + 0.5) * (source / target) - 0.5, 0, source - 1)
        first, end = (min(int(place), source - 2) for place in (places[0], places[-1]))
        away = numpy.abs(places[:, None] - numpy.arange(first, end + 2))
        yield Block(slice(start, stop), slice(first, end + 2), numpy.maximum(1 - away, 0).astype(numpy.float32))


def _empty(size: tuple[int, int]) -> Floats:
    width, height = size
    tensor = numpy.empty((1, 3, -(-height // STEP_PX) * STEP_PX, -(-width // STEP_PX) * STEP_PX), numpy.float32)
    tensor[:, :, height:] = 0
    tensor[:, :, :, width:] = 0
    return tensor


def _unpack(pixels: Words, planes: Floats) -> None:
    """Words [H, W] -> the first H rows of float32 [3, .., W], blue first."""
    channels = pixels.view(numpy.uint8).reshape(*pixels.shape, 4)
    for plane, channel in zip(planes, (2, 1, 0), strict=True):
        plane[: len(pixels)] = channels[..., channel]
