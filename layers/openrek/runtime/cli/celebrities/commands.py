"""`openrek celebrities`: people whom RecognizeCelebrities knows by name. Needs an openrek server."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from openrek.domain.celebrities import GENDERS, ID
from openrek.runtime.cli.client_options import asking, endpoint_option, json_option, print_json
from openrek.runtime.cli.failure import Failure
from openrek.runtime.cli.terminal_text import add_row, line, shown
from openrek.runtime.cli.users.report import plain_table

if TYPE_CHECKING:
    from openrek.runtime.cli.celebrities.adding import Added

collection_option = click.option(
    "--collection",
    "-c",
    default="celebrities",
    show_default=True,
    envvar="OPENREK_CELEBRITIES",
    help="The collection of celebrities, as the server's OPENREK_CELEBRITIES names it.",
)


def _id(_context: click.Context, _parameter: click.Parameter, given: str | None) -> str | None:
    """Check an id, before any call is made. Raises BadParameter."""
    if given is not None and not ID.fullmatch(given):
        raise click.BadParameter("an id has 1 to 128 of the characters 0-9, A-Z and a-z.")
    return given


@click.group()
def celebrities() -> None:
    """Manage celebrities: people whom RecognizeCelebrities knows by name.

    They are users of a collection of their own, so what is true of users is true of them.
    """


@celebrities.command()
@click.argument("name")
@click.argument(
    "photos",
    metavar="PHOTO...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option("--url", "urls", multiple=True, help="Address of a page about NAME; may be given several times.")
@click.option("--gender", type=click.Choice(GENDERS), help="Known gender. [default: Unlisted]")
@click.option("--id", "celebrity_id", callback=_id, help="Id. [default: 8 characters that follow from NAME]")
@collection_option
@endpoint_option
def add(
    name: str,
    photos: tuple[Path, ...],
    urls: tuple[str, ...],
    gender: str | None,
    celebrity_id: str | None,
    collection: str,
    endpoint_url: str | None,
) -> None:
    """Add NAME with the largest face of each PHOTO, or more photos of it.

    A face must be similar to those that NAME has already. Two people of one name need an --id each. Exits with 1 if a
    photo was not taken.
    """
    from openrek.runtime.cli.celebrities.adding import Adding, id_of

    with asking(endpoint_url, extended=True) as rekognition:
        adding = Adding(rekognition, collection)
        added = adding.add(celebrity_id or id_of(name), name, photos, urls=urls, gender=gender)
    sys.exit(_tell([added]))


@celebrities.command("import")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@collection_option
@endpoint_option
def import_(folder: Path, collection: str, endpoint_url: str | None) -> None:
    """Add everyone in FOLDER, which has one folder of photos for each person, named after it.

    Underscores in names are read as spaces. Started again it goes on where it was interrupted. Exits with 1 if a photo
    was not taken.
    """
    from openrek.runtime.cli.celebrities.adding import Adding, people_in

    people = people_in(folder)
    if not people:
        raise Failure(f"{folder} has no folder with photos in it.")
    with asking(endpoint_url, extended=True) as rekognition:
        sys.exit(_tell(Adding(rekognition, collection).add_all(people)))


@celebrities.command("list")
@collection_option
@endpoint_option
@json_option
def list_(collection: str, endpoint_url: str | None, as_json: bool) -> None:
    """List the celebrities."""
    from openrek.runtime.cli.celebrities.adding import listed

    with asking(endpoint_url) as rekognition:
        found = listed(rekognition, collection)
    if as_json:
        print_json({"Celebrities": found})
    elif found:
        Console().print(_table(found))
    else:
        click.echo(shown(f"{collection} has no celebrities."))


@celebrities.command()
@click.argument("celebrity_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
@collection_option
@endpoint_option
def remove(celebrity_id: str, yes: bool, collection: str, endpoint_url: str | None) -> None:
    """Erase the celebrity ID: name, addresses and faces. This cannot be undone."""
    if not yes:
        click.confirm(shown(f"Erase {celebrity_id} from {collection}?"), abort=True, err=True)
    with asking(endpoint_url, extended=True) as rekognition:
        erased = rekognition.erase_person(CollectionId=collection, UserId=celebrity_id)  # type: ignore[attr-defined]
    click.echo(shown(f"Erased {celebrity_id}, with {len(erased['DeletedFaces'])} faces."))


def _tell(everyone: Iterable["Added"]) -> int:
    """Print a line for each person, and one for each photo that was not taken; return the exit code."""
    console, failed = Console(), False
    for added in everyone:
        text = f"{added.celebrity_id}  {added.name}: {added.taken} photos added, {added.known} known."
        console.print(line(text))
        for photo, why in added.refused:
            failed = True
            console.print(line(f"  {photo}: {why}"), style="red")
    return int(failed)


def _table(found: Iterable[dict[str, Any]]) -> Any:
    table = plain_table("Id", "Name", "Gender", "Addresses")
    for each in found:
        add_row(table, each["Id"], each["Name"], each["KnownGender"]["Type"], " ".join(each["Urls"]))
    return table


COMMANDS = (celebrities,)
