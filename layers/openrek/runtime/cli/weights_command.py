"""`openrek weights`: builds the model files and checks them."""

import os

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
    from openrek.runtime.cli.downloads_display import DownloadsDisplay
    from openrek.runtime.settings import Settings, SettingsError
    from openrek.vision.models import build_weights, zoo

    wanted = packs or None
    try:
        folder = Settings.of(os.environ).weights
        if not check:
            with DownloadsDisplay(Console(stderr=True)) as display:
                build_weights.build(folder, display.step, wanted, on_bytes=display.on_bytes)
        zoo.check(folder, wanted)
    except (SettingsError, zoo.WeightsError) as error:
        raise Failure(error) from None
    click.echo(shown(f"The model files in {folder} are complete and correct."))
