"""The commands for what Rekognition has not: they need an openrek server."""

from pathlib import Path

import click
from rich.console import Console

from openrek.runtime.asking import (
    asking,
    collection_option,
    endpoint_option,
    json_option,
    photo_argument,
    photo_bytes,
    picture_option,
    print_json,
)
from openrek.runtime.shown import line, shown

SDK_MODELS = Path("~/.aws/models")


@click.command("search-all")
@photo_argument
@collection_option
@click.option("--users", is_flag=True, help="Find users too.")
@click.option("--max-matches", default=3, show_default=True, type=click.IntRange(1, 50), help="For each face.")
@click.option("--threshold", default=80.0, show_default=True, type=click.FloatRange(0, 100), help="Least similarity.")
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
    from openrek.runtime import searching_all

    console = Console(stderr=as_json)
    with asking(endpoint_url, extended=True) as rekognition:
        image = photo_bytes(photo)
        answer = rekognition.search_all_faces_by_image(  # type: ignore[attr-defined]
            CollectionId=collection,
            Image={"Bytes": image},
            Include=["FACES", "USERS"] if users else ["FACES"],
            MaxFaces=max_matches,
            MaxUsers=max_matches,
            FaceMatchThreshold=threshold,
            UserMatchThreshold=threshold,
        )
        if as_json:
            print_json(answer)
        elif answer["SearchedFaces"]:
            console.print(searching_all.table(answer))
        else:
            console.print("No face was found in the photo.")
        if picture:
            searching_all.save_picture(image, answer, picture)
            console.print(line(f"Picture: {picture}"), soft_wrap=True)


@click.command()
@collection_option
@click.option("--user", "user_id", help="Erase this user and all of its faces.")
@click.option("--external-image-id", help="Erase every face with this ExternalImageId.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@endpoint_option
@json_option
def erase(
    collection: str,
    user_id: str | None,
    external_image_id: str | None,
    yes: bool,
    endpoint_url: str | None,
    as_json: bool,
) -> None:
    """Erase all that a collection knows of a person.

    This cannot be undone. An interrupted erasure goes on when it is started again. The vectors leave the server's files
    within 24 hours, or at once with `openrek purge`.
    """
    if (user_id is None) == (external_image_id is None):
        raise click.UsageError("Give either --user or --external-image-id.")
    person = {"UserId": user_id} if user_id is not None else {"ExternalImageId": external_image_id}
    if not yes:
        question = f"Erase {' '.join(map(str, person.values()))} from {collection}?"
        click.confirm(shown(question), abort=True, err=True)
    with asking(endpoint_url, extended=True) as rekognition:
        answer = rekognition.erase_person(CollectionId=collection, **person)  # type: ignore[attr-defined]
    if as_json:
        print_json(answer)
    else:
        click.echo(f"Erased faces: {len(answer['DeletedFaces'])}. Erased users: {len(answer['DeletedUsers'])}.")


@click.command()
@click.argument("folder", default=SDK_MODELS, type=click.Path(file_okay=False, path_type=Path))
def extensions(folder: Path) -> None:
    """Teach boto3 and the AWS CLI openrek's own operations.

    Writes a description of them below FOLDER, by default ~/.aws/models, where they look by themselves; any other folder
    must be named in AWS_DATA_PATH.
    """
    from openrek.wire.extensions import EXTRAS_FILE, sdk_extras

    path = folder.expanduser() / EXTRAS_FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(sdk_extras(), "utf-8")
    except OSError as error:
        raise click.ClickException(shown(str(error))) from None
    click.echo(shown(f"Wrote {path}."))


COMMANDS = (search_all, erase, extensions)
