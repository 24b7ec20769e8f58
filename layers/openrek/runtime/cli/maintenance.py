"""Output of `openrek verify`, `purge`, `export` and `import`, over the embedded store."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from openrek.domain.errors import ResourceNotFound
from openrek.runtime.cli.terminal_text import counted, line
from openrek.runtime.parts.adapters import Adapters
from openrek.store.blobs.port import Blobs
from openrek.store.integrity.rebuild import BadFaces, WritersBusy, rebuild
from openrek.store.integrity.verify import Report, collections_of, verify
from openrek.store.items.findings import Findings
from openrek.store.items.port import DamagedItem, Items
from openrek.store.items.sqlite_opening import DamagedDatabase
from openrek.store.items.sqlite_wal import log_of
from openrek.store.transfer.archive import Archive, BadArchive
from openrek.store.transfer.archive_file import load, save
from openrek.store.transfer.conversion import converted
from openrek.store.transfer.export import export
from openrek.store.transfer.import_faces import import_archive

ASIDE_S = 60.0
"""A file of an upload takes less; what is older was left by a process that was killed."""


def verify_collections(adapters: Adapters, collection_id: str | None, *, rebuild_first: bool, console: Console) -> bool:
    """Print a line for each finding, and a table; return True if there is no finding. Raises the store's errors."""
    parts = adapters.embedded()
    with console.status("Checking the database"):
        log, faults, notes = log_of(parts.database)  # before it is opened
        shared = parts.shared
        lines = Findings()
        try:
            items = parts.items()
            faults += items.faults(log.pages)
            ids = [collection_id] if collection_id is not None else list(collections_of(items, lines.add_once))
        except DamagedDatabase as error:
            faults.append(str(error))
            ids = []
    faults += [each for each in lines.lines() if each not in faults]
    for fault in faults:
        console.print(line(f"database: {fault}"), soft_wrap=True)
    reports: list[Report] = []
    deleted_since = [] if collection_id is not None else [ResourceNotFound]
    for each in ids:
        with console.status(line(f"Checking {each}")), suppress(*deleted_since):
            if rebuild_first and not _rebuilt(items, parts.blobs(), each, console):
                faults.append(f"{each} was not rebuilt")
            reports.append(_with_model(verify(items, parts.blobs(), each), adapters))
    if parts.shared and not shared:
        notes.append("a server opened it during the check; check again to be sure")
    for note in notes:
        console.print(line(f"database: note: {note}"), soft_wrap=True)
    _print(reports, console, damaged=bool(faults))
    return not faults and not any(report.findings for report in reports)


def _with_model(report: Report, adapters: Adapters) -> Report:
    """Return the report, with a note if no face model that is offered reads the collection."""
    version = report.model_version
    if version is None or adapters.models.get(version) is not None:
        return report
    told = f"its face model {version} is not offered here: photos can be neither indexed nor searched"
    return replace(report, notes=(*report.notes, told))


def _print(reports: Sequence[Report], console: Console, *, damaged: bool) -> None:
    if not reports and not damaged:
        console.print("There is no collection.")
        return
    console.print(_table(reports))
    for report in reports:
        for note in report.notes:
            console.print(line(f"{report.collection_id}: note: {note}"), soft_wrap=True)
        for finding in report.findings:
            console.print(line(f"{report.collection_id}: {finding}"), soft_wrap=True)


def _rebuilt(items: Items, blobs: Blobs, collection_id: str, console: Console) -> bool:
    """Rebuild the collection; return False, and print the reason, if that failed. Raises ResourceNotFound."""
    try:
        rebuilt = rebuild(items, blobs, collection_id)
    except (BadFaces, WritersBusy, DamagedItem) as error:
        why = error.reason if isinstance(error, DamagedItem) else str(error)
        console.print(line(f"{collection_id}: {why}"), soft_wrap=True)
        return False
    counts = f"{counted(rebuilt.faces, 'face')} in {counted(rebuilt.segments, 'new segment')}"
    console.print(line(f"{collection_id}: {counts}."))
    return True


def _table(reports: Sequence[Report]) -> Table:
    table = Table("Collection")
    for title in ("Faces", "Segments", "Megabytes", "Log entries", "Findings"):
        table.add_column(title, justify="right")
    for report in reports:
        findings = str(len(report.findings)) if report.findings else "none"
        table.add_row(
            line(report.collection_id), str(report.faces), str(report.segments), f"{report.stored_bytes / 1e6:.1f}",
            str(report.log_entries), findings, style="red" if report.findings else "",
        )  # fmt: skip
    return table


def purge(adapters: Adapters, console: Console) -> bool:
    """Remove all deleted data; return True if none remains of what was deleted before the call.

    Raises the store's errors.
    """
    items, blobs = adapters.embedded().items(), adapters.embedded().blobs()
    with console.status("Purging"):
        adapters.upkeep().purge()
        unfinished = blobs.clear_aside(ASIDE_S)
        vacuumed = items.vacuum()
    if unfinished:
        files = f"{counted(unfinished, 'file')} {'is' if unfinished == 1 else 'are'} being written"
        console.print(
            f"{files}, or {'was' if unfinished == 1 else 'were'} abandoned a moment ago; purge again in a minute."
        )
    if not vacuumed:
        console.print(
            "Another process is reading or writing the database, so pages of it still hold deleted data: "
            "purge again when it is quieter, or stop the servers first.",
            soft_wrap=True,
        )
    if vacuumed and not unfinished:
        console.print("All deleted data is removed.")
    return vacuumed and not unfinished


def export_collection(adapters: Adapters, collection_id: str, path: Path, console: Console) -> None:
    """Write the collection to `path`, with a progress bar. Raises NotExported, ResourceNotFound or OSError."""
    total = adapters.collections().require(collection_id).face_count
    with _bar("Exporting", total, console) as (progress, task):
        archive = export(
            adapters.items(), collection_id, on_progress=lambda done: progress.update(task, completed=done)
        )
        progress.update(task, completed=len(archive), total=len(archive))
        save(archive, path)
    console.print(line(f"{len(archive)} faces of {collection_id} are in {path}."), soft_wrap=True)


def import_collection(
    adapters: Adapters, path: Path, collection_id: str, console: Console, *, face_model: str | None = None
) -> None:
    """Add the file's faces to the collection, converted to the version `face_model`, with a progress bar.

    Raises BadArchive with nothing written, any Refusal, or OSError.
    """
    with console.status(line(f"Reading {path}")):
        archive = load(path, adapters.models)
        if face_model is not None:
            archive = _of_model(adapters, archive, face_model)
    with _bar("Importing", len(archive), console) as (progress, task):
        outcome = import_archive(
            adapters.items(),
            archive,
            collection_id,
            adapters.models.of(archive.model_version),
            on_progress=lambda done: progress.update(task, completed=done),
        )
    if outcome.made:
        console.print(line(f"Created the collection {collection_id}."))
    console.print(f"{outcome.added} faces imported, {outcome.present} existed already.")


def _of_model(adapters: Adapters, archive: Archive, version: str) -> Archive:
    """Return the archive converted to a version. Raises BadArchive if it cannot be."""
    old, new = adapters.models.of(archive.model_version), adapters.models.get(version)
    if new is None:
        offered = ", ".join(model.version for model in adapters.models.offered)
        raise BadArchive(f"There is no face model {version}; there are {offered}.")
    if old == new:
        return archive
    convert = adapters.conversion(old, new)
    if convert is None:
        raise BadArchive(f"Faces of model {old.version} do not become those of {new.version} without their photos.")
    return converted(archive, new, convert)


@contextmanager
def _bar(title: str, total: int, console: Console) -> Iterator[tuple[Progress, TaskID]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        yield progress, progress.add_task(title, total=total)
