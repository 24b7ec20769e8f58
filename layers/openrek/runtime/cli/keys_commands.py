"""`openrek keys`: issue, list and revoke access keys, in a file of this machine or in AWS's Parameter Store."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from openrek.runtime.cli.failure import Failure
from openrek.runtime.cli.terminal_text import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from openrek.domain.access_keys import AccessKey
    from openrek.domain.ports import KeyStore

Command = TypeVar("Command", bound="Callable[..., object]")
DAY_S = 86400


def place_options(command: Command) -> Command:
    """Add the options that say where the keys are."""
    for option in (
        click.option("--ssm", metavar="PREFIX", help="Use SSM parameters below PREFIX, with your AWS credentials."),
        click.option(
            "--file",
            type=click.Path(path_type=Path, dir_okay=False),
            help="The file of keys. [default: keys.json in DATA]",
        ),
        click.option(
            "--data",
            default="data",
            show_default=True,
            envvar="OPENREK_DATA",
            type=click.Path(path_type=Path, file_okay=False),
            help="The data folder.",
        ),
    ):
        command = option(command)
    return command


@click.group()
def keys() -> None:
    """Issue, list and revoke access keys.

    `openrek serve --keys` accepts only requests that are signed with one. A pattern is a name in which * stands for any
    characters.
    """


@keys.command()
@click.option("--allow", multiple=True, required=True, metavar="PATTERN", help="Operations, such as 'Search*'.")
@click.option(
    "--collection", "-c", "collections", multiple=True, metavar="PATTERN", help="Collections, such as 'staff-*'."
)
@click.option("--object", "objects", multiple=True, metavar="PATTERN", help="S3 objects, such as 'photos/anna/*'.")
@click.option("--days", type=click.IntRange(1, 3650), help="Expire after this many days. [default: never]")
@click.option("--note", default="", help="A note for yourself, shown by `openrek keys list`.")
@click.option("--kms-key", metavar="ID", help="With --ssm: encrypt with this KMS key. [default: alias/aws/ssm]")
@place_options
def create(
    allow: tuple[str, ...],
    collections: tuple[str, ...],
    objects: tuple[str, ...],
    days: int | None,
    note: str,
    kms_key: str | None,
    data: Path,
    file: Path | None,
    ssm: str | None,
) -> None:
    """Issue a key and print it, once, as lines for a shell.

    Without --collection the key only allows operations on images alone, such as DetectFaces. Operations on all
    collections, such as ListCollections, need --collection '*'.

    Without --object no photo can be given as an S3Object. The pattern is matched with BUCKET/KEY.
    """
    from openrek.domain.access_keys import new_access_key
    from openrek.domain.permissions import Permissions

    now_s = time.time()
    try:
        permissions = Permissions(allow, collections, objects)
        key = new_access_key(permissions, now_s=now_s, expires_s=now_s + days * DAY_S if days else None, note=note)
    except ValueError as error:
        raise Failure(error) from None
    _require_operations(allow)
    with _store(data, file, ssm, kms_key) as store:
        store.add(key)
    show_secret(key)


@keys.command("list")
@place_options
def list_(data: Path, file: Path | None, ssm: str | None) -> None:
    """Show the keys, without their secrets."""
    with _store(data, file, ssm) as store:
        for key in store.listed():
            note = f": {key.note}" if key.note else ""
            click.echo(shown(f"{_described(key)}, created {_day(key.created_s)}{note}"))


@keys.command()
@click.argument("key_id")
@place_options
def revoke(key_id: str, data: Path, file: Path | None, ssm: str | None) -> None:
    """Revoke the key KEY_ID.

    Takes effect at once if the key is in a file; within 5 minutes in AWS, where functions cache keys that long.
    """
    from openrek.domain.access_keys import KEY_ID

    with _store(data, file, ssm) as store:
        if not KEY_ID.fullmatch(key_id) or not store.remove(key_id):
            raise Failure(f"There is no access key {key_id}.")
    click.echo(f"Revoked {key_id}.")


def show_secret(key: "AccessKey") -> None:
    """Print a new key, once, as lines for a shell."""
    click.echo(shown(f"# {_described(key)}. The secret is shown only now."))
    click.echo(f"export AWS_ACCESS_KEY_ID={key.key_id}")
    click.echo(f"export AWS_SECRET_ACCESS_KEY={key.secret}")
    click.echo("unset AWS_SESSION_TOKEN")


def _require_operations(patterns: tuple[str, ...]) -> None:
    """Raise Failure for a pattern that matches no operation."""
    from openrek.domain.permissions import Permissions
    from openrek.wire.model import service_model

    for pattern in patterns:
        if not any(map(Permissions((pattern,)).allow, service_model().operations)):
            raise Failure(f"Rekognition has no operation {pattern}.")


def _described(key: "AccessKey") -> str:
    may = key.permissions
    operations, collections, objects = map(" ".join, (may.operations, may.collections, may.objects))
    until = "" if key.expires_s is None else f" until {_day(key.expires_s)}"
    reach = f"on {collections or 'no collection'} with {objects or 'no S3 object'}"
    return f"{key.key_id} may {operations} {reach}{until}"


def _day(epoch_s: float) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%d %H:%M UTC")


@contextmanager
def _store(data: Path, file: Path | None, ssm: str | None, kms_key: str | None = None) -> Iterator["KeyStore"]:
    """Yield the store of keys that the options name; its errors become one sentence and exit code 1."""
    from botocore.exceptions import BotoCoreError, ClientError

    from openrek.runtime.keys.file_keys import DEFAULT_NAME, FileKeys
    from openrek.runtime.keys.key_json import BadKey
    from openrek.runtime.keys.ssm_keys import SsmKeys
    from openrek.runtime.settings import SettingsError

    if file and ssm:
        raise click.UsageError("Give --file or --ssm, not both.")
    if kms_key and not ssm:
        raise click.UsageError("--kms-key needs --ssm.")
    try:
        yield SsmKeys(ssm, kms_key=kms_key) if ssm else FileKeys(file or data / DEFAULT_NAME)
    except (SettingsError, BadKey, BotoCoreError, ClientError) as error:
        raise Failure(error) from None
