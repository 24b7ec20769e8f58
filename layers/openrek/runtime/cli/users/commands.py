"""`openrek users`: the users of a collection, on any endpoint."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from openrek.runtime.cli.client_options import (
    asking,
    collection_option,
    endpoint_option,
    json_option,
    photo_bytes,
    print_json,
)
from openrek.runtime.cli.terminal_text import shown

user_argument = click.argument("user_id", metavar="USER")
faces_argument = click.argument("face_ids", metavar="FACE_ID...", nargs=-1, required=True)


@click.group()
def users() -> None:
    """Manage users: up to 100 faces of one person under one name."""


@users.command()
@user_argument
@collection_option
@endpoint_option
def create(user_id: str, collection: str, endpoint_url: str | None) -> None:
    """Create USER, without faces."""
    with asking(endpoint_url) as rekognition:
        rekognition.create_user(CollectionId=collection, UserId=user_id)
    click.echo(shown(f"Created the user {user_id}."))


@users.command()
@user_argument
@collection_option
@endpoint_option
def delete(user_id: str, collection: str, endpoint_url: str | None) -> None:
    """Delete USER. Its faces stay in the collection; `openrek erase` removes them too."""
    with asking(endpoint_url) as rekognition:
        rekognition.delete_user(CollectionId=collection, UserId=user_id)
    click.echo(shown(f"Deleted the user {user_id}; its faces stay."))


@users.command("list")
@collection_option
@endpoint_option
@json_option
def list_(collection: str, endpoint_url: str | None, as_json: bool) -> None:
    """List the users of a collection."""
    from openrek.runtime.cli.users import report

    with asking(endpoint_url) as rekognition:
        pages = rekognition.get_paginator("list_users").paginate(CollectionId=collection)
        found = [user for page in pages for user in page["Users"]]
    if as_json:
        print_json({"Users": found})
    elif found:
        Console().print(report.users(found))
    else:
        click.echo(shown(f"{collection} has no users."))


@users.command()
@user_argument
@faces_argument
@collection_option
@click.option("--threshold", default=75.0, show_default=True, type=click.FloatRange(0, 100), help="Minimum similarity.")
@endpoint_option
@json_option
def associate(
    user_id: str, face_ids: tuple[str, ...], collection: str, threshold: float, endpoint_url: str | None, as_json: bool
) -> None:
    """Give faces of the collection to USER.

    A face must be similar to the faces that USER has already. Exits with 1 if a face was skipped.
    """
    from openrek.runtime.cli.users import report

    with asking(endpoint_url) as rekognition:
        response = rekognition.associate_faces(
            CollectionId=collection, UserId=user_id, FaceIds=face_ids, UserMatchThreshold=threshold
        )
    table = report.changes(
        face_ids,
        response["AssociatedFaces"],
        response["UnsuccessfulFaceAssociations"],
        done="joined",
        else_="was there already",
    )
    _finish(response, table, complete=not response["UnsuccessfulFaceAssociations"], as_json=as_json)


@users.command()
@user_argument
@faces_argument
@collection_option
@endpoint_option
@json_option
def disassociate(
    user_id: str, face_ids: tuple[str, ...], collection: str, endpoint_url: str | None, as_json: bool
) -> None:
    """Take faces from USER; they stay in the collection. Exits with 1 if a face was skipped."""
    from openrek.runtime.cli.users import report

    with asking(endpoint_url) as rekognition:
        response = rekognition.disassociate_faces(CollectionId=collection, UserId=user_id, FaceIds=face_ids)
    table = report.changes(
        face_ids,
        response["DisassociatedFaces"],
        response["UnsuccessfulFaceDisassociations"],
        done="left",
        else_="was not there",
    )
    _finish(response, table, complete=not response["UnsuccessfulFaceDisassociations"], as_json=as_json)


@users.command()
@click.argument("photo", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--user", "user_id", help="Search with the faces of this user instead of a photo.")
@click.option("--face", "face_id", help="Search with this face of the collection instead of a photo.")
@collection_option
@click.option("--max-users", default=10, show_default=True, type=click.IntRange(1, 500))
@click.option("--threshold", default=80.0, show_default=True, type=click.FloatRange(0, 100), help="Minimum similarity.")
@endpoint_option
@json_option
def search(
    photo: Path | None,
    user_id: str | None,
    face_id: str | None,
    collection: str,
    max_users: int,
    threshold: float,
    endpoint_url: str | None,
    as_json: bool,
) -> None:
    """Find the users most like the largest face of PHOTO, a user or a face."""
    from openrek.runtime.cli.users import report

    if sum(given is not None for given in (photo, user_id, face_id)) != 1:
        raise click.UsageError("Give either PHOTO, --user or --face.")
    with asking(endpoint_url) as rekognition:
        response: Mapping[str, Any]
        if photo is not None:
            image = photo_bytes(photo)
            response = rekognition.search_users_by_image(
                CollectionId=collection, Image={"Bytes": image}, MaxUsers=max_users, UserMatchThreshold=threshold
            )
        elif user_id is not None:
            response = rekognition.search_users(
                CollectionId=collection, UserId=user_id, MaxUsers=max_users, UserMatchThreshold=threshold
            )
        else:
            response = rekognition.search_users(
                CollectionId=collection, FaceId=face_id or "", MaxUsers=max_users, UserMatchThreshold=threshold
            )
    if as_json:
        print_json(response)
    elif photo is not None and "SearchedFace" not in response:
        click.echo("No face was found in the photo.")
    elif response["UserMatches"]:
        Console().print(report.matches(response["UserMatches"]))
    else:
        click.echo(shown(f"No user of {collection} is at least {threshold:g} similar."))


COMMANDS = (users,)


def _finish(response: Any, table: Any, *, complete: bool, as_json: bool) -> None:
    """Print the result and end the command: with 1 unless everything was done."""
    if as_json:
        print_json(response)
    else:
        Console().print(table)
    sys.exit(0 if complete else 1)
