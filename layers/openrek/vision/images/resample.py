"""Resampling: an upright picture becomes the detector's tensor, float32 [1, 3, H, W], BGR 0..255, with zeros to the
right and below up to multiples of 32.

Reducing averages down by a whole number of times first, where that is two or more; for the rest each pixel is the mean
of two samples, a quarter and three quarters down the diagonal of what it covers. The detector finds the same faces with
the same scores as after an area filter, in a third of its time; only where noise or printed dots nearly hide the faces,
some fewer. Enlarging is bilinear, in float32. Both go strip by strip, each from the picture to the tensors while it is
in the cache.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from openrek.vision.images.arrays import Floats, PackedPixels
from openrek.vision.images.pixels import packed_pixels

STEP_PX = 32
COARSER = 4
_PLACES = (0.25, 0.75)
_STRIP_PX = 64  # of 1280 pixels: with its intermediates it fits a cache of 2 MB; smaller ones cost more calls
_TALL_STRIP_PX = 128
_COLUMNS = 64  # blocks of a product: small enough to skip most zeros, large enough to be worth a call,
_ROWS = 16  # and below the size from which OpenBLAS wakes other threads, two times 2^18 multiplications
_LOW_7_BITS = 0x7F7F7F7F
_Number = TypeVar("_Number", bound=np.generic)


@dataclass(frozen=True, slots=True)
class WeightBlock:
    """Some of the n target pixels along one side, the k source pixels around them, and the weights of these, [n, k]."""

    target: slice
    source: slice
    weights: Floats


def coarse_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return a (width, height) that is COARSER times smaller, rounded up."""
    return -(-size[0] // COARSER), -(-size[1] // COARSER)


def reduced_tensor(image: Image.Image, size: tuple[int, int]) -> Floats:
    """Return the tensor of the picture at a smaller or its own (width, height)."""
    tensor = _empty(size)
    for top, pixels in _strips(image, size):
        _unpack(pixels, tensor[0, :, top:, : size[0]])
    return tensor


def reduced_tensors(image: Image.Image, size: tuple[int, int]) -> tuple[Floats, Floats]:
    """Return the tensors of the picture at a smaller or its own (width, height), and COARSER times smaller still.

    The coarse one holds the means of 4 x 4 pixels; the last row and column are repeated beyond the picture's edge.
    """
    small = coarse_size(size)
    fine, coarse = _empty(size), _empty(small)
    for top, pixels in _strips(image, size):
        _unpack(pixels, fine[0, :, top:, : size[0]])
        _average(pixels, coarse[0, :, top // COARSER :, : small[0]])
    return fine, coarse


def enlarged_tensor(image: Image.Image, size: tuple[int, int]) -> Floats:
    """Return the tensor of the picture, of at least 2 x 2 pixels, at a larger or its own (width, height)."""
    tensor, pixels = _empty(size), packed_pixels(image)
    columns = [*_blocks(image.width, size[0], range(0, size[0], _COLUMNS))]
    for top in range(0, size[1], _TALL_STRIP_PX):
        rows = [*_blocks(image.height, size[1], range(top, min(top + _TALL_STRIP_PX, size[1]), _ROWS))]
        _enlarge(pixels, rows, columns, tensor[0, :, :, : size[0]])
    return tensor


def _strips(image: Image.Image, size: tuple[int, int]) -> Iterator[tuple[int, PackedPixels]]:
    """Yield the picture at a smaller or its own (width, height) in strips: the first row of each, and its pixels."""
    lines = packed_pixels(image).__getitem__ if size == image.size else _reduced(image, size)
    for top in range(0, size[1], _STRIP_PX):
        yield top, lines(slice(top, min(top + _STRIP_PX, size[1])))


def _reduced(image: Image.Image, size: tuple[int, int]) -> Callable[[slice], PackedPixels]:
    """Return a function that gives rows of the picture at a smaller (width, height)."""
    by = min(image.width // size[0], image.height // size[1])
    pixels = packed_pixels(image.reduce(by) if by > 1 else image)
    columns, rows = (
        [((np.arange(length) + place) * side / (by * length)).astype(np.intp) for place in _PLACES]
        for length, side in zip(size, image.size, strict=True)
    )
    return lambda lines: _mean(*(_taken(pixels, y[lines], x) for y, x in zip(rows, columns, strict=True)))


def _taken(pixels: PackedPixels, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> PackedPixels:
    """Return the pixels of these rows and columns. None is outside: "wrap" is only the mode with the cheapest check."""
    return pixels.take(rows, axis=0, mode="wrap").take(columns, axis=1, mode="wrap")


def _mean(first: PackedPixels, second: PackedPixels) -> PackedPixels:
    """Average byte by byte, halves rounded up: a + b = 2 (a | b) - (a ^ b), and no byte touches its neighbour."""
    half = first ^ second
    half >>= 1
    half &= _LOW_7_BITS
    mean: PackedPixels = np.subtract(first | second, half, out=half)
    return mean


def _enlarge(pixels: PackedPixels, rows: list[WeightBlock], columns: list[WeightBlock], planes: Floats) -> None:
    """Write these rows and columns of the enlarged picture to float32 [3, .., ..], blue first.

    Blocks of columns, then of rows, are products with the weights of their taps: BLAS multiplies by the many zeros
    faster than numpy gathers and blends. The blocks are too small for BLAS to wake other threads.
    """
    first = rows[0].source.start
    pixels = pixels[first : rows[-1].source.stop]
    narrow = np.empty((3, *pixels.shape), np.float32)
    _unpack(pixels, narrow)
    wide = np.empty((3, len(pixels), planes.shape[2]), np.float32)
    for block in columns:
        np.matmul(narrow[:, :, block.source], block.weights.T, out=wide[:, :, block.target])
    for block in rows:
        between = wide[:, block.source.start - first : block.source.stop - first]
        np.matmul(block.weights, between, out=planes[:, block.target])


def _blocks(source: int, target: int, starts: range) -> Iterator[WeightBlock]:
    """Yield the weights of bilinear enlarging along one side, in blocks that begin at `starts`."""
    for start in starts:
        stop = min(start + starts.step, starts.stop)
        places = np.clip((np.arange(start, stop) + 0.5) * (source / target) - 0.5, 0, source - 1)
        first, end = (min(int(place), source - 2) for place in (places[0], places[-1]))
        away = np.abs(places[:, None] - np.arange(first, end + 2))
        yield WeightBlock(slice(start, stop), slice(first, end + 2), np.maximum(1 - away, 0).astype(np.float32))


def _empty(size: tuple[int, int]) -> Floats:
    """Return a tensor for a (width, height): zeros in the margins, the rest uninitialised."""
    width, height = size
    tensor = np.empty((1, 3, -(-height // STEP_PX) * STEP_PX, -(-width // STEP_PX) * STEP_PX), np.float32)
    tensor[:, :, height:] = 0
    tensor[:, :, :, width:] = 0
    return tensor


def _unpack(pixels: PackedPixels, planes: Floats) -> None:
    """Write packed pixels [H, W] to the first H rows of float32 [3, .., W], blue first.

    Taking every fourth byte would be slower.
    """
    channel = np.empty(pixels.shape, np.int32)
    for plane, bits in zip(planes, (16, 8, 0), strict=True):
        np.bitwise_and(np.right_shift(pixels, bits, out=channel) if bits else pixels, 255, out=channel)
        plane[: len(pixels)] = channel


def _average(pixels: PackedPixels, planes: Floats) -> None:
    """Write the means of 4 x 4 packed pixels [H, W] to the first rows of float32 [3, .., ceil(W / 4)], blue first."""
    pixels = _filled(pixels, 0)
    channels = pixels.view(np.uint8).reshape(-1, COARSER, 4 * pixels.shape[1])
    lines = _filled(channels.sum(axis=1, dtype=np.uint16).view(np.uint64), 1)
    sums = lines[:, ::COARSER].copy()
    for place in range(1, COARSER):
        sums += lines[:, place::COARSER]  # four channels at once, of 16 bits each
    blue_first = sums.view(np.uint16).reshape(*sums.shape, 4)[:, :, 2::-1].transpose(2, 0, 1)
    np.divide(blue_first, np.float32(COARSER**2), out=planes[:, : len(sums)])


def _filled(array: NDArray[_Number], axis: int) -> NDArray[_Number]:
    """Repeat the last row or column until the axis has a multiple of COARSER."""
    missing = -array.shape[axis] % COARSER
    return np.concatenate([array, array.take([-1] * missing, axis)], axis) if missing else array
