"""`openrek evaluate`: what the thresholds mean on photos of one's own."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from openrek.runtime.cli.client_options import writable
from openrek.runtime.cli.failure import Failure
from openrek.runtime.parts.face_packs import OFFER

if TYPE_CHECKING:
    from openrek.runtime.evaluation.labels_csv import Columns

MOST_PHOTOS = 20_000
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


def _png(context: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
    if path is not None and path.suffix.lower() != ".png":
        raise click.BadParameter("its name must end in .png.")
    return writable(context, parameter, path)


@click.command()
@click.argument("path", metavar="FOLDER|PAIRS", type=click.Path(exists=True, path_type=Path))
@click.option("--images", type=FOLDER, help="The folder of the photos that a list like LFW's names.")
@click.option("--labels", type=FILE, help="A CSV file whose first column is the photo's path below FOLDER.")
@click.option("--person", help="The column of LABELS that names the person. [default: person, if there is one]")
@click.option(
    "--by", multiple=True, metavar="COLUMN[,COLUMN]", help="Figures for each group; may be given several times."
)
@click.option("--where", multiple=True, metavar="COLUMN=VALUE[,VALUE]", help="Only rows of LABELS with such a value.")
@click.option("--exclude", type=FILE, help="A file with a photo to leave out on each line: its path or its name.")
@click.option(
    "--photos",
    default=MOST_PHOTOS,
    show_default=True,
    type=click.IntRange(2, 100_000),
    help="Draw this many photos of a larger folder, always the same ones.",
)
@click.option(
    "--face",
    default="largest",
    show_default=True,
    type=click.Choice(["largest", "central"]),
    help="The face of a photo that is compared: the largest, as CompareFaces takes it, or the one in the middle.",
)
@click.option(
    "--face-model", type=click.Choice([model.version for model in OFFER.models.offered]), help="[default: the newest]"
)
@click.option("--threads", type=click.IntRange(1, 256), help="Photos read at the same time. [default: all cores]")
@click.option(
    "--like",
    default=10,
    show_default=True,
    type=click.IntRange(0, 1000),
    help="Name so many of the most similar pairs of different people: wrong labels are among them.",
)
@click.option("--det", metavar="FILE.png", type=click.Path(dir_okay=False, path_type=Path), callback=_png,
              help="Draw false matches against missed ones (a DET curve).")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def evaluate(
    path: Path,
    images: Path | None,
    labels: Path | None,
    person: str | None,
    by: tuple[str, ...],
    where: tuple[str, ...],
    exclude: Path | None,
    photos: int,
    face: str,
    face_model: str | None,
    threads: int | None,
    like: int,
    det: Path | None,
    as_json: bool,
) -> None:
    """Measure on photos of your own how often matches are right and wrong.

    Give a folder with a folder for each person, and every two photos are compared; or a list of pairs: LFW's pairs.txt
    with --images, or one of CFP's folders Protocol/Split/FF and FP. With --labels the people and groups come from a CSV
    file; without a column of people in it each photo counts as another person, and only false matches are measured.

    Photos are read as the server reads them, and one face of each is compared. Printed are the accuracy (of lists with
    folds), and at Similarity 80, 90, 95 and 99 the share of true matches among pairs of one person, and of false ones
    among pairs of different people, also as one in so many strangers. Of a folder with more than --photos photos whole
    people are drawn, by the hash of their names; of one person at most 1000 photos are read.

    Nothing is sent anywhere, and no vector is written or printed. Exits with 1 if a photo could not be read.
    """
    from openrek.runtime.cli.evaluate import report, run
    from openrek.runtime.settings import cores

    with _in_a_sentence():
        sample = run.sample_of(path, images, labels, _columns(labels, person, by, where), exclude, photos)
        run.require_curve(sample, wanted=det is not None)
        evaluation = run.evaluated(sample, face_model, face, threads or cores(), like)
        if det is not None:
            run.draw(evaluation, det)
    click.echo(report.as_json_text(evaluation)) if as_json else report.show(evaluation)
    sys.exit(1 if evaluation.found.unreadable else 0)


def _columns(labels: Path | None, person: str | None, by: tuple[str, ...], where: tuple[str, ...]) -> "Columns":
    """Return the columns that the options name. Raises UsageError."""
    from openrek.runtime.evaluation.labels_csv import Columns

    if labels is None and (person or by or where):
        raise click.UsageError("--person, --by and --where name columns of a CSV file: give --labels too.")
    wanted: dict[str, frozenset[str]] = {}
    for text in where:
        column, equals, values = text.partition("=")
        if not equals or not column:
            raise click.UsageError(f"--where takes COLUMN=VALUE, not {text!r}.")
        wanted[column] = frozenset(value.strip() for value in values.split(","))
    groupings = tuple(tuple(column.strip() for column in text.split(",")) for text in by)
    return Columns(person, groupings, wanted)


@contextmanager
def _in_a_sentence() -> Iterator[None]:
    from openrek.runtime.evaluation.sample import BadSample
    from openrek.runtime.settings import SettingsError
    from openrek.vision.models.zoo import WeightsError

    try:
        yield
    except (BadSample, SettingsError, WeightsError, OSError) as error:
        raise Failure(error) from None
