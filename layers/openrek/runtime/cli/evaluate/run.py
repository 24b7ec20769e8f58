"""The steps of `openrek evaluate`: the sample, its faces, the comparison."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from openrek.runtime.cli.evaluate.det_picture import det_picture
from openrek.runtime.cli.photo_files import UnreadablePhoto, find_photos, fit, read_found
from openrek.runtime.evaluation.exclusion import excluded
from openrek.runtime.evaluation.labels_csv import Columns, labelled
from openrek.runtime.evaluation.measure import Measured, measured_pairs, measured_people
from openrek.runtime.evaluation.pair_lists import is_cfp, listed
from openrek.runtime.evaluation.people_folder import people_in
from openrek.runtime.evaluation.pipeline import open_pipeline
from openrek.runtime.evaluation.reading import FACES, BadPhoto, Portraits, portraits
from openrek.runtime.evaluation.sample import BadSample, PairSample, PeopleSample


@dataclass(frozen=True, slots=True)
class Chosen:
    """The sample below `folder`, the number of photos that were excluded, and of lines that exclude none."""

    folder: Path
    sample: PeopleSample | PairSample
    excluded: int = 0
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A sample, what its photos gave, and what was measured."""

    chosen: Chosen
    found: Portraits
    measured: Measured


def sample_of(
    path: Path, images: Path | None, labels: Path | None, columns: Columns, exclude: Path | None, most_photos: int
) -> Chosen:
    """Return the sample that the options describe. Raises UsageError, BadSample or OSError."""
    folder, sample = _sample(path, images, labels, columns)
    chosen = Chosen(folder, sample)
    if exclude is not None:
        out = excluded(exclude, folder, sample.paths)
        chosen = Chosen(folder, sample.without(out.paths), len(out.paths), out.unknown)
    if isinstance(chosen.sample, PeopleSample):
        return Chosen(folder, chosen.sample.drawn(most_photos), chosen.excluded, chosen.unknown)
    return chosen


def _sample(
    path: Path, images: Path | None, labels: Path | None, columns: Columns
) -> tuple[Path, PeopleSample | PairSample]:
    is_list = path.is_file() or is_cfp(path)
    if is_list and labels is not None:
        raise click.UsageError("--labels goes with a folder of photos, not with a list of pairs.")
    if path.is_file() and images is None:
        raise click.UsageError("--images has to name the folder of the photos that the list of pairs names.")
    if images is not None and not path.is_file():
        raise click.UsageError("--images goes with a list of pairs like LFW's.")
    if is_list:
        folder = images if images is not None else path.parent.parent.parent
        return folder, listed(folder, path)
    photos = list(find_photos(path, _raised))
    if labels is None:
        return path, people_in(path, photos)
    return path, labelled(path, labels, photos, columns)


def require_curve(chosen: Chosen, *, wanted: bool) -> None:
    """Raise BadSample when a curve is wanted of a sample that has no two photos of one person."""
    sample = chosen.sample
    if wanted and isinstance(sample, PeopleSample) and len(set(sample.people)) == len(sample.photos):
        raise BadSample("A DET curve needs pairs of one person, and there are no two photos of one.")


def evaluated(chosen: Chosen, face: str, threads: int, most_like: int) -> Evaluation:
    """Read the photos and compare them; `face` is one of FACES. Raises BadSample, WeightsError or SettingsError."""
    pipeline = open_pipeline()
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("Reading", total=len(chosen.sample.paths))
        on_progress: Callable[[], object] = lambda: progress.advance(task)  # noqa: E731
        found = portraits(chosen.sample.paths, _load, pipeline, FACES[face], threads, on_progress)
    if isinstance(chosen.sample, PeopleSample):
        return Evaluation(chosen, found, measured_people(chosen.sample, found, pipeline.model, most_like))
    return Evaluation(chosen, found, measured_pairs(chosen.sample, found, pipeline.model, most_like))


def draw(evaluation: Evaluation, file: Path) -> None:
    """Write the DET curve to a file. Raises BadSample when no pair of one person was left, or OSError."""
    measured = evaluation.measured
    if measured.curve is None:
        raise BadSample("A DET curve needs pairs of one person, and none is left.")
    part = file.with_name(f".{file.name}.part")
    try:
        det_picture(measured.curve, measured.whole, measured.model).save(part, "PNG")
        os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)


def _load(photo: Path) -> bytes:
    try:
        return fit(read_found(photo)).image
    except UnreadablePhoto as error:
        raise BadPhoto(str(error)) from None


def _raised(error: OSError) -> NoReturn:
    raise error
