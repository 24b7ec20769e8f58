"""What the commands that ask a server share: which server and collection, photos, and errors as one sentence."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from openrek.runtime.cli.failure import Failure
from openrek.runtime.cli.terminal_text import shown

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient

endpoint_option = click.option(
    "--endpoint-url", help="Server to ask. [default: $AWS_ENDPOINT_URL_REKOGNITION, or http://127.0.0.1:8080]"
)
collection_option = click.option("--collection", "-c", required=True)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the service's answer as JSON.")
photo_argument = click.argument("photo", type=click.Path(exists=True, dir_okay=False, path_type=Path))


def _writable(_context: click.Context, _parameter: click.Parameter, path: Path | None) -> Path | None:
    """A picture that could not be written is told before anything is asked. Raises BadParameter."""
    if path is None:
        return None
    from PIL import Image

    Image.init()
    if Image.registered_extensions().get(path.suffix.lower()) not in Image.SAVE:
        raise click.BadParameter("its name must end like that of a picture, such as .jpg or .png.")
    if not path.parent.is_dir():
        raise click.BadParameter(f"there is no folder {shown(str(path.parent))}.")
    if not os.access(path if os.path.exists(path) else path.parent, os.W_OK):
        raise click.BadParameter(f"{shown(str(path))} cannot be written.")
    return path


picture_option = click.option(
    "--picture",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=_writable,
    help="Write the photo with its faces and their best match.",
)


@contextmanager
def asking(endpoint_url: str | None, *, connections: int = 4, extended: bool = False) -> Iterator["RekognitionClient"]:
    """A client of the server that is meant, if `extended` with openrek's own operations. What goes wrong becomes one
    sentence and exit code 1."""
    from openrek.runtime.cli.client import CALL_FAILED, connect, endpoint, explain

    url = endpoint(endpoint_url)
    try:
        yield connect(url, connections=connections, extended=extended)
    except CALL_FAILED as error:
        raise Failure(explain(error, url)) from None
    except (OSError, ValueError) as error:
        raise Failure(error) from None


def photo_bytes(photo: Path) -> bytes:
    """The photo as the API takes it, smaller where it must be. Raises Failure."""
    from openrek.runtime.cli.photo_files import UnreadablePhoto, fit, read_named

    try:
        return fit(read_named(photo)).image
    except UnreadablePhoto as error:
        raise Failure(f"{photo}: {error}") from None


def print_json(answer: Mapping[str, Any]) -> None:
    """The answer as the service gave it, without what boto3 added."""
    click.echo(json.dumps({name: value for name, value in answer.items() if name != "ResponseMetadata"}, indent=2))
