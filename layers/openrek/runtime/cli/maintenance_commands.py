"""The commands that work on a data folder itself, without a server: verify, purge, export and import."""

import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from openrek.runtime.cli.failure import Failure
from openrek.runtime.cli.umask import private_files

if TYPE_CHECKING:
    from openrek.runtime.parts.adapters import Adapters

data_option = click.option(
    "--data",
    default="data",
    show_default=True,
    envvar="OPENREK_DATA",
    type=click.Path(path_type=Path, file_okay=False),
    help="The data folder; servers may be using it.",
)
collection_option = click.option("--collection", "-c", required=True, callback=lambda *found: _collection_id(found[-1]))


@click.command()
@click.option("--collection", "-c", help="Only this collection.")
@click.option("--rebuild", is_flag=True, help="First rebuild the segments from the stored faces.")
@data_option
def verify(collection: str | None, rebuild: bool, data: Path) -> None:
    """Check every checksum, count and reference.

    Prints one line for each finding, and exits with 1 if there is one. Writes nothing, so that it also works on a
    read-only copy of the folder. With --rebuild, lost or damaged segments,
    manifests, log entries and records of pictures are repaired from the stored faces; servers may go on running,
    as long as nobody writes.
    """
    from openrek.runtime.cli import maintenance

    with _store(data, read_only=not rebuild) as adapters:
        sound = maintenance.verify_collections(adapters, collection, rebuild_first=rebuild, console=Console())
    sys.exit(0 if sound else 1)


@click.command()
@data_option
def purge(data: Path) -> None:
    """Remove every trace of deleted faces and collections now.

    A running server does this by itself within 24 hours. Exits with 1 if another process kept some of the data from
    being removed.
    """
    from openrek.runtime.cli import maintenance

    with _store(data) as adapters:
        complete = maintenance.purge(adapters, Console())
    sys.exit(0 if complete else 1)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@collection_option
@data_option
def export(file: Path, collection: str, data: Path) -> None:
    """Write a collection to FILE: ids, metadata and vectors as numpy arrays (.npz).

    FILE holds personal data; only you can read it. docs/SEGMENTS.md describes the arrays.
    """
    from openrek.runtime.cli import maintenance

    with _store(data) as adapters:
        maintenance.export_collection(adapters, collection, file, Console())


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@collection_option
@click.option("--face-model", metavar="VERSION", help="Convert the faces to this face model: 7.1 those of 7.0.")
@data_option
def import_(file: Path, collection: str, face_model: str | None, data: Path) -> None:
    """Add the faces of an exported FILE to a collection, with the FaceIds that they had.

    The collection is created when it is missing, with the face model of the faces. An interrupted import continues
    when it is started again. With --face-model the faces become those of a newer model, as if their photos were
    indexed anew: ids, users and tags stay, and so does FILE.
    """
    from openrek.runtime.cli import maintenance

    with _store(data, create=True) as adapters:
        maintenance.import_collection(adapters, file, collection, Console(), face_model=face_model)


COMMANDS = (verify, purge, export, import_)


def _collection_id(value: str) -> str:
    from openrek.store.transfer.archive import COLLECTION_ID

    if not COLLECTION_ID.fullmatch(value):
        raise click.BadParameter("letters, digits, and . _ - only, at most 255.")
    return value


@contextmanager
def _store(data: Path, *, create: bool = False, read_only: bool = False) -> Iterator["Adapters"]:
    """Lend the store in a folder; turn its errors into one sentence and exit code 1."""
    import apsw

    from openrek.domain.errors import Refusal
    from openrek.runtime.parts.adapters import Adapters
    from openrek.runtime.parts.local import DATABASE, holds_blobs
    from openrek.runtime.settings import Settings, SettingsError
    from openrek.store.integrity.rebuild import BadFaces, WritersBusy
    from openrek.store.items.port import ConditionFailed, Contended, OutcomeUnknown
    from openrek.store.items.sqlite_opening import UnusableStore
    from openrek.store.transfer.archive import BadArchive
    from openrek.store.transfer.export import NotExported
    from openrek.store.upkeep.upkeep import DAMAGED
    from openrek.vision.models.zoo import WeightsError

    if not (create or (data / DATABASE).is_file() or holds_blobs(data)):
        raise Failure(f"There is no store in the folder {data}.")
    try:
        settings = replace(Settings.of(os.environ), data=data)
        with private_files(), closing(Adapters(settings, read_only=read_only)) as adapters:
            yield adapters
    except Refusal as refusal:
        raise Failure(refusal.reason or str(refusal)) from None
    except DAMAGED as error:
        message = (
            f"The store is damaged ({error}); `openrek verify` says more, `openrek verify --rebuild` may repair it."
        )
        raise Failure(message) from None
    except (Contended, ConditionFailed, OutcomeUnknown) as error:
        raise Failure(f"The store is too busy ({error}); try again.") from None
    except (SettingsError, WeightsError, UnusableStore, BadArchive) as error:
        raise Failure(error) from None
    except (NotExported, BadFaces, WritersBusy, OSError) as error:
        raise Failure(error) from None
    except apsw.Error as error:
        raise Failure(f"The database in {data} cannot be used: {error}.") from None
