"""`openrek moderate`: what a photo shows that some people should not see, on any endpoint."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from openrek.runtime.cli.client_options import (
    MOST_SIDE_PX,
    asking,
    endpoint_option,
    json_option,
    photo_argument,
    photo_bytes,
    print_json,
)
from openrek.runtime.cli.terminal_text import add_row, line

if TYPE_CHECKING:
    from mypy_boto3_rekognition.type_defs import DetectModerationLabelsResponseTypeDef

REASON = "x-openrek-reason"


@click.command()
@photo_argument
@click.option(
    "--min-confidence", default=50.0, show_default=True, type=click.FloatRange(0, 100), help="Minimum confidence."
)
@endpoint_option
@json_option
def moderate(photo: Path, min_confidence: float, endpoint_url: str | None, as_json: bool) -> None:
    """Tell what PHOTO shows that some people should not see, and what was not looked for."""
    console = Console(stderr=as_json)
    with asking(endpoint_url) as rekognition:
        response = rekognition.detect_moderation_labels(
            Image={"Bytes": photo_bytes(photo, MOST_SIDE_PX)}, MinConfidence=min_confidence
        )
        if as_json:
            print_json(response)
        elif response["ModerationLabels"]:
            console.print(table(response))
        else:
            console.print(line(f"Nothing is at least {min_confidence:g} sure."))
        reason = response["ResponseMetadata"]["HTTPHeaders"].get(REASON)
        if reason:
            console.print(line(reason), style="dim")


def table(response: "DetectModerationLabelsResponseTypeDef") -> Table:
    """Return one line per label, the surest first."""
    found = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    found.add_column("Confidence", justify="right")
    found.add_column("Label", overflow="fold")
    found.add_column("Below", style="dim", overflow="fold")
    for label in response["ModerationLabels"]:
        add_row(found, f"{label['Confidence']:.1f}", label["Name"], label["ParentName"])
    return found
