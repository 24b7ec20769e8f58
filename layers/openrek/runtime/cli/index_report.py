"""Output of `openrek index`: a progress bar, a summary, and the failures at the end."""

from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from openrek.runtime.cli.indexing import Fate, IdFrom, Indexer, Outcome, require_collection, run_parallel, select_photos
from openrek.runtime.cli.journal import Journal
from openrek.runtime.cli.terminal_text import counted, line

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient


def run(
    rekognition: "RekognitionClient",
    folder: Path,
    collection_id: str,
    journals: Path,
    *,
    jobs: int,
    id_from: IdFrom,
    again: bool,
) -> int:
    """Index the folder and return the number of failed photos. Raises boto3's errors before the first photo is sent."""
    console = Console()
    selection = select_photos(folder, id_from)
    identity, created = require_collection(rekognition, collection_id)
    if created:
        console.print(line(f"Created the collection {collection_id}."))
    outcomes = list(selection.failed)
    with closing(Journal(journals, rekognition.meta.endpoint_url, identity)) as journal, _bar(console) as progress:
        task = progress.add_task("Indexing", total=len(selection.photos))
        indexer = Indexer(rekognition, collection_id, journal, again=again)
        try:
            for outcome in run_parallel(indexer.index, selection.photos, jobs):
                outcomes.append(outcome)
                progress.advance(task)
        except KeyboardInterrupt:
            console.print("Interrupted; the same command continues from here.")
            raise
    _summary(console, outcomes, folder)
    return sum(outcome.fate is Fate.FAILED for outcome in outcomes)


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
    )


def _summary(console: Console, outcomes: list[Outcome], folder: Path) -> None:
    count = Counter(outcome.fate for outcome in outcomes)
    faces = sum(outcome.faces for outcome in outcomes)
    console.print(f"{counted(count[Fate.INDEXED], 'photo')} indexed, {counted(faces, 'face')}.")
    if not outcomes:
        console.print("There is no JPEG or PNG in the folder.")
    if count[Fate.DONE_BEFORE]:
        console.print(f"{counted(count[Fate.DONE_BEFORE], 'photo')} already indexed by an earlier run.")
    if shrunk := sum(outcome.shrunk for outcome in outcomes):
        console.print(f"{counted(shrunk, 'photo')} above the API's limits, sent smaller.")
    _list(console, "No face found in", [outcome for outcome in outcomes if outcome.fate is Fate.WITHOUT_FACE], folder)
    _list(console, "Failed", [outcome for outcome in outcomes if outcome.fate is Fate.FAILED], folder)


def _list(console: Console, title: str, outcomes: list[Outcome], folder: Path) -> None:
    if outcomes:
        console.print(f"{title} ({len(outcomes)}):")
    for outcome in sorted(outcomes, key=lambda outcome: outcome.photo):
        why = f": {outcome.why}" if outcome.why else ""
        console.print(line(f"  {_place(outcome.photo, folder)}{why}"), soft_wrap=True)


def _place(photo: Path, folder: Path) -> Path:
    """Return the photo's path below the folder."""
    return photo.relative_to(folder) if photo.is_relative_to(folder) else photo
