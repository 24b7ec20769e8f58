"""`openrek labels`: what a photo shows, on any endpoint, and the owner's own labels."""

from pathlib import Path

import click
from rich.console import Console

from openrek.runtime.cli.client_options import (
    MOST_SIDE_PX,
    asking,
    endpoint_option,
    json_option,
    photo_argument,
    photo_bytes,
    print_json,
    writable_picture,
)
from openrek.runtime.cli.labels import own_commands
from openrek.runtime.cli.terminal_text import line


@click.group()
def labels() -> None:
    """Tell what photos show, and teach labels of your own."""


for command in own_commands.COMMANDS:
    labels.add_command(command)


@labels.command()
@photo_argument
@click.option(
    "--min-confidence", default=55.0, show_default=True, type=click.FloatRange(0, 100), help="Minimum confidence."
)
@click.option("--max-labels", default=1000, type=click.IntRange(1, 1000), help="At most so many.")
@click.option("--colors", is_flag=True, help="Ask for colours and quality too.")
@endpoint_option
@json_option
@writable_picture("Write the photo with a box around each thing that was seen.")
def show(
    photo: Path,
    min_confidence: float,
    max_labels: int,
    colors: bool,
    endpoint_url: str | None,
    as_json: bool,
    picture: Path | None,
) -> None:
    """Tell what PHOTO shows."""
    from openrek.runtime.cli.labels import report

    console = Console(stderr=as_json)
    with asking(endpoint_url) as rekognition:
        image = photo_bytes(photo, MOST_SIDE_PX)
        response = rekognition.detect_labels(
            Image={"Bytes": image},
            MinConfidence=min_confidence,
            MaxLabels=max_labels,
            Features=["GENERAL_LABELS", "IMAGE_PROPERTIES"] if colors else ["GENERAL_LABELS"],
        )
        if as_json:
            print_json(response)
        elif response["Labels"]:
            console.print(report.table(response))
        else:
            console.print(line(f"Nothing is at least {min_confidence:g} sure."))
        if colors and not as_json:
            console.print(report.colors_table(response))
        if picture:
            report.save_picture(image, response, picture)
            console.print(line(f"Picture: {picture}"), soft_wrap=True)
