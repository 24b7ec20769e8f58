"""The owner's own labels, each a blob of its own: in the data folder, or in the deployment's bucket.

A blob's name is the hash of the label's name and that of the content, so a label that is learnt anew is another blob,
and one that was read is good for as long as it is there. A running server lists the names again, at most once in
`every_s` seconds, so that it sees what came and what went.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

from openrek.domain.clock import SYSTEM_CLOCK, Clock
from openrek.store.blobs.port import BlobMissing, Blobs
from openrek.vision.labels.additions import Additions
from openrek.vision.labels.own_labels import MOST_BYTES, MOST_OWN_LABELS, OwnLabel, decode_own, encode_own
from openrek.vision.models.learnt_parts import LearntPartError

if TYPE_CHECKING:
    from openrek.store.blobs.folder import FolderBlobs

FOLDER: Final = "learnt"
"""Of the data folder; the blobs of collections are in another one, which sweeps tidy up."""
PREFIX: Final = "labels/"
SUFFIX: Final = ".learnt"


class OwnLabelError(Exception):
    """The labels cannot be changed as asked; the text is one sentence."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A blob: the label in it, or why there is none."""

    blob: str
    label: OwnLabel | None
    damage: str = ""


class OwnLabels:
    """The owner's labels over blobs; safe for many threads."""

    def __init__(
        self,
        blobs: Blobs,
        *,
        every_s: float = 0.0,
        unreachable: tuple[type[Exception], ...] = (OSError,),
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        """Read nothing yet. `unreachable`: errors of `blobs` with which a photo is answered all the same."""
        self._blobs = blobs
        self._every_s = every_s
        self._unreachable = unreachable
        self._clock = clock
        self._lock = Lock()
        self._kept: dict[str, Kept] = {}
        self._looked_s: float | None = None

    def additions(self) -> Additions:
        """Return the labels for one request, and what is to be said of those that cannot be used."""
        with self._lock:
            steady_s = self._clock.steady_s()
            remarks: tuple[str, ...] = ()
            if self._looked_s is None or steady_s - self._looked_s >= self._every_s:
                try:
                    self._look()
                    self._looked_s = steady_s
                except self._unreachable:
                    remarks = ("The owner's labels cannot be read now; those that were read before are answered.",)
            kept = [self._kept[name] for name in sorted(self._kept)]
        labels = {each.label.name: each.label for each in reversed(kept) if each.label is not None}
        damaged = [each for each in kept if each.label is None]
        if damaged:
            remarks += (f"Owner's labels that cannot be used: {len(damaged)}; `openrek labels list` tells why.",)
        return Additions(tuple(labels.values()), remarks=remarks)

    def kept(self) -> list[Kept]:
        """Return what there is, as it is now, in the order of the labels' names; what is damaged comes last."""
        with self._lock:
            self._kept.clear()
            self._look()
            return sorted(self._kept.values(), key=lambda each: (each.label is None, each.label and each.label.name))

    def require_free(self, name: str) -> None:
        """Raise OwnLabelError if there is a label of this name, in whatever case, or if there are too many."""
        if self._blobs_of(name):
            raise OwnLabelError(f"There is a label {name} already: `openrek labels remove` removes it.")
        if len(list(self._names())) >= MOST_OWN_LABELS:
            raise OwnLabelError(f"There are {MOST_OWN_LABELS} labels already, which are the most.")

    def add(self, label: OwnLabel) -> None:
        """Keep a new label. Raises OwnLabelError, or LearntPartError for numbers that cannot be kept."""
        content = encode_own(label)
        self.require_free(label.name)
        self._blobs.put(f"{_stem(label.name)}-{hashlib.sha256(content).hexdigest()[:16]}{SUFFIX}", content)

    def remove(self, name: str) -> None:
        """Remove a label, damaged or not, for good. Raises OwnLabelError where there is none of this name."""
        found = self._blobs_of(name) or [each.blob for each in self.kept() if each.label is None and each.blob == name]
        if not found:
            raise OwnLabelError(f"There is no label {name}: `openrek labels list` names those that you taught.")
        for blob in found:
            self._blobs.delete(blob)

    def _look(self) -> None:
        names = list(self._names())[:MOST_OWN_LABELS]
        self._kept = {name: kept for name in names if (kept := self._read(name)) is not None}

    def _read(self, name: str) -> Kept | None:
        """Return what is in a blob; None if it is gone meanwhile."""
        if name in self._kept:
            return self._kept[name]
        try:
            return Kept(name, decode_own(self._blobs.get(name, length=MOST_BYTES + 1)))
        except BlobMissing:
            return None
        except LearntPartError as error:
            return Kept(name, None, str(error))

    def _blobs_of(self, name: str) -> list[str]:
        return list(self._blobs.names(_stem(name) + "-"))

    def _names(self) -> Iterator[str]:
        return (name for name in self._blobs.names(PREFIX) if name.endswith(SUFFIX))


def folder_blobs(data: Path, *, read_only: bool) -> "FolderBlobs":
    """Return the blobs of a data folder's labels; with `read_only` nothing is made in it."""
    from openrek.store.blobs.folder import FolderBlobs

    return FolderBlobs(data / FOLDER, read_only=read_only)


def _stem(name: str) -> str:
    """Return how the names of a label's blobs begin: names that differ in case only are the same."""
    return f"{PREFIX}{hashlib.sha256(name.casefold().encode()).hexdigest()[:32]}"
