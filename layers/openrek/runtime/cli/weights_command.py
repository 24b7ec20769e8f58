"""`openrek weights`: builds the model files and checks them."""

import os
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from openrek.runtime.cli.failure import Failure
from openrek.runtime.cli.terminal_text import shown


@click.command()
@click.option("--pack", "packs", multiple=True, metavar="NAME", help="Build this pack; may be given several times.")
@click.option("--check", is_flag=True, help="Only check the files that exist.")
def weights(packs: tuple[str, ...], check: bool) -> None:
    """Build the model files if they are missing, and check them.

    Without --pack these are the files of the packs that a server uses. The packs are faces, attributes, labels,
    moderation, text, equipment, foreground and hands. A build that follows an interrupted one goes on where that broke
    off.
    """
    from openrek.runtime.settings import Settings, SettingsError
    from openrek.vision.models import zoo

    wanted = packs or None
    try:
        folder = Settings.of(os.environ).weights
        if not check:
            build(folder, wanted)
        zoo.check(folder, wanted)
    except (SettingsError, zoo.WeightsError) as error:
        raise Failure(error) from None
    click.echo(shown(f"The model files in {folder} are complete and correct."))


def build_missing(folder: Path, packs: Sequence[str]) -> None:
    """Build what is missing of the packs, and show how far it is. Raises WeightsError."""
    from openrek.vision.models import zoo

    try:
        zoo.check_present(folder, packs)
    except zoo.WeightsError:
        build(folder, packs)


def build(folder: Path, packs: Sequence[str] | None) -> None:
    """Build what is missing of the packs, or of the default ones, and show how far it is. Raises WeightsError."""
    from openrek.runtime.cli.downloads_display import DownloadsDisplay
    from openrek.vision.models import build_weights

    with DownloadsDisplay(Console(stderr=True)) as display:
        build_weights.build(folder, display.step, packs, on_bytes=display.on_bytes)
