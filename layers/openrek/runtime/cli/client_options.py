"""Options and helpers of the commands that call a server: endpoint, collection, photos, and errors as one sentence."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from openrek.runtime.cli.failure import Failure
from openrek.runtime.cli.terminal_text import shown

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient

MOST_SIDE_PX = 10_000
"""Of pictures that are looked at for labels."""
Command = TypeVar("Command", bound=Callable[..., Any])

endpoint_option = click.option(
    "--endpoint-url", help="Server to call. [default: $AWS_ENDPOINT_URL_REKOGNITION, or http://127.0.0.1:8080]"
)
collection_option = click.option("--collection", "-c", required=True)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the service's response as JSON.")
photo_argument = click.argument("photo", type=click.Path(exists=True, dir_okay=False, path_type=Path))


def writable(_context: click.Context, _parameter: click.Parameter, path: Path | None) -> Path | None:
    """Check that a picture can be written, before any call is made. Raises BadParameter."""
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


def writable_picture(told: str) -> Callable[[Command], Command]:
    """Return the option `--picture`, a picture that can be written, with this help."""
    return click.option("--picture", type=click.Path(dir_okay=False, path_type=Path), callback=writable, help=told)


picture_option = writable_picture("Write the photo with its faces and their best match.")


@contextmanager
def asking(endpoint_url: str | None, *, connections: int = 4, extended: bool = False) -> Iterator["RekognitionClient"]:
    """Yield a client of the server; with `extended`, one that has openrek's own operations.

    An error becomes one sentence and exit code 1.
    """
    require_boto3()
    from openrek.runtime.cli.client import CALL_FAILED, connect, endpoint, explain

    url = endpoint(endpoint_url)
    try:
        yield connect(url, connections=connections, extended=extended)
    except CALL_FAILED as error:
        raise Failure(explain(error, url)) from None
    except (OSError, ValueError) as error:
        raise Failure(error) from None


def require_boto3() -> None:
    """Raise Failure unless boto3 is installed, which commands that call a server need, and a server does not."""
    if find_spec("boto3") is None:
        raise Failure("This command calls a server with boto3, which is not installed: pip install 'openrek[cli]'.")


def photo_bytes(photo: Path, most_side_px: int | None = None) -> bytes:
    """Return the photo as the API takes it, made smaller where that is needed, or where a side has more pixels than
    `most_side_px`. Raises Failure.
    """
    from openrek.runtime.cli.photo_files import UnreadablePhoto, fit, read_named

    try:
        return fit(read_named(photo), most_side_px).image
    except UnreadablePhoto as error:
        raise Failure(f"{photo}: {error}") from None


def print_json(response: Mapping[str, Any]) -> None:
    """Print the response as the service sent it, without boto3's additions."""
    click.echo(json.dumps({name: value for name, value in response.items() if name != "ResponseMetadata"}, indent=2))
