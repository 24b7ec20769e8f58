"""Dominant colours and quality of a picture and of its parts.

* Colours: each pixel of a small copy counts for the colour of CSS's palette that is nearest to it in CIELAB; shares
  below LEAST_PCT are dropped.
* Brightness: mean luma (Rec. 601), 0 black .. 100 white.
* Contrast: from the darkest twentieth of the luma to the brightest, 0 .. 100.
* Sharpness: the root mean square of the luma's Laplacian, relative to the luma's own spread, on a scale that reaches 0
  for no detail and 100 for endless detail, as for faces. Measured on a copy whose longest side is 512 px, so that it
  tells how sharp the picture looks, not how many pixels it has.
"""

import math
from functools import cache, cached_property
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from openrek.domain.faces import BoundingBox, float32
from openrek.domain.labels import DominantColor, PicturePart, PictureProperties, PictureQuality
from openrek.vision.images.arrays import Floats
from openrek.vision.labels.css_colors import SIMPLIFIED, palette

LEAST_PCT: Final = 5.0
SUBJECT: Final = 0.5
"""How likely a pixel must belong to the subject of the picture, where a network tells."""
COLOR_SIDE_PX: Final = 128
DETAIL_SIDE_PX: Final = 512
_SHIFT: Final = 3
_STEPS: Final = 256 >> _SHIFT
"""Of a channel: the nearest colour of the palette is looked up for 32 x 32 x 32 colours once, which takes some ms."""
_DETAIL_AT_HALF: Final = 0.05
_NOISE_FLOOR: Final = 2.0
_ROUNDING: Final = 0.35
"""Root mean square of the Laplacian that rounding to 8 bits makes of no detail at all."""
_TO_XYZ: Final = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_WHITE: Final = np.array([0.9505, 1.0, 1.089])
"""IEC 61966-2-1 (sRGB), D65."""

Mask: TypeAlias = NDArray[np.bool_]
"""bool [H, W] of the copy of COLOR_SIDE_PX or DETAIL_SIDE_PX: True for the pixels that count."""


class Canvas:
    """Small copies of a picture, each made once, when something is measured on it."""

    def __init__(self, image: Image.Image) -> None:
        self._image = image

    @cached_property
    def _small(self) -> NDArray[np.uint8]:
        return np.asarray(_fitted(self._image, COLOR_SIDE_PX))

    @cached_property
    def _luma(self) -> Floats:
        return np.asarray(_fitted(self._image, DETAIL_SIDE_PX).convert("L"), np.float32)

    def properties(self, subject: "list[BoundingBox] | Floats", most_colors: int) -> PictureProperties:
        """Measure the picture, its foreground and the rest (the background).

        `subject`: the foreground is what lies within any of these boxes, or where this map [h, w] has SUBJECT or more.
        """
        coarse, fine = (_subject(array.shape[:2], subject) for array in (self._small, self._luma))
        whole = np.ones(self._small.shape[:2], bool), np.ones(self._luma.shape, bool)
        return PictureProperties(
            quality=self._quality(whole[1]),
            colors=self._colors(whole[0], most_colors),
            foreground=self._part(coarse, fine, most_colors),
            background=self._part(~coarse, ~fine, most_colors),
        )

    def colors_in(self, box: BoundingBox, most_colors: int) -> tuple[DominantColor, ...]:
        """Return the dominant colours within a box."""
        return self._colors(_covered(self._small.shape[:2], [box]), most_colors)

    def _part(self, coarse: Mask, fine: Mask, most_colors: int) -> PicturePart | None:
        if not coarse.any() or not fine.any():
            return None
        return PicturePart(self._quality(fine), self._colors(coarse, most_colors))

    def _colors(self, mask: Mask, most: int) -> tuple[DominantColor, ...]:
        """Return at most `most` colours of the pixels that count, the largest share first."""
        counted = self._small[mask]
        if not len(counted):
            return ()
        names = list(SIMPLIFIED)
        red, green, blue = (counted >> _SHIFT).T
        shares = np.bincount(_nearest()[red, green, blue], minlength=len(names)) * (100.0 / len(counted))
        largest = sorted((index for index in range(len(names)) if shares[index] >= LEAST_PCT), key=lambda i: -shares[i])
        return tuple(
            DominantColor(*palette()[names[index]], names[index], SIMPLIFIED[names[index]], float32(shares[index]))
            for index in largest[:most]
        )

    def _quality(self, mask: Mask) -> PictureQuality:
        luma = self._luma
        counted = luma[mask]
        around = luma[:-2, 1:-1] + luma[2:, 1:-1] + luma[1:-1, :-2] + luma[1:-1, 2:]
        laplacian = (around / 4 - luma[1:-1, 1:-1])[mask[1:-1, 1:-1]]
        rms = math.sqrt(max(0.0, float(np.mean(laplacian**2)) - _ROUNDING**2)) if len(laplacian) else 0.0
        detail = rms / (float(counted.std()) + _NOISE_FLOOR)
        dark, bright = np.percentile(counted, (5, 95))
        return PictureQuality(
            brightness=float32(float(counted.mean()) / 255 * 100),
            sharpness=float32(100 * detail / (detail + _DETAIL_AT_HALF)),
            contrast=float32(float(bright - dark) / 255 * 100),
        )


def _fitted(image: Image.Image, side_px: int) -> Image.Image:
    """Return the picture with its longest side at `side_px`, or as it is where that is smaller."""
    longest = max(image.size)
    if longest <= side_px:
        return image
    width, height = (max(3, round(side * side_px / longest)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BOX, reducing_gap=2.0)


def _subject(shape: tuple[int, ...], subject: list[BoundingBox] | Floats) -> Mask:
    """Return a mask [H, W] of the foreground."""
    height, width = shape
    if isinstance(subject, list):
        return _covered((height, width), subject)
    heat = Image.fromarray(subject).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(heat) >= SUBJECT


def _covered(shape: tuple[int, int], boxes: list[BoundingBox]) -> Mask:
    """Return a mask [H, W] that is True within any of the boxes; a box covers one pixel at least."""
    height, width = shape
    mask = np.zeros(shape, bool)
    for box in boxes:
        left, top = (
            min(max(int(at), 0), side - 1) for at, side in ((box.left * width, width), (box.top * height, height))
        )
        right = max(left + 1, math.ceil((box.left + box.width) * width))
        bottom = max(top + 1, math.ceil((box.top + box.height) * height))
        mask[top:bottom, left:right] = True
    return mask


@cache
def _nearest() -> NDArray[np.uint8]:
    """Return uint8 [32, 32, 32]: the number of the palette's colour that is nearest, by red, green and blue."""
    middles = (np.arange(_STEPS) + 0.5) * (256 / _STEPS) - 0.5
    middles[0], middles[-1] = 0, 255  # so that black and white are exactly that
    cube = np.stack(np.meshgrid(middles, middles, middles, indexing="ij"), axis=-1).reshape(-1, 3)
    found, named = _lab(cube), _lab(np.array(list(palette().values()), float))
    squares = (found**2).sum(1)[:, None] - 2 * found @ named.T + (named**2).sum(1)
    nearest: NDArray[np.uint8] = squares.argmin(1).astype(np.uint8).reshape(_STEPS, _STEPS, _STEPS)
    return nearest


def _lab(rgb: NDArray[np.float64]) -> Floats:
    """Return CIELAB [n, 3] of sRGB 0..255 [n, 3] (CIE 15:2004, formulas 8.3 to 8.8)."""
    unit = rgb / 255
    linear = np.where(unit <= 0.04045, unit / 12.92, ((unit + 0.055) / 1.055) ** 2.4)
    ratio = (linear @ _TO_XYZ.T) / _WHITE
    x, y, z = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)
