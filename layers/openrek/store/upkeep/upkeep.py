"""What a store needs from time to time: compaction, trimming, garbage collection, erasure. Safe anywhere, any time."""

import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Final

from openrek.domain.errors import Refusal
from openrek.store.blobs.port import BlobMissing, Blobs
from openrek.store.items.port import ConditionFailed, Contended, DamagedItem, Items, OutcomeUnknown
from openrek.store.log.entries import LogGap
from openrek.store.log.keys import DIRECTORY
from openrek.store.log.sound_items import sound_rows
from openrek.store.segments.manifest import CorruptManifest
from openrek.store.segments.segment_file import CorruptSegment
from openrek.store.upkeep.compaction import Compactor
from openrek.store.upkeep.garbage_collection import Garbage
from openrek.store.upkeep.orphan_sweep import Eraser, never

DAMAGED: Final = (BlobMissing, LogGap, CorruptManifest, CorruptSegment, DamagedItem)
"""What the upkeep of a collection ends in when its head names what is not there, or what it needs is not whole."""

BUSY: Final = (Contended, ConditionFailed, OutcomeUnknown, Refusal)
"""What the upkeep of a collection ends in when others are in the way: a later pass sees to it."""

STEPS_PER_SWEEP: Final = 16
STEPS_PER_PURGE: Final = 1000


class Upkeep:
    def __init__(
        self,
        items: Items,
        blobs: Blobs,
        *,
        clock: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """`clock` gives epoch seconds, `pause` takes seconds."""
        self._items = items
        self._compactor = Compactor(items, blobs, clock=clock, pause=pause)
        self._garbage = Garbage(items, blobs, pause=pause)
        self._eraser = Eraser(items, blobs, clock=clock, pause=pause)

    def sweep(self) -> None:
        """One pass over everything that is due. Busy collections are left to the next pass.

        Raises one of `DAMAGED`, or the OSError of a blob, after everything else is done.
        """
        damaged: list[Exception] = []
        self._pass(self._collection_ids(damaged), damaged, everything=False)

    def sweep_until(self, enough: Callable[[], bool]) -> bool:
        """A sweep that ends early once there is `enough`; whether it came to the end. Raises as `sweep` does.

        Erasure comes first, and collections in a new order each time, so that sweeps which are too short leave nothing
        out for good.
        """
        damaged: list[Exception] = []
        ids = list(self._collection_ids(damaged))
        random.shuffle(ids)
        with suppress(OSError, DamagedItem):  # the pass ends with another one, which tells
            self._eraser.sweep(enough)
        self._pass(ids, damaged, everything=False, enough=enough)
        return not enough()

    def compact(self, collection_id: str, enough: Callable[[], bool]) -> bool:
        """What is due for one collection, until there is `enough`; whether it came to the end.

        Raises one of `BUSY`, or of `DAMAGED`.
        """
        while not enough():
            if not self._compactor.step(collection_id):
                self._garbage.collect(collection_id)
                return True
        return False

    def purge(self) -> None:
        """Make deletions physical now: nothing that was deleted before the call is left in any item or blob.

        Raises Contended, ConditionFailed or OutcomeUnknown when others were in the way, and as `sweep` does.
        """
        damaged: list[Exception] = []
        self._pass(self._collection_ids(damaged), damaged, everything=True)

    def _pass(
        self,
        collection_ids: Iterable[str],
        damaged: list[Exception],
        *,
        everything: bool,
        enough: Callable[[], bool] = never,
    ) -> None:
        """The first of what is `damaged`, or was already, is raised in the end."""
        for collection_id in collection_ids:
            try:
                for _ in range(STEPS_PER_PURGE if everything else STEPS_PER_SWEEP):
                    if enough() or not self._compactor.step(collection_id, everything=everything):
                        break
                else:
                    if everything:
                        raise Contended(f"others write to {collection_id} without a pause")
                if not enough():
                    self._garbage.collect(collection_id, everything=everything)
            except (*DAMAGED, OSError) as error:  # a file that cannot be read holds up nobody else
                damaged.append(error)
            except BUSY:
                if everything:
                    raise
        self._eraser.sweep(enough)
        if damaged:
            raise damaged[0]

    def _collection_ids(self, damaged: list[Exception]) -> Iterator[str]:
        return (row.attributes["id"] for row in sound_rows(self._items, DIRECTORY, damaged))
