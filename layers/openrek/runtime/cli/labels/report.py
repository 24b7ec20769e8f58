"""Output of `openrek labels show`: labels and colours as tables, and boxes as a picture."""

from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from openrek.runtime.cli.annotate import Mark, annotate
from openrek.runtime.cli.terminal_text import add_row, shown

if TYPE_CHECKING:
    from mypy_boto3_rekognition.type_defs import DetectLabelsResponseTypeDef


def table(response: "DetectLabelsResponseTypeDef") -> Table:
    """Return one line per label, the surest first."""
    found = _table()
    found.add_column("Confidence", justify="right")
    found.add_column("Label", overflow="fold")
    found.add_column("Seen", justify="right")
    found.add_column("Category", overflow="fold")
    found.add_column("Parents", style="dim", overflow="fold")
    for label in response["Labels"]:
        categories, parents = (
            ", ".join(each["Name"] for each in group) for group in (label["Categories"], label["Parents"])
        )
        seen = str(len(label["Instances"])) if label["Instances"] else ""
        add_row(found, f"{label['Confidence']:.1f}", label["Name"], seen, categories, parents)
    return found


def colors_table(response: "DetectLabelsResponseTypeDef") -> Table:
    """Return one line per dominant colour, the largest share first."""
    found = _table()
    found.add_column("Share", justify="right")
    found.add_column("Colour")
    found.add_column("Plainly")
    found.add_column("Hex")
    for color in response["ImageProperties"]["DominantColors"]:
        add_row(found, f"{color['PixelPercent']:.1f} %", color["CSSColor"], color["SimplifiedColor"], color["HexCode"])
    return found


def save_picture(image: bytes, response: "DetectLabelsResponseTypeDef", path: Path) -> None:
    """Write the photo with a box and a name around each instance. Raises OSError."""
    marks = []
    for label in response["Labels"]:
        for instance in label["Instances"]:
            box = instance["BoundingBox"]
            text = shown(f"{label['Name']}  {instance['Confidence']:.0f} %")
            marks.append(Mark((box["Left"], box["Top"], box["Width"], box["Height"]), text=text, matched=True))
    annotate(image, marks).save(path)


def _table() -> Table:
    return Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
