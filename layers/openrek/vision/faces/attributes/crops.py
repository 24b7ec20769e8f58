"""Squares of a picture, turned and of any size, as the networks of attributes see a face.

A square is the map from (u, v), both 0..1 in it, to places of the picture as complex numbers x + iy.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from openrek.vision.images.arrays import Floats
from openrek.vision.images.pixels import packed_pixels


@dataclass(frozen=True, slots=True)
class Square:
    """The place of (u, v) is `corner` + `side` (u + iv): the direction of `side` is that of the square's rows."""

    corner: complex
    side: complex

    @classmethod
    def around(cls, middle: complex, length: float, turn_rad: float) -> "Square":
        """Return the square with this middle and length of a side, whose rows are turned clockwise by `turn_rad`."""
        side = length * complex(math.cos(turn_rad), math.sin(turn_rad))
        return cls(middle - side * (0.5 + 0.5j), side)

    @classmethod
    def fitted(cls, points: Floats, places: Floats) -> "Square":
        """Return the square in which `points` [n, 2] of a picture come nearest, in least squares, to `places` [n, 2],
        0..1 each."""
        source, target = points.astype(np.float64) @ (1, 1j), places.astype(np.float64) @ (1, 1j)
        offsets, wanted = source - source.mean(), target - target.mean()
        shrink = complex(offsets.conj() @ wanted) / max(float(np.sum(np.abs(offsets) ** 2)), 1e-9)
        side = 1 / (shrink if abs(shrink) > 1e-6 else 1e-6)
        return cls(complex(source.mean() - target.mean() * side), side)

    def seen_in(self, image: Image.Image, length_px: int) -> NDArray[np.uint8]:
        """Return the square of an RGB picture, uint8 [length_px, length_px, 3], bilinear, black outside the picture.

        A larger one is averaged down by a whole number first. Costs no copy of more than four times its pixels.
        """
        by = max(1, min(int(abs(self.side) / length_px), max(image.size) // 2))
        corner, step = self.corner, self.side / length_px
        if by > 1:
            box = self._frame(image.size)
            if box is None:
                return np.zeros((length_px, length_px, 3), np.uint8)
            image = image.reduce(by, box)
            corner, step = (corner - complex(*box[:2])) / by, step / by
        matrix = (step.real, -step.imag, corner.real, step.imag, step.real, corner.imag)
        seen = image.transform((length_px, length_px), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
        return packed_pixels(seen).view(np.uint8).reshape(length_px, length_px, 4)[:, :, :3]

    def placed(self, within: Floats) -> Floats:
        """Return the places [n, 2] in the picture of points [n, 2] of the square, 0..1 each."""
        at = self.corner + self.side * (within.astype(np.float64) @ (1, 1j))
        return np.stack([at.real, at.imag], axis=1).astype(np.float32)

    def within(self, points: Floats) -> Floats:
        """Return where points [n, 2] of the picture are in the square, 0..1 each inside it."""
        at = (points.astype(np.float64) @ (1, 1j) - self.corner) / self.side
        return np.stack([at.real, at.imag], axis=1).astype(np.float32)

    def _frame(self, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
        """Return the part of a picture (left, top, right, bottom) that the square touches; None if there is none."""
        corners = [self.corner + self.side * along for along in (0, 1, 1j, 1 + 1j)]
        left, right = min(at.real for at in corners), max(at.real for at in corners)
        top, bottom = min(at.imag for at in corners), max(at.imag for at in corners)
        box = (
            max(0, math.floor(left)),
            max(0, math.floor(top)),
            min(size[0], math.ceil(right)),
            min(size[1], math.ceil(bottom)),
        )
        return box if box[0] < box[2] and box[1] < box[3] else None
