"""An upright picture at the detector's size, as the tensor that the detector takes: float32 [1, 3, H, W], BGR 0..255,
zeros to the right and below up to multiples of 32.

Reducing takes the mean of two samples a pixel, a quarter and three quarters down the diagonal of what it covers: the
detector finds the same faces with the same scores as after an area filter, in a third of its time. Enlarging is
bilinear, in float32. Both go strip by strip, each from the picture to the tensors while it is in the cache.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray
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
    """The picture at a smaller or its own (width, height), and COARSER times smaller still: the means of 4 x 4 pixels,
    beyond the picture's edge as at its last line. Fewer of them would lose the faces of dithered pictures."""
    width, height = size
    fine, coarse_size = _empty(size), (-(-width // COARSER), -(-height // COARSER))
    coarse, sums = _empty(coarse_size), numpy.empty((coarse_size[1], coarse_size[0] * COARSER), numpy.uint64)
    for top, pixels in _strips(image, size):
        _unpack(pixels, fine[0, :, top:, :width])
        lines = _sums_of_lines(pixels)
        sums[top // COARSER :][: len(lines), :width] = lines
    sums[:, width:] = sums[:, width - 1 : width]
    whole = sums[:, ::COARSER].copy()
    for place in range(1, COARSER):
        whole += sums[:, place::COARSER]
    channels = whole.view(numpy.uint16)
    for plane, channel in zip(coarse[0], (2, 1, 0), strict=True):
        numpy.divide(channels[:, channel::4], numpy.float32(COARSER**2), out=plane[: len(whole), : coarse_size[0]])
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
    columns = [((numpy.arange(width) + place) * (image.width / width)).astype(numpy.intp) for place in _PLACES]
    for top in range(0, height, _STRIP_PX):
        rows = range(top, min(top + _STRIP_PX, height))
        if size == image.size:
            yield top, words(image.crop((0, top, width, rows.stop))) if lent is None else lent[top : rows.stop]
        elif lent is None:
            yield top, _mean(*(_taken(image, size, rows, place) for place in _PLACES))
        else:
            lines = [((numpy.array(rows) + place) * (image.height / height)).astype(numpy.intp) for place in _PLACES]
            yield top, _mean(*(lent.take(y, axis=0).take(x, axis=1) for y, x in zip(lines, columns, strict=True)))


def _taken(image: Image.Image, size: tuple[int, int], rows: range, place: float) -> Words:
    """Rows of the picture at a smaller (width, height): the pixels at `place` 0..1 on the diagonals, where Pillow does
    not lend them; takes twice the time."""
    across, down = image.width / size[0], image.height / size[1]
    affine = (across, 0, (place - 0.5) * across, 0, down, (rows.start + place - 0.5) * down)
    return words(image.transform((size[0], len(rows)), Image.Transform.AFFINE, affine, Image.Resampling.NEAREST))


def _mean(first: Words, second: Words) -> Words:
    """Byte by byte, halves upwards: a + b = 2 (a | b) - (a ^ b), and no byte touches its neighbour."""
    half = first ^ second
    half >>= 1
    half &= _LOW_7_BITS
    mean: Words = numpy.subtract(first | second, half, out=half)
    return mean


def _sums_of_lines(pixels: Words) -> NDArray[numpy.uint64]:
    """[H, W] -> [ceil(H / 4), W]: of each COARSER lines, 16 bits a channel. What is missing at the end is as the last
    one."""
    missing = -len(pixels) % COARSER
    if missing:
        pixels = numpy.concatenate([pixels, numpy.repeat(pixels[-1:], missing, axis=0)])
    channels = pixels.view(numpy.uint8).reshape(-1, COARSER, 4 * pixels.shape[1])
    sums = channels[:, 0].astype(numpy.uint16)
    for line in range(1, COARSER):
        sums += channels[:, line]
    return sums.view(numpy.uint64)


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
    """Words [H, W] -> the first H rows of float32 [3, .., W], blue first. Taking every fourth byte would be slower."""
    channel = numpy.empty(pixels.shape, numpy.int32)
    for plane, bits in zip(planes, (16, 8, 0), strict=True):
        numpy.bitwise_and(numpy.right_shift(pixels, bits, out=channel) if bits else pixels, 255, out=channel)
        plane[: len(pixels)] = channel
