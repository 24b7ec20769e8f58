"""The command `openrek`. The modules of a command are imported when it runs, so that each starts fast."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from openrek.runtime.cli import extension_commands, search_commands
from openrek.runtime.cli.celebrities import commands as celebrities
from openrek.runtime.cli.client_options import asking, endpoint_option
from openrek.runtime.cli.equipment.command import equipment
from openrek.runtime.cli.evaluate.command import evaluate
from openrek.runtime.cli.faces.detect_command import detect
from openrek.runtime.cli.failure import Failure
from openrek.runtime.cli.keys_commands import keys as keys_command
from openrek.runtime.cli.labels.commands import labels
from openrek.runtime.cli.maintenance_commands import COMMANDS
from openrek.runtime.cli.moderation.command import moderate
from openrek.runtime.cli.serve_command import serve
from openrek.runtime.cli.umask import private_files
from openrek.runtime.cli.users import commands as users
from openrek.runtime.cli.weights_command import weights

if TYPE_CHECKING:
    from openrek.runtime.cli.indexing import IdFrom


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="openrek")
def main() -> None:
    """Run Amazon Rekognition's face APIs on your own machine.

    `index`, `search` and `users` work with every endpoint of these APIs, AWS's own included (--endpoint-url
    https://rekognition.eu-west-1.amazonaws.com).
    """


@main.command()
def kernel() -> None:
    """Build the search kernel for this machine if it is missing.

    Searches find the same faces without it, but large collections take several times as long.
    """
    from openrek.store.search import build_row_scan
    from openrek.store.search.row_scan import this_machine

    if this_machine() not in build_row_scan.TARGETS:
        click.echo(f"There is no search kernel for {' '.join(this_machine())}; searches run without one.")
        return
    try:
        (path,) = build_row_scan.build(Console(stderr=True).print)
    except build_row_scan.ScanBuildError as error:
        raise Failure(error) from None
    click.echo(f"The search kernel is {path.name}.")


@main.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--collection", "-c", required=True, help="Collection id; created when it is missing.")
@endpoint_option
@click.option("--jobs", default=4, show_default=True, type=click.IntRange(1, 64), help="Photos sent at the same time.")
@click.option(
    "--id-from",
    default="path",
    show_default=True,
    type=click.Choice(["path", "name"]),
    help="ExternalImageId from the path below FOLDER, or from the file name alone.",
)
@click.option("--again", is_flag=True, help="Send photos again that an earlier run has sent.")
def index(folder: Path, collection: str, endpoint_url: str | None, jobs: int, id_from: "IdFrom", again: bool) -> None:
    """Index every JPEG and PNG below FOLDER.

    An interrupted run continues when it is started again. Each face's ExternalImageId is the photo's
    path below FOLDER; characters that the API does not allow are written as a colon and two hex digits. A photo above
    the API's limits (5 MiB, 100 megapixels) is sent smaller; one above 256 MiB or 180 megapixels fails. Exits
    with 1 if any photo failed.
    """
    from openrek.runtime.cli import index_report

    journals = Path(click.get_app_dir("openrek")) / "indexed"
    with asking(endpoint_url, connections=jobs) as rekognition, private_files():
        failed = index_report.run(rekognition, folder, collection, journals, jobs=jobs, id_from=id_from, again=again)
    sys.exit(1 if failed else 0)


for command in (
    serve,
    *COMMANDS,
    *search_commands.COMMANDS,
    *users.COMMANDS,
    *celebrities.COMMANDS,
    *extension_commands.COMMANDS,
    detect,
    equipment,
    keys_command,
    labels,
    moderate,
    weights,
    evaluate,
):
    main.add_command(command)


if __name__ == "__main__":
    main()
