"""`openrek search`, on any endpoint, and `openrek search-all`, which needs an openrek server."""

from pathlib import Path

import click
from rich.console import Console

from openrek.runtime.cli.client_options import (
    asking,
    collection_option,
    endpoint_option,
    json_option,
    photo_argument,
    photo_bytes,
    picture_option,
    print_json,
)
from openrek.runtime.cli.terminal_text import line

threshold_option = click.option(
    "--threshold", default=80.0, show_default=True, type=click.FloatRange(0, 100), help="Minimum similarity."
)


@click.command()
@photo_argument
@collection_option
@endpoint_option
@click.option("--max-faces", default=10, show_default=True, type=click.IntRange(1, 4096))
@threshold_option
@json_option
@picture_option
def search(
    photo: Path,
    collection: str,
    endpoint_url: str | None,
    max_faces: int,
    threshold: float,
    as_json: bool,
    picture: Path | None,
) -> None:
    """Find the largest face of PHOTO in a collection."""
    from openrek.runtime.cli import search_report

    console = Console(stderr=as_json)
    with asking(endpoint_url) as rekognition:
        image = photo_bytes(photo)
        response = search_report.search(rekognition, image, collection, limit=max_faces, threshold_pct=threshold)
        if as_json:
            print_json(response)
        elif response["FaceMatches"]:
            console.print(search_report.table(response))
        else:
            console.print(line(f"No face in {collection} is at least {threshold:g} similar."))
        if picture:
            search_report.save_picture(rekognition, image, response, picture)
            console.print(line(f"Picture: {picture}"), soft_wrap=True)


@click.command("search-all")
@photo_argument
@collection_option
@click.option("--users", is_flag=True, help="Find users too.")
@click.option("--max-matches", default=3, show_default=True, type=click.IntRange(1, 50), help="For each face.")
@threshold_option
@endpoint_option
@json_option
@picture_option
def search_all(
    photo: Path,
    collection: str,
    users: bool,
    max_matches: int,
    threshold: float,
    endpoint_url: str | None,
    as_json: bool,
    picture: Path | None,
) -> None:
    """Find every face of PHOTO in a collection."""
    from openrek.runtime.cli import search_all_report

    console = Console(stderr=as_json)
    with asking(endpoint_url, extended=True) as rekognition:
        image = photo_bytes(photo)
        response = rekognition.search_all_faces_by_image(  # type: ignore[attr-defined]
            CollectionId=collection,
            Image={"Bytes": image},
            Include=["FACES", "USERS"] if users else ["FACES"],
            MaxFaces=max_matches,
            MaxUsers=max_matches,
            FaceMatchThreshold=threshold,
            UserMatchThreshold=threshold,
        )
        if as_json:
            print_json(response)
        elif response["SearchedFaces"]:
            console.print(search_all_report.table(response))
        else:
            console.print("No face was found in the photo.")
        if picture:
            search_all_report.save_picture(image, response, picture)
            console.print(line(f"Picture: {picture}"), soft_wrap=True)


COMMANDS = (search, search_all)
