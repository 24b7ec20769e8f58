"""Things that are drawn, because no photo of them is in a pinned package: a wine bottle, a revolver, a pill bottle."""

from PIL import Image, ImageDraw, ImageFilter

Color = tuple[int, int, int]


def wine_bottle() -> Image.Image:
    image = Image.new("RGB", (400, 600), (235, 230, 220))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 480, 400, 600), fill=(150, 110, 70))
    _round(draw, (150, 260, 250, 530), (20, 40, 25), 60)
    draw.polygon([(150, 262), (182, 200), (218, 200), (250, 262)], fill=(28, 60, 35))
    _round(draw, (182, 70, 218, 202), (20, 40, 25), 50)
    draw.rectangle((180, 60, 220, 130), fill=(110, 20, 30))
    draw.rectangle((180, 130, 220, 134), fill=(180, 150, 60))
    draw.rectangle((152, 330, 248, 450), fill=(240, 232, 205))
    draw.rectangle((165, 350, 235, 356), fill=(90, 20, 30))
    draw.rectangle((175, 370, 225, 374), fill=(60, 60, 60))
    draw.ellipse((185, 390, 215, 420), outline=(120, 90, 30), width=3)
    draw.ellipse((150, 515, 250, 545), fill=(15, 30, 18))
    return image.filter(ImageFilter.GaussianBlur(1.2))


def revolver() -> Image.Image:
    image = Image.new("RGB", (600, 450), (240, 240, 240))
    draw = ImageDraw.Draw(image)
    draw.rectangle((60, 120, 380, 165), fill=(60, 62, 66))
    draw.polygon([(60, 120), (60, 108), (75, 108), (85, 120)], fill=(60, 62, 66))
    draw.rounded_rectangle((300, 110, 410, 200), 18, fill=(80, 82, 88))
    for line in range(4):
        draw.line((310, 125 + line * 20, 400, 125 + line * 20), fill=(50, 52, 56), width=5)
    draw.polygon([(400, 112), (470, 120), (480, 150), (460, 190), (300, 205), (300, 190)], fill=(65, 67, 72))
    draw.polygon([(455, 118), (490, 95), (500, 110), (475, 140)], fill=(55, 57, 60))
    draw.polygon([(420, 185), (480, 150), (560, 340), (500, 370), (440, 240)], fill=(110, 65, 35))
    draw.arc((330, 180, 430, 270), 0, 180, fill=(60, 62, 66), width=9)
    draw.line((380, 200, 370, 245), fill=(60, 62, 66), width=9)
    return image.filter(ImageFilter.GaussianBlur(1))


def pill_bottle() -> Image.Image:
    image = Image.new("RGB", (400, 500), (225, 235, 240))
    draw = ImageDraw.Draw(image)
    _round(draw, (120, 150, 280, 440), (200, 95, 15), 25)
    _round(draw, (110, 80, 290, 150), (210, 210, 210), 20)
    for x in range(112, 290, 8):
        draw.line((x, 85, x, 148), fill=(190, 190, 190))
    draw.rectangle((125, 210, 275, 370), fill=(250, 250, 250))
    for line, width in enumerate((110, 90, 120, 70, 100, 60)):
        draw.rectangle((140, 230 + line * 22, 140 + width, 236 + line * 22), fill=(40, 40, 60))
    return image.filter(ImageFilter.GaussianBlur(1))


def _round(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], color: Color, light: int) -> None:
    """Draw a cylinder that is lit from the left."""
    left, top, right, bottom = box
    for x in range(left, right + 1):
        shine = int(light * (1 - abs((x - left) / (right - left) - 0.35) * 1.6))
        draw.line((x, top, x, bottom), fill=tuple(part + shine for part in color))  # type: ignore[arg-type]
