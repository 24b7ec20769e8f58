"""Drawing of found faces into a photo: boxes, landmarks and a line of text per face."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from openrek.runtime.cli.photo_files import pixels

MATCH = (22, 163, 74)
OTHER = (217, 119, 6)
INK = (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Mark:
    """A face to draw: box as (left, top, width, height) and landmarks as (x, y), all ratios of the upright photo."""

    box: tuple[float, float, float, float]
    landmarks: Sequence[tuple[float, float]] = ()
    text: str = ""
    matched: bool = False


def annotate(image: bytes, marks: Sequence[Mark]) -> Image.Image:
    """Return the upright photo with the marks drawn into it; lines and text grow with the photo.

    Raises UnreadablePhoto.
    """
    canvas = pixels(image)
    draw = ImageDraw.Draw(canvas)
    stroke = max(2, round(max(canvas.size) / 400))
    font = ImageFont.load_default(max(14, round(max(canvas.size) / 45)))
    for mark in marks:
        _draw(draw, mark, canvas.size, stroke, font)
    return canvas


def _draw(
    draw: ImageDraw.ImageDraw,
    mark: Mark,
    size: tuple[int, int],
    stroke: int,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    width, height = size
    colour = MATCH if mark.matched else OTHER
    left, top = mark.box[0] * width, mark.box[1] * height
    right, bottom = left + mark.box[2] * width, top + mark.box[3] * height
    draw.rectangle((left, top, right, bottom), outline=colour, width=stroke)
    for x, y in mark.landmarks:
        radius = stroke * 1.25
        at = (x * width - radius, y * height - radius, x * width + radius, y * height + radius)
        draw.ellipse(at, fill=INK, outline=colour, width=max(1, stroke // 2))
    if mark.text:
        _label(draw, mark.text, (left, top, bottom), size, colour, font)


def _label(
    draw: ImageDraw.ImageDraw,
    text: str,
    place: tuple[float, float, float],
    size: tuple[int, int],
    colour: tuple[int, int, int],
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    """Draw text on a filled ground above the box, or below it where there is no room, always within the photo."""
    left, top, bottom = place
    x0, y0, x1, y1 = draw.textbbox((0, 0), text, font=font)
    pad = (y1 - y0) * 0.4
    wide, high = x1 - x0 + 2 * pad, y1 - y0 + 2 * pad
    x = min(max(0.0, left), max(0.0, size[0] - wide))
    y = top - high if top >= high else min(bottom, size[1] - high)
    draw.rectangle((x, y, x + wide, y + high), fill=colour)
    draw.text((x + pad - x0, y + pad - y0), text, fill=INK, font=font)
