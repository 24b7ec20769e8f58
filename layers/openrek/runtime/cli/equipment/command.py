"""`openrek equipment`: the persons of a photo and what protects their faces and heads, on any endpoint."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from openrek.runtime.cli.client_options import (
    asking,
    endpoint_option,
    json_option,
    photo_argument,
    photo_bytes,
    print_json,
)
from openrek.runtime.cli.terminal_text import add_row, line
from openrek.runtime.cli.users.report import plain_table

REASON = "x-openrek-reason"


@click.command()
@photo_argument
@endpoint_option
@json_option
def equipment(photo: Path, endpoint_url: str | None, as_json: bool) -> None:
    """Tell the persons of PHOTO, the parts of their bodies that are seen, and what covers these."""
    console = Console(stderr=as_json)
    with asking(endpoint_url) as rekognition:
        response = rekognition.detect_protective_equipment(Image={"Bytes": photo_bytes(photo)})
    if as_json:
        print_json(response)
    elif response["Persons"]:
        console.print(table(response))
    else:
        console.print(line("No person was found in the photo."))
    reason = response["ResponseMetadata"]["HTTPHeaders"].get(REASON)
    if reason:
        console.print(line(reason), style="dim")


def table(response: Mapping[str, Any]) -> Table:
    """Return one line for each part of a person's body."""
    found = plain_table("Person", "Part", "Equipment")
    for person in response["Persons"]:
        for part in person["BodyParts"] or [{"Name": "", "EquipmentDetections": []}]:
            worn = ", ".join(_worn(each) for each in part["EquipmentDetections"])
            add_row(found, str(person["Id"]), part["Name"], worn)
    return found


def _worn(detection: Mapping[str, Any]) -> str:
    covers = "" if detection["CoversBodyPart"]["Value"] else ", not over it"
    return f"{detection['Type']} {detection['Confidence']:.1f}{covers}"
