"""`openrek index`: indexes every photo below a folder, many at once, and goes on after bad files and interruptions."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Literal

from openrek.runtime.cli.client import CALL_FAILED, code_of, explain
from openrek.runtime.cli.external_ids import NameTooLong, external_id
from openrek.runtime.cli.journal import Journal
from openrek.runtime.cli.photo_files import UnreadablePhoto, find_photos, fit, read_found

if TYPE_CHECKING:
    from mypy_boto3_rekognition import RekognitionClient

IdFrom = Literal["path", "name"]


class Fate(Enum):
    """The outcome's kind."""

    INDEXED = auto()
    WITHOUT_FACE = auto()
    DONE_BEFORE = auto()
    FAILED = auto()


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome for one photo; `why` explains a failure."""

    photo: Path
    fate: Fate
    faces: int = 0
    shrunk: bool = False
    why: str = ""


@dataclass(slots=True)
class PhotoSelection:
    """Photos to send with their ExternalImageIds, and the photos that are already known to fail."""

    photos: list[tuple[Path, str]] = field(default_factory=list)
    failed: list[Outcome] = field(default_factory=list)


def select_photos(folder: Path, id_from: IdFrom) -> PhotoSelection:
    """Find the photos and name them. Two photos of one name both fail: nobody could tell their matches apart."""
    selected = PhotoSelection()
    unreadable: list[OSError] = []
    named: dict[str, list[Path]] = {}
    for photo in find_photos(folder, unreadable.append):
        name = photo.name if id_from == "name" else photo.relative_to(folder).as_posix()
        try:
            named.setdefault(external_id(name), []).append(photo)
        except NameTooLong as error:
            selected.failed.append(Outcome(photo, Fate.FAILED, why=str(error)))
    for image_id, photos in named.items():
        if len(photos) == 1:
            selected.photos.append((photos[0], image_id))
        else:
            why = f"{len(photos)} photos would share the ExternalImageId {image_id}"
            selected.failed.extend(Outcome(photo, Fate.FAILED, why=why) for photo in photos)
    selected.failed.extend(
        Outcome(Path(str(error.filename)), Fate.FAILED, why=error.strerror or "cannot be read") for error in unreadable
    )
    return selected


def require_collection(rekognition: "RekognitionClient", collection_id: str) -> tuple[str, bool]:
    """Create the collection if it is missing; return an identity of this very one, and True if it is new."""
    created = False
    try:
        found = rekognition.describe_collection(CollectionId=collection_id)
    except CALL_FAILED as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        rekognition.create_collection(CollectionId=collection_id)
        found = rekognition.describe_collection(CollectionId=collection_id)
        created = True
    return f"{found['CollectionARN']} {found['CreationTimestamp'].timestamp()}", created


class Indexer:
    """The sender of photos to one collection; used by several threads at once."""

    def __init__(self, rekognition: "RekognitionClient", collection_id: str, journal: Journal, *, again: bool) -> None:
        self._rekognition = rekognition
        self._collection_id = collection_id
        self._journal = journal
        self._again = again

    def index(self, photo: Path, image_id: str) -> Outcome:
        """Send the photo unless the journal has it.

        Errors of one photo or one call become its outcome, and are not raised.
        """
        try:
            content = read_found(photo)
            entry = f"{hashlib.sha256(content).hexdigest()} {image_id}"
            if entry in self._journal and not self._again:
                return Outcome(photo, Fate.DONE_BEFORE)
            sent = fit(content)
            response = self._rekognition.index_faces(
                CollectionId=self._collection_id, Image={"Bytes": sent.image}, ExternalImageId=image_id
            )
        except OSError as error:
            return Outcome(photo, Fate.FAILED, why=error.strerror or "cannot be read")
        except MemoryError:
            return Outcome(photo, Fate.FAILED, why="too large for the memory of this machine")
        except UnreadablePhoto as error:
            return Outcome(photo, Fate.FAILED, why=str(error))
        except CALL_FAILED as error:
            return Outcome(photo, Fate.FAILED, why=explain(error, self._rekognition.meta.endpoint_url))
        self._journal.add(entry)
        faces = len(response["FaceRecords"])
        return Outcome(photo, Fate.INDEXED if faces else Fate.WITHOUT_FACE, faces, sent.shrunk)


def run_parallel(
    work: Callable[[Path, str], Outcome], photos: Iterable[tuple[Path, str]], jobs: int
) -> Iterator[Outcome]:
    """Yield outcomes as they come, `jobs` at once. An error of `work` is raised here.

    A caller that stops reading (Ctrl-C) waits for nothing: no further photo is begun, and the threads, which may be
    waiting for a server that does not answer, end with the process. A photo that was sent meanwhile is sent again by
    the next run, which adds nothing.
    """
    waiting: SimpleQueue[tuple[Path, str]] = SimpleQueue()
    outcomes: SimpleQueue[Outcome | BaseException] = SimpleQueue()
    for photo in photos:
        waiting.put(photo)
    count = waiting.qsize()

    def run() -> None:
        while (photo := _next(waiting)) is not None:
            try:
                outcomes.put(work(*photo))
            except BaseException as error:  # noqa: BLE001 - raised again by who reads the outcomes
                outcomes.put(error)

    for number in range(min(jobs, count)):
        Thread(target=run, name=f"openrek-index-{number}", daemon=True).start()
    try:
        for _ in range(count):
            outcome = outcomes.get()
            if isinstance(outcome, BaseException):
                raise outcome
            yield outcome
    finally:
        while _next(waiting) is not None:
            pass


def _next(waiting: SimpleQueue[tuple[Path, str]]) -> tuple[Path, str] | None:
    try:
        return waiting.get_nowait()
    except Empty:
        return None
