"""`openrek detect`: the faces of a photo and their attributes, on any endpoint."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click
from rich.console import Console

from openrek.domain.attributes import Trait
from openrek.runtime.cli.client_options import (
    asking,
    endpoint_option,
    json_option,
    photo_argument,
    photo_bytes,
    print_json,
    writable_picture,
)
from openrek.runtime.cli.terminal_text import line

if TYPE_CHECKING:
    from mypy_boto3_rekognition.literals import AttributeType

ATTRIBUTES = ("ALL", "DEFAULT", *sorted(trait.value for trait in Trait if trait is not Trait.LANDMARKS))


def named(_context: click.Context, _parameter: click.Parameter, text: str) -> list[str]:
    """Return the API's names of a list like `smile,eyes-open`. Raises BadParameter."""
    names = [name.strip().upper().replace("-", "_") for name in text.split(",") if name.strip()]
    for name in names:
        if name not in ATTRIBUTES:
            known = ", ".join(each.lower().replace("_", "-") for each in ATTRIBUTES)
            raise click.BadParameter(f"there is no attribute {name.lower()}; there are {known}.")
    return names


@click.command()
@photo_argument
@click.option(
    "--attributes", default="default", metavar="LIST", callback=named, help="all, or some with commas: smile,age-range."
)
@endpoint_option
@json_option
@writable_picture("Write the photo with its faces, their points and numbers.")
def detect(
    photo: Path, attributes: Sequence[str], endpoint_url: str | None, as_json: bool, picture: Path | None
) -> None:
    """List the faces of PHOTO, the largest first, and what they show."""
    from openrek.runtime.cli.faces import detect_report

    console = Console(stderr=as_json)
    with asking(endpoint_url) as rekognition:
        image = photo_bytes(photo)
        wanted = cast("list[AttributeType]", list(attributes))
        response = rekognition.detect_faces(Image={"Bytes": image}, Attributes=wanted)
        if as_json:
            print_json(response)
        elif response["FaceDetails"]:
            console.print(detect_report.table(response["FaceDetails"]))
        else:
            console.print(line("There is no face in the photo."))
        if picture:
            detect_report.save_picture(image, response["FaceDetails"], picture)
            console.print(line(f"Picture: {picture}"), soft_wrap=True)
