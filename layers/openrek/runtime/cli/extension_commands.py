"""`openrek erase`, which needs an openrek server, and `openrek extensions`: for operations that Rekognition lacks."""

from pathlib import Path

import click

from openrek.runtime.cli.client_options import asking, collection_option, endpoint_option, json_option, print_json
from openrek.runtime.cli.failure import Failure
from openrek.runtime.cli.terminal_text import shown

SDK_MODELS = Path("~/.aws/models")


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
    """Erase all data of a person from a collection.

    This cannot be undone. An interrupted erasure continues when it is started again. The vectors leave the server's
    files within 24 hours, or at once with `openrek purge`.
    """
    if (user_id is None) == (external_image_id is None):
        raise click.UsageError("Give either --user or --external-image-id.")
    person = {"UserId": user_id} if user_id is not None else {"ExternalImageId": external_image_id}
    if not yes:
        question = f"Erase {' '.join(map(str, person.values()))} from {collection}?"
        click.confirm(shown(question), abort=True, err=True)
    with asking(endpoint_url, extended=True) as rekognition:
        response = rekognition.erase_person(CollectionId=collection, **person)  # type: ignore[attr-defined]
    if as_json:
        print_json(response)
    else:
        click.echo(f"Erased faces: {len(response['DeletedFaces'])}. Erased users: {len(response['DeletedUsers'])}.")


@click.command()
@click.argument("folder", default=SDK_MODELS, type=click.Path(file_okay=False, path_type=Path))
def extensions(folder: Path) -> None:
    """Teach boto3 and the AWS CLI openrek's own operations.

    Writes a description of them below FOLDER, by default ~/.aws/models, where both look by default; any other folder
    must be named in AWS_DATA_PATH.
    """
    from openrek.wire.extensions import EXTRAS_FILE, sdk_extras

    path = folder.expanduser() / EXTRAS_FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(sdk_extras(), "utf-8")
    except OSError as error:
        raise Failure(error) from None
    click.echo(shown(f"Wrote {path}."))


COMMANDS = (erase, extensions)
