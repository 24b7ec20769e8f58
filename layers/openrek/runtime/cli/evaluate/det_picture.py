"""The DET curve as a picture: false matches to the right, missed ones upwards, both axes logarithmic.

The line is drawn only where at least 30 pairs of each kind decide; beyond, the marks at the thresholds have bars for
their intervals, and tell more than a line would.
"""

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from openrek.domain.models import FaceModel
from openrek.runtime.cli.evaluate.numbers import FEW
from openrek.runtime.evaluation.curve import Curve
from openrek.runtime.evaluation.measure import THRESHOLDS_PCT
from openrek.runtime.evaluation.rates import Cell

SIDE_PX = 900
LEFT, TOP, RIGHT, BOTTOM = 110, 70, 860, 800
"""The place of the axes in the picture."""

PAPER, INK, GRID, LINE, MARK = "white", "#222222", "#dddddd", "#1f5fbf", "#c0392b"


class Axes:
    """The scale of both axes: whole decades from the least share to 1."""

    def __init__(self, least_x: float, least_y: float) -> None:
        self.decades_x = max(1, math.ceil(-math.log10(least_x)))
        self.decades_y = max(1, math.ceil(-math.log10(least_y)))

    def x(self, share: float) -> float:
        return RIGHT + (RIGHT - LEFT) * self._log(share, self.decades_x) / self.decades_x

    def y(self, share: float) -> float:
        return TOP - (BOTTOM - TOP) * self._log(share, self.decades_y) / self.decades_y

    @staticmethod
    def _log(share: float, decades: int) -> float:
        return max(-decades, math.log10(share)) if share > 0 else -decades


def det_picture(curve: Curve, whole: Cell, model: FaceModel) -> Image.Image:
    """Return the picture, RGB, SIDE_PX a side."""
    axes = Axes(1 / (2 * curve.strangers), 1 / (2 * curve.same))
    picture = Image.new("RGB", (SIDE_PX, SIDE_PX), PAPER)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(17)
    _grid(draw, axes, font)
    points = [
        (axes.x(false / curve.strangers), axes.y(missed / curve.same))
        for false, missed in zip(curve.false_matches.tolist(), curve.misses.tolist(), strict=True)
        if min(false, missed) >= FEW
    ]
    if len(points) > 1:
        draw.line(points, LINE, 3, joint="curve")
    _marks(draw, axes, whole, font)
    title = f"Face model {model.version}: {curve.strangers:,} pairs of different people, {curve.same:,} of one person"
    draw.text((LEFT, 14), title, INK, font)
    draw.text(((LEFT + RIGHT) / 2, 850), "false matches: share of pairs of different people", INK, font, "mm")
    draw.text((LEFT, TOP - 12), "missed matches: share of pairs of one person", INK, font, "ls")
    return picture


def _grid(draw: ImageDraw.ImageDraw, axes: Axes, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> None:
    for decade in range(axes.decades_x + 1):
        x = axes.x(10.0**-decade)
        draw.line([(x, TOP), (x, BOTTOM)], GRID)
        draw.text((x, BOTTOM + 8), _power(decade), INK, font, "ma")
    for decade in range(axes.decades_y + 1):
        y = axes.y(10.0**-decade)
        draw.line([(LEFT, y), (RIGHT, y)], GRID)
        draw.text((LEFT - 8, y), _power(decade), INK, font, "rm")
    draw.rectangle([(LEFT, TOP), (RIGHT, BOTTOM)], outline=INK)


def _marks(
    draw: ImageDraw.ImageDraw, axes: Axes, whole: Cell, font: ImageFont.FreeTypeFont | ImageFont.ImageFont
) -> None:
    for threshold, false, true in zip(THRESHOLDS_PCT, whole.strangers, whole.same, strict=True):
        x, y = axes.x(false.share or 0.0), axes.y(1 - (true.share or 0.0))
        bars: Sequence[Sequence[tuple[float, float]]] = (
            [(axes.x(false.low), y), (axes.x(false.high), y)],
            [(x, axes.y(1 - true.high)), (x, axes.y(1 - true.low))],
        )
        for bar in bars:
            draw.line([(end[0], end[1]) for end in bar], MARK, 2)
        draw.ellipse([(x - 5, y - 5), (x + 5, y + 5)], MARK)
        draw.text((x + 9, y - 9), f"{threshold:.0f}", MARK, font, "ls")


def _power(decade: int) -> str:
    return "1" if decade == 0 else f"1e-{decade}"
