"""`openrek labels learn`, `list` and `remove`: an owner's own labels, in a data folder or in a deployment's bucket."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.console import Console

from openrek.runtime.cli.client_options import json_option, print_json
from openrek.runtime.cli.failure import Failure
from openrek.runtime.cli.terminal_text import counted, line, shown
from openrek.runtime.cli.umask import private_files

if TYPE_CHECKING:
    from openrek.runtime.parts.own_labels import OwnLabels
    from openrek.vision.labels.learning import Head

Command = TypeVar("Command", bound=Callable[..., Any])


def place_options(command: Command) -> Command:
    """Add the options that say where the labels are kept."""
    for option in (
        click.option(
            "--bucket", envvar="OPENREK_BUCKET", help="Use this deployment's bucket, with your AWS credentials."
        ),
        click.option(
            "--data",
            default="data",
            show_default=True,
            envvar="OPENREK_DATA",
            type=click.Path(path_type=Path, file_okay=False),
            help="The data folder; servers may be using it.",
        ),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("name")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--not",
    "not_folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of pictures that do not show it, and look as if they might.",
)
@click.option("--category", help="Its category. [default: that of its first parent, or Everyday Objects]")
@click.option("--parent", "parents", multiple=True, help="A built-in label that it is a kind of; may be repeated.")
@place_options
def learn(
    name: str,
    folder: Path,
    not_folder: Path | None,
    category: str | None,
    parents: tuple[str, ...],
    data: Path,
    bucket: str | None,
) -> None:
    """Teach the label NAME from the pictures below FOLDER, 30 at least.

    They are told apart from a built-in set of ordinary pictures, and from those of --not. A running server answers the
    label from its next photo on, a deployment within half a minute. Pictures are not kept.
    """
    from openrek.runtime.cli.labels.picture_folders import PicturesError
    from openrek.runtime.parts.own_labels import OwnLabelError
    from openrek.vision.labels.own_labels import UnusableName, checked_entry, own_label
    from openrek.vision.models.learnt_parts import LearntPartError

    try:
        entry = checked_entry(name, category, parents)
        with _kept(data, bucket) as labels:
            labels.require_free(name)
            head = _head(folder, not_folder)
            labels.add(own_label(entry, head, datetime.now(UTC).date().isoformat()))
    except (UnusableName, OwnLabelError, PicturesError, LearntPartError) as error:
        raise Failure(error) from None
    measured = head.measured
    click.echo(shown(f"{name} was learnt from {measured.pictures} pictures. By cross-validation, said from 55 on:"))
    click.echo(f"  in {measured.found} of the {measured.pictures} pictures that show it,")
    click.echo(f"  in {measured.false_alarms} of {measured.others} others.")


@click.command("list")
@place_options
@json_option
def list_(data: Path, bucket: str | None, as_json: bool) -> None:
    """List the labels that you taught, with what cross-validation said of each."""
    from openrek.runtime.cli.labels import own_report

    with _kept(data, bucket, read_only=True) as labels:
        kept = labels.kept()
    if as_json:
        print_json(own_report.as_json(kept))
    elif kept:
        Console().print(own_report.table(kept))
    else:
        click.echo("There are no labels of your own.")


@click.command()
@click.argument("name")
@place_options
def remove(name: str, data: Path, bucket: str | None) -> None:
    """Remove the label NAME that you taught; a damaged one by the name of its file."""
    from openrek.runtime.parts.own_labels import OwnLabelError

    try:
        with _kept(data, bucket, read_only=not data.is_dir()) as labels:
            labels.remove(name)
    except OwnLabelError as error:
        raise Failure(error) from None
    click.echo(shown(f"Removed {name}."))


COMMANDS = (learn, list_, remove)


@contextmanager
def _kept(data: Path, bucket: str | None, *, read_only: bool = False) -> Iterator["OwnLabels"]:
    """Lend the labels of a data folder, made if it is missing unless `read_only`, or of a bucket.

    Errors become one sentence.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    from openrek.domain.errors import Refusal
    from openrek.runtime.parts.own_labels import OwnLabels, folder_blobs
    from openrek.store.blobs.s3 import S3Blobs

    try:
        with private_files():
            if bucket is not None:
                yield OwnLabels(S3Blobs(bucket))
                return
            yield OwnLabels(folder_blobs(data, read_only=read_only))
    except Refusal as refusal:
        raise Failure(refusal.reason or str(refusal)) from None
    except ClientError as error:
        raise Failure(f"The bucket {bucket}: {error.response.get('Error', {}).get('Message', error)}.") from None
    except (BotoCoreError, OSError) as error:
        raise Failure(error) from None


def _head(folder: Path, not_folder: Path | None) -> "Head":
    """Return what is learnt from the pictures. Raises PicturesError or Failure."""
    import numpy as np

    from openrek.runtime.cli.labels.picture_folders import pictures_of, require_apart, require_enough
    from openrek.runtime.settings import Settings, SettingsError
    from openrek.vision.labels.learning import learn as learnt
    from openrek.vision.labels.own_labels import FEATURES
    from openrek.vision.models.sessions import ModelSessions
    from openrek.vision.models.zoo import WeightsError

    console, unreadable = Console(stderr=True), 0

    def tell(path: Path, why: str) -> None:
        nonlocal unreadable
        unreadable += 1
        console.print(line(f"{path}: {why}"), soft_wrap=True)

    try:
        settings = Settings.of(os.environ)
        sessions = ModelSessions(settings.weights, settings.workers)
        with console.status("Looking at the pictures"):
            shows = pictures_of(folder, sessions, tell)
            require_enough(folder, shows)
            others = None if not_folder is None else pictures_of(not_folder, sessions, tell)
    except (SettingsError, WeightsError) as error:
        raise Failure(error) from None
    if unreadable:
        console.print(line(f"{counted(unreadable, 'picture')} left out."))
    if others is not None:
        require_apart(shows, others.digests)
    return learnt(shows.features, np.empty((0, FEATURES)) if others is None else others.features)
